/*
 * The format `logfmt`: lines of key=value, as Go's slog, logrus, go-kit and log15 write them, one
 * of which holds the level; and slog's other shape, `2024/11/19 11:35:45 INFO message`. See
 * format.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "lines/format-impl.h"
#include "lines/scan.h"

/* A word, or a string in quotes: from p to *ret, what follows is returned. */
static const char *take_value(const char *p, const char *end, const char **ret)
{
	const char *q;

	if (p < end && *p == '"') {
		q = scan_string_end(p + 1, end);
		*ret = q ? q : end;
		return q ? q + 1 : end;
	}
	q = memchr(p, ' ', (size_t)(end - p));
	*ret = q ? q : end;
	return *ret;
}

static bool is_key_byte(char c)
{
	return (unsigned char)c > ' ' && c != '=' && c != '"';
}

static bool head(struct log_line *line)
{
	const char *end = line->text + line->size, *p = line->text;

	if (format_set(line, scan_stamped(p, end, STAMP_SLASH, 1)))
		return true;
	while (p < end) {
		const char *key = scan_spaces(p, end), *value, *value_end;

		for (p = key; p < end && is_key_byte(*p); p++)
			;
		if (p == key || p == end || *p != '=') {
			if (key == line->text) /* no line of this format */
				return false;
			p = take_value(key, end, &value_end); /* a message without quotes */
			continue;
		}
		value = p + 1;
		p = take_value(value, end, &value_end);
		if (!scan_is_level_key(key, (size_t)(value - 1 - key)))
			continue;
		value += value < end && *value == '"';
		if (value < value_end &&
		    format_set(line, scan_level(value, (size_t)(value_end - value))))
			return true;
	}
	return false;
}

const struct format format_logfmt = {
	.name = "logfmt",
	.usual = { LEVEL_INFO, LEVEL_INFO }, /* Go's package log writes to stderr */
	.strip_ansi = true,
	.head = head,
};
