/*
 * The format `python`: what Python's logging writes in its own format (`WARNING:name:message`) and
 * in the usual ones of programs, in which a time is followed by words of which one is the level.
 * See format.h.
 *
 * logging writes to stderr unless told otherwise, and a message may have several lines: there, a
 * line without a level belongs to the one before. The very first can only be one of
 * logging.lastResort, which writes warnings and errors as they are.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "lines/format-impl.h"
#include "lines/scan.h"

#define WORDS_MAX 6 /* `- PID - name - LEVEL` */

static bool head(struct log_line *line)
{
	const char *p = line->text, *end = p + line->size;

	return format_set(line, scan_leading(p, end)) ||
	       format_set(line, scan_stamped(p, end, STAMP_ANY, WORDS_MAX));
}

const struct format format_python = {
	.name = "python",
	.usual = { LEVEL_INFO, LEVEL_WARNING },
	.strip_ansi = true,
	.keeps_stderr = true,
	.head = head,
};
