/*
 * Patterns of progress; see progress_pattern.h.
 *
 * A pattern is literals with a number between each two: text NUMBER text NUMBER text. The first
 * literal up to its first blank is what memmem(3) looks for, so that a line without it costs
 * little.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/progress_pattern.h"

#include <ctype.h>
#include <errno.h>

#include "common/util.h"

static const char *const names[PROGRESS_VALUES] = {
	[PROGRESS_CURRENT] = "${CURRENT}",
	[PROGRESS_HEAD] = "${HEAD}",
	[PROGRESS_STARTING] = "${STARTING}",
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_word(char c)
{
	return isalnum((unsigned char)c) || c == '_';
}

/* --- parsing ---------------------------------------------------------------------------------- */

struct parser {
	const char *text;
	size_t at;   /* in the text */
	size_t used; /* of the literals */
	struct progress_pattern pattern;
	const char *problem;
};

static int fail(struct parser *p, const char *problem)
{
	p->problem = problem;
	return -EBADMSG;
}

static size_t literal_begin(const struct progress_pattern *pattern, size_t i)
{
	return i > 0 ? pattern->ends[i - 1] : 0;
}

static void add_byte(struct parser *p, char c)
{
	size_t begin = literal_begin(&p->pattern, p->pattern.n);

	if (!is_blank(c))
		p->pattern.text[p->used++] = c;
	else if (p->used == begin || p->pattern.text[p->used - 1] != ' ')
		p->pattern.text[p->used++] = ' ';
}

/* A blank may stand for nothing: two numbers with no more between them would be one. */
static bool is_open(const struct parser *p)
{
	size_t begin = literal_begin(&p->pattern, p->pattern.n);

	return p->used == begin || (p->used == begin + 1 && p->pattern.text[begin] == ' ');
}

static int parse_value(struct parser *p)
{
	struct progress_pattern *pattern = &p->pattern;
	uint8_t value = 0;

	while (value < PROGRESS_VALUES && !startswith(p->text + p->at, names[value]))
		value++;
	if (value == PROGRESS_VALUES)
		return fail(p,
			    "expected ${CURRENT}, ${HEAD} or ${STARTING}; a dollar is written $$");
	if (memchr(pattern->values, value, pattern->n))
		return fail(p, "a variable is there twice");
	if (is_open(p))
		return fail(p, pattern->n == 0 ? "expected text before the first variable"
					       : "expected text between two variables");
	pattern->ends[pattern->n] = (uint16_t)p->used;
	pattern->values[pattern->n++] = value;
	p->at += strlen(names[value]);
	return 0;
}

static int parse(struct parser *p)
{
	int r = 0;

	if (strnlen(p->text, PROGRESS_PATTERN_MAX) == PROGRESS_PATTERN_MAX)
		return fail(p, "it is longer than 255 bytes");
	if (is_blank(p->text[0]))
		return fail(p, "it begins with a blank");
	while (r == 0 && p->text[p->at]) {
		const char *c = p->text + p->at;

		if (c[0] == '$' && c[1] != '$') {
			r = parse_value(p);
			continue;
		}
		add_byte(p, c[0]);
		p->at += c[0] == '$' ? 2 : 1;
	}
	if (r == 0 && p->pattern.n == 0)
		return fail(p, "it has none of ${CURRENT}, ${HEAD} and ${STARTING}");
	p->pattern.ends[p->pattern.n] = (uint16_t)p->used;
	return r;
}

/* The size of what stands before anything that varies. */
static size_t head_size(const struct progress_pattern *pattern)
{
	const char *blank = memchr(pattern->text, ' ', pattern->ends[0]);

	return blank ? (size_t)(blank - pattern->text) : pattern->ends[0];
}

