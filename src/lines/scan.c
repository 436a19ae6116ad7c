/*
 * The parsers' shared scanner; see scan.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <strings.h>

#include "common/util.h"
#include "lines/scan.h"

#define WORD_MAX 16 /* no name of a level is as long */

static const struct {
	const char *name;
	enum level level;
} names[] = {
	{ "info", LEVEL_INFO },	       { "debug", LEVEL_DEBUG },     { "warn", LEVEL_WARNING },
	{ "warning", LEVEL_WARNING },  { "error", LEVEL_ERROR },     { "trace", LEVEL_TRACE },
	{ "critical", LEVEL_ERROR },   { "fatal", LEVEL_ERROR },     { "panic", LEVEL_ERROR },
	{ "dpanic", LEVEL_ERROR },     { "emergency", LEVEL_ERROR }, { "emerg", LEVEL_ERROR },
	{ "alert", LEVEL_ERROR },      { "severe", LEVEL_ERROR },    { "crit", LEVEL_ERROR },
	{ "err", LEVEL_ERROR },	       { "eror", LEVEL_ERROR },	     { "notice", LEVEL_INFO },
	{ "information", LEVEL_INFO }, { "success", LEVEL_INFO },    { "dbug", LEVEL_DEBUG },
	{ "verbose", LEVEL_DEBUG },    { "trce", LEVEL_TRACE },	     { "silly", LEVEL_TRACE },
};

bool scan_begins(const char *p, const char *end, const char *prefix)
{
	size_t n = strlen(prefix);

	return (size_t)(end - p) >= n && memcmp(p, prefix, n) == 0;
}

bool scan_begins_with_one_of(const char *p, const char *end, const char *const *prefixes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (scan_begins(p, end, prefixes[i]))
			return true;
	return false;
}

const char *scan_spaces(const char *p, const char *end)
{
	while (p < end && *p == ' ')
		p++;
	return p;
}

const char *scan_string_end(const char *p, const char *end)
{
	for (; p < end; p++) {
		if (*p == '"')
			return p;
		p += *p == '\\';
	}
	return NULL;
}

static bool is_word(const char *word, size_t size, const char *name)
{
	return strlen(name) == size && strncasecmp(word, name, size) == 0;
}

/* Go's slog names what lies between its levels by an offset to the one below: INFO+2, DEBUG-4. */
static size_t cut_offset(const char *word, size_t size)
{
	size_t n = size;

	while (n > 0 && isdigit((unsigned char)word[n - 1]))
		n--;
	return n > 0 && n < size && (word[n - 1] == '+' || word[n - 1] == '-') ? n - 1 : size;
}

enum level scan_level(const char *word, size_t size)
{
	size_t n;

	if (size == 0 || size > WORD_MAX)
		return LEVEL_UNKNOWN;
	n = cut_offset(word, size);
	for (size_t i = 0; i < ELEMENTSOF(names); i++) {
		if (!is_word(word, n, names[i].name))
			continue;
		if (n < size && word[n] == '-' && names[i].level == LEVEL_DEBUG)
			return LEVEL_TRACE;
		return names[i].level;
	}
	return LEVEL_UNKNOWN;
}

enum level scan_level_number(unsigned long number)
{
	static const enum level tens[] = { LEVEL_TRACE,	  LEVEL_DEBUG, LEVEL_INFO,
					   LEVEL_WARNING, LEVEL_ERROR, LEVEL_ERROR };

	if (number <= 7)
		return level_from_priority((int)number, false);
	if (number < 10 || number / 10 > ELEMENTSOF(tens))
		return LEVEL_UNKNOWN;
	return tens[number / 10 - 1];
}

bool scan_is_level_key(const char *key, size_t size)
{
	static const char *const keys[] = { "level", "severity", "lvl", "levelname", "log.level" };

	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		if (is_word(key, size, keys[i]))
			return true;
	return false;
}

/* Reads a pattern in which 0 is any digit, and - a dash or, for a date, the separator. NULL: it is
 * not there. */
