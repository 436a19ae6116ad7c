/*
 * The format `tracing`: what Rust's tracing-subscriber and env_logger write, among them Apibara's
 * sinks (v1): a time and the level, the level alone, or with RUST_LOG_FORMAT=json an object. See
 * format.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lines/format-impl.h"
#include "lines/scan.h"

bool format_tracing_stamped(struct log_line *line)
{
	return format_set(line, scan_stamped(line->text, line->text + line->size, STAMP_T, 1));
}

static bool head(struct log_line *line)
{
	const char *p = line->text, *end = p + line->size;

	/* Names of four letters are set to the right of five. */
	p += p < end && *p == ' ';
	return format_json.head(line) || format_tracing_stamped(line) ||
	       format_set(line, scan_leading(p, end));
}

const struct format format_tracing = {
	.name = "tracing",
	.usual = { LEVEL_INFO, LEVEL_ERROR }, /* the report of a failure, or of a panic */
	.strip_ansi = true,
	.head = head,
};
