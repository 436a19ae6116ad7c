/*
 * The format `apibara`: the log of a built Apibara v2 project on Node; see format.h. Three writers
 * share it, none of which marks each line:
 *
 *	the indexer's logger	TAG | type message		stdout, whatever the type
 *	the framework (consola)	an icon or a badge, or with CI=1 [type]; warn and above: stderr
 *	Node itself		crash reports and warnings	stderr
 *
 * So a line is tried as a head of the first two's. A line that is no head has its stream's usual
 * level: INFO on stdout; ERROR on stderr, where what no writer marks is Node's report of a crash or
 * the author's console.error().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>

#include "common/util.h"
#include "lines/format-impl.h"
#include "lines/scan.h"

/* A tag is cut at 20 UTF-16 units, each of which is at most 3 bytes. */
#define TAG_MAX (20 * 3)

struct mark {
	const char *text;
	enum level level;
};

/* The types of a consola logger. */
static const struct mark types[] = {
	{ "fatal", LEVEL_ERROR },   { "error", LEVEL_ERROR }, { "fail", LEVEL_ERROR },
	{ "warn", LEVEL_WARNING },  { "log", LEVEL_INFO },    { "info", LEVEL_INFO },
	{ "success", LEVEL_INFO },  { "ready", LEVEL_INFO },  { "start", LEVEL_INFO },
	{ "box", LEVEL_INFO },	    { "debug", LEVEL_DEBUG }, { "trace", LEVEL_TRACE },
	{ "verbose", LEVEL_TRACE },
};

/* Its icons, and those for terminals without Unicode that cannot be taken for a word. */
static const struct mark icons[] = {
	{ "✖", LEVEL_ERROR }, { "×", LEVEL_ERROR }, { "⚠", LEVEL_WARNING }, { "‼", LEVEL_WARNING },
	{ "ℹ", LEVEL_INFO },  { "✔", LEVEL_INFO },  { "√", LEVEL_INFO },    { "◐", LEVEL_INFO },
	{ "⚙", LEVEL_DEBUG }, { "→", LEVEL_TRACE },
};

/* The upper edge of a box, and the lines of one with CI=1: they begin with a space but continue
 * nothing. */
static const char *const box_heads[] = { " ╭", " ┌", " ╔", " ┏", " > " };

/* The level of the mark that p begins with, followed by a space or the end; UNKNOWN where there is
 * none. */
static enum level match_mark(const char *p, const char *end, const struct mark *marks, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *after = p + strlen(marks[i].text);

		if (scan_begins(p, end, marks[i].text) && (after == end || *after == ' '))
			return marks[i].level;
	}
	return LEVEL_UNKNOWN;
}

/* The level of a type that stands between two given characters, at p, in lower or upper case. */
static enum level match_enclosed(const char *p, const char *end, char open, char close, bool upper)
{
	if (p == end || *p++ != open)
		return LEVEL_UNKNOWN;
	for (size_t i = 0; i < ELEMENTSOF(types); i++) {
		const char *type = types[i].text, *q = p;

		while (*type && q < end && *q == (upper ? toupper(*type) : *type))
			type++, q++;
		if (*type || q == end || *q++ != close)
			continue;
		if (q == end || *q == ' ')
			return types[i].level;
	}
	return LEVEL_UNKNOWN;
}

/* `[tag] ` stands before the icon or badge of a logger made with withTag(). */
static const char *skip_framework_tag(const char *p, const char *end)
{
	const char *close;

	if (p == end || *p != '[')
		return p;
	close = memchr(p, ']', MIN((size_t)(end - p), (size_t)TAG_MAX));
	return close && scan_begins(close, end, "] ") ? close + 2 : p;
}

static enum level match_framework(const char *p, const char *end)
{
	enum level level = match_enclosed(p, end, '[', ']', false);

	if (level != LEVEL_UNKNOWN)
		return level;
	p = skip_framework_tag(p, end);
	level = match_mark(p, end, icons, ELEMENTSOF(icons));
	return level != LEVEL_UNKNOWN ? level : match_enclosed(p, end, ' ', ' ', true);
}

static enum level match_box(const char *p, const char *end)
{
	return scan_begins_with_one_of(p, end, box_heads, ELEMENTSOF(box_heads)) ? LEVEL_INFO
										 : LEVEL_UNKNOWN;
}

static enum level match_logger(const char *p, const char *end)
{
	static const char bar[] = " | ";
	const char *limit = p + MIN((size_t)(end - p), TAG_MAX + sizeof(bar) - 1);
	const char *found = memmem(p, (size_t)(limit - p), bar, sizeof(bar) - 1);

	/* No tag begins with a blank: this is the inside of an object. */
	if (!found || *p == ' ' || *p == '\t')
		return LEVEL_UNKNOWN;
	return match_mark(found + sizeof(bar) - 1, end, types, ELEMENTSOF(types));
}

static bool head(struct log_line *line)
{
	const char *p = line->text, *end = p + line->size;

	return format_set(line, match_framework(p, end)) || format_set(line, match_box(p, end)) ||
	       format_set(line, match_logger(p, end));
}

const struct format format_apibara = {
	.name = "apibara",
	.usual = { LEVEL_INFO, LEVEL_ERROR },
	.strip_ansi = true,
	.head = head,
};
