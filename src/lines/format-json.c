/*
 * The format `json`: one object a line, as pino, bunyan, winston, zap, slog and others write it;
 * see format.h.
 *
 * No JSON library: only the members of the outermost object are looked at, up to the first that
 * holds a level, and a library would have to build all of them first. What lies deeper is skipped
 * by counting brackets outside of strings. The first of two is right: pino writes its own level
 * before a member of the same name that the program adds.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>

#include "common/util.h"
#include "lines/format-impl.h"
#include "lines/scan.h"

#define NUMBER_MAX 3 /* digits of a level */

static const char *skip_blanks(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	return p;
}

/* What follows a value of any kind: the comma or bracket behind it, or NULL. */
static const char *skip_value(const char *p, const char *end)
{
	size_t depth = 0;

	for (; p < end; p++)
		switch (*p) {
		case '"':
			p = scan_string_end(p + 1, end);
			if (!p)
				return NULL;
			break;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			if (depth == 0)
				return p;
			depth--;
			break;
		case ',':
			if (depth == 0)
				return p;
			break;
		}
	return NULL;
}

static enum level number_level(const char *p, const char *end)
{
	unsigned long number = 0;
	const char *begin = p;

	for (; p < end && isdigit((unsigned char)*p) && p - begin < NUMBER_MAX; p++)
		number = number * 10 + (unsigned long)(*p - '0');
	if (p == begin || p == end || !memchr(",} \t", *p, 4))
		return LEVEL_UNKNOWN;
	return scan_level_number(number);
}

static enum level value_level(const char *p, const char *end)
{
	const char *close;

	if (p == end || *p != '"')
		return number_level(p, end);
	close = scan_string_end(p + 1, end);
	return close ? scan_level(p + 1, (size_t)(close - p) - 1) : LEVEL_UNKNOWN;
}

static bool head(struct log_line *line)
{
	const char *end = line->text + line->size, *p = skip_blanks(line->text, end);

	if (p == end || *p != '{')
		return false;
	while (p && p < end && (*p == '{' || *p == ',')) {
		const char *key = skip_blanks(p + 1, end), *close;

		if (key == end || *key++ != '"')
			return false;
		close = scan_string_end(key, end);
		if (!close)
			return false;
		p = skip_blanks(close + 1, end);
		if (p == end || *p != ':')
			return false;
		p = skip_blanks(p + 1, end);
		if (scan_is_level_key(key, (size_t)(close - key)) &&
		    format_set(line, value_level(p, end)))
			return true;
		p = skip_value(p, end);
	}
	return false;
}

const struct format format_json = {
	.name = "json",
	.usual = { LEVEL_INFO, LEVEL_ERROR },
	.strip_ansi = true,
	.head = head,
};