/* Cuts what all heads have in common to what is in another one, too. */
static void narrow(struct progress_patterns *patterns, const struct progress_pattern *pattern)
{
	size_t head = head_size(pattern);

	if (patterns->n == 0) {
		memcpy(patterns->common, pattern->text, head);
		patterns->n_common = head;
		return;
	}
	for (size_t n = patterns->n_common; n > 0; n--)
		for (size_t at = 0; at + n <= patterns->n_common; at++)
			if (memmem(pattern->text, head, patterns->common + at, n)) {
				memmove(patterns->common, patterns->common + at, n);
				patterns->n_common = n;
				return;
			}
	patterns->n_common = 0;
}

int progress_patterns_add(struct progress_patterns *patterns, const char *text,
			  const char **ret_problem, size_t *ret_at)
{
	struct parser p = { .text = text };
	int r;

	if (patterns->n == PROGRESS_PATTERNS_MAX)
		return -E2BIG;
	r = parse(&p);
	if (r == 0) {
		narrow(patterns, &p.pattern);
		patterns->items[patterns->n++] = p.pattern;
		return 0;
	}
	*ret_problem = p.problem;
	*ret_at = p.at;
	return r;
}

/* --- finding ---------------------------------------------------------------------------------- */

/* What follows the i-th literal at p; NULL where it is not there. */
static const char *skip_literal(const struct progress_pattern *pattern, size_t i, const char *p,
				const char *end)
{
	for (size_t at = literal_begin(pattern, i); at < pattern->ends[i]; at++)
		if (pattern->text[at] == ' ') {
			while (p < end && is_blank(*p))
				p++;
		} else if (p == end || *p++ != pattern->text[at]) {
			return NULL;
		}
	return p;
}

/* A number is whole: 12 is not found in 12.5, 12,345 or 0x12; nor a word in a longer one. */
static bool ends_well(const struct progress_pattern *pattern, const char *p, const char *end)
{
	size_t last = pattern->ends[pattern->n];
	bool is_number = last == pattern->ends[pattern->n - 1];

	if (p == end || (!is_number && !is_word(pattern->text[last - 1])))
		return true;
	if (is_word(*p))
		return false;
	return !is_number || end - p < 2 || (*p != '.' && *p != ',') ||
	       !isdigit((unsigned char)p[1]);
}

/* Whether the pattern is at p, with its values. */
static bool is_at(const struct progress_pattern *pattern, const char *p, const char *end,
		  uint64_t values[PROGRESS_VALUES])
{
	for (size_t i = 0; i < pattern->n; i++) {
		p = skip_literal(pattern, i, p, end);
		p = p ? decimal_read(p, end, &values[i]) : NULL;
		if (!p)
			return false;
	}
	p = skip_literal(pattern, pattern->n, p, end);
	return p && ends_well(pattern, p, end);
}

/* Finds the first place of a pattern, and its values in the pattern's order. What begins within the
 * first PROGRESS_LINE_MAX bytes may end behind them: a number is never cut. */
static bool find(const struct progress_pattern *pattern, const char *line, size_t size,
		 uint64_t values[PROGRESS_VALUES])
{
	const char *last = line + MIN(size, (size_t)PROGRESS_LINE_MAX), *end = line + size;
	size_t n = head_size(pattern);

	for (const char *p = line; (p = memmem(p, (size_t)(last - p), pattern->text, n)); p++)
		if ((p == line || !is_word(*p) || !is_word(p[-1])) &&
		    is_at(pattern, p, end, values))
			return true;
	return false;
}

bool progress_patterns_find(const struct progress_patterns *patterns, const char *line, size_t size,
			    struct progress_values *ret)
{
	ret->found = 0;
	if (!memmem(line, MIN(size, (size_t)PROGRESS_LINE_MAX), patterns->common,
		    patterns->n_common))
		return false;
	for (size_t i = 0; i < patterns->n; i++) {
		const struct progress_pattern *pattern = &patterns->items[i];
		uint64_t values[PROGRESS_VALUES];

		if (!find(pattern, line, size, values))
			continue;
		for (size_t k = 0; k < pattern->n; k++) {
			unsigned bit = 1u << pattern->values[k];

			if (!(ret->found & bit))
				ret->value[pattern->values[k]] = values[k];
			ret->found |= bit;
		}
	}
	return ret->found != 0;
}