static const char *take(const char *p, const char *end, const char *pattern, char separator)
{
	for (; *pattern; pattern++, p++) {
		char want = *pattern == '-' ? separator : *pattern;

		if (p == end || (want == '0' ? !isdigit((unsigned char)*p) : *p != want))
			return NULL;
	}
	return p;
}

static const char *digits(const char *p, const char *end)
{
	while (p < end && isdigit((unsigned char)*p))
		p++;
	return p;
}

/* Fractions (Python has been seen to write two) and the zone, behind a time. */
static const char *skip_fraction_and_zone(const char *p, const char *end)
{
	const char *zone;

	while (end - p > 1 && (*p == ',' || *p == '.') && isdigit((unsigned char)p[1]))
		p = digits(p + 1, end);
	if (p < end && *p == 'Z')
		return p + 1;
	if (p == end || (*p != '+' && *p != '-'))
		return p;
	zone = take(p + 1, end, "00:00", '-');
	zone = zone ? zone : take(p + 1, end, "0000", '-');
	return zone ? zone : p;
}

/* "0.123s", as tracing's Uptime has it. */
static const char *take_uptime(const char *p, const char *end)
{
	const char *q = digits(p, end);

	if (q == p || q == end || *q != '.')
		return NULL;
	q = digits(q + 1, end);
	return q < end && *q == 's' ? q + 1 : NULL;
}

/* What follows the time at p; NULL where there is none of its kind. */
static const char *skip_stamp(const char *p, const char *end, enum stamp stamp)
{
	const char *q = take(p, end, "0000-00-00", stamp == STAMP_SLASH ? '/' : '-');

	if (!q && stamp == STAMP_ANY)
		q = take(p, end, "0000-00-00", '/');
	if (!q && stamp == STAMP_T)
		return take_uptime(p, end);
	if (!q && stamp == STAMP_SLASH)
		return NULL;
	if (q) {
		if (q == end || (*q != 'T' && (*q != ' ' || stamp == STAMP_T)))
			return NULL;
		q++;
	} else {
		q = p;
	}
	q = take(q, end, "00:00:00", ':');
	return q ? skip_fraction_and_zone(q, end) : NULL;
}

static bool has_capitals(const char *word, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (islower((unsigned char)word[i]))
			return false;
	return true;
}

/* The level of a word without the punctuation around it. */
static enum level trimmed_level(const char *p, const char *end, bool any_case)
{
	static const char punctuation[] = "[](){}<>|:,-";

	while (p < end && memchr(punctuation, *p, sizeof(punctuation) - 1))
		p++;
	while (p < end && memchr(punctuation, end[-1], sizeof(punctuation) - 1))
		end--;
	if (!any_case && !has_capitals(p, (size_t)(end - p)))
		return LEVEL_UNKNOWN;
	return scan_level(p, (size_t)(end - p));
}

enum level scan_stamped(const char *p, const char *end, enum stamp stamp, unsigned words)
{
	bool in_brackets;

	p = scan_spaces(p, end);
	in_brackets = p < end && *p == '[';
	p = skip_stamp(p + in_brackets, end, stamp);
	if (!p)
		return LEVEL_UNKNOWN;
	if (p < end && *p == ']')
		p++;
	if (p == end || *p != ' ') /* the time is the beginning of something longer */
		return LEVEL_UNKNOWN;
	for (unsigned i = 0; i < words; i++) {
		const char *word = scan_spaces(p, end);
		enum level level;

		for (p = word; p < end && *p != ' '; p++)
			;
		level = trimmed_level(word, p, i == 0);
		if (level != LEVEL_UNKNOWN)
			return level;
	}
	return LEVEL_UNKNOWN;
}

enum level scan_leading(const char *p, const char *end)
{
	bool in_brackets = p < end && *p == '[';
	const char *word = p + in_brackets;

	for (p = word; p < end && isupper((unsigned char)*p); p++)
		;
	if (in_brackets ? p == end || *p != ']' : p < end && !memchr(" :|\t", *p, 4))
		return LEVEL_UNKNOWN;
	return scan_level(word, (size_t)(p - word));
}
