/*
 * The characters of a filter; see filter-lex.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/filter-lex.h"

#include <stdarg.h>
#include <stdio.h>

#include "common/util.h"
#include "model/filter.h"
#include "model/utf8.h"

#define BLANKS " \t\r\n"

/* What ends a word that is not quoted, beside the end of the filter. */
static const char *const ends[] = {
	[FILTER_WORD_NAME] = BLANKS "()<>=!,\"'\\.:",
	[FILTER_WORD_VALUE] = BLANKS "()<>=!,\"'\\",
};

/* As much of a word as a message shows, in bytes. */
#define SHOWN_MAX 64

/* Characters before `at`; a byte that is none counts as one. */
static size_t column_of(const struct filter_lex *lex, const char *at)
{
	size_t column = 1;
	uint32_t c;

	for (const char *s = lex->text; s < at; column++)
		s += MAX(utf8_decode(s, (size_t)(at - s), &c), (size_t)1);
	return column;
}

int filter_lex_refuse(const struct filter_lex *lex, const char *at, const char *format, ...)
{
	char words[REFUSAL_MESSAGE_MAX];
	va_list ap;

	va_start(ap, format);
	vsnprintf(words, sizeof(words), format, ap);
	va_end(ap);
	return refuse(lex->refusal, CODE_INVALID_ARGUMENT, "FILTER_INVALID", "filter",
		      "filter, column %zu: %s", column_of(lex, at), words);
}

int filter_lex_shown(const char *text, size_t size)
{
	size_t n = 0;

	while (n < size) {
		uint32_t c;
		size_t length = MAX(utf8_decode(text + n, size - n, &c), (size_t)1);

		if (n + length > SHOWN_MAX)
			break;
		n += length;
	}
	return (int)n;
}

int filter_lex_expected(const struct filter_lex *lex, const char *expected)
{
	size_t n = strcspn(lex->at, ends[FILTER_WORD_NAME]);

	if (*lex->at == '\0')
		return filter_lex_refuse(lex, lex->at, "expected %s, but the filter ends",
					 expected);
	/* A character with a meaning of its own is ASCII. */
	return filter_lex_refuse(lex, lex->at, "expected %s, not '%.*s'", expected,
				 filter_lex_shown(lex->at, MAX(n, (size_t)1)), lex->at);
}

int filter_lex_check(const struct filter_lex *lex)
{
	size_t n = strnlen(lex->text, FILTER_SIZE_MAX + 1);
	const char *s = lex->text, *end = lex->text + n;
	uint32_t c;

	if (n > FILTER_SIZE_MAX)
		return filter_lex_refuse(lex, lex->text + FILTER_SIZE_MAX,
					 "a filter has at most %d bytes", FILTER_SIZE_MAX);
	while (s < end) {
		size_t length = utf8_decode(s, (size_t)(end - s), &c);

		if (length == 0)
			return filter_lex_refuse(lex, s, "expected UTF-8, not the byte %.1s", s);
		s += length;
	}
	return 0;
}

static bool is_one_of(char c, const char *set)
{
	return c != '\0' && strchr(set, c);
}

void filter_lex_skip(struct filter_lex *lex)
{
	lex->at += strspn(lex->at, BLANKS);
}

/* Whether a keyword stands here as a whole word. */
static bool is_at(const struct filter_lex *lex, const char *keyword)
{
	size_t n = strlen(keyword);

	return strncmp(lex->at, keyword, n) == 0 &&
	       (lex->at[n] == '\0' || is_one_of(lex->at[n], ends[FILTER_WORD_NAME]));
}

int filter_lex_keyword(struct filter_lex *lex, const char *keyword, bool *ret)
{
	const char *behind = lex->at + strlen(keyword);

	if (!is_at(lex, keyword)) {
		*ret = false;
		return 0;
	}
	if (*behind && !is_one_of(*behind, BLANKS))
		return filter_lex_refuse(lex, behind, "expected a blank after %s", keyword);
	lex->at = behind;
	filter_lex_skip(lex);
	*ret = true;
	return 0;
}

bool filter_lex_at_word(const struct filter_lex *lex, enum filter_word_kind kind)
{
	return is_one_of(*lex->at, "\"'") ||
	       (*lex->at && !is_one_of(*lex->at, ends[kind]) && !is_at(lex, "AND") &&
		!is_at(lex, "OR") && !is_at(lex, "NOT"));
}

/* A star that was the last character until now stands inside. */
static void go_on(struct filter_word *word)
{
	if (word->star_last && !word->star_inside)
		word->star_inside = word->star_last;
	word->star_last = NULL;
}

static void put(struct filter_lex *lex, struct filter_word *word)
{
	go_on(word);
	*lex->free++ = *lex->at++;
	word->size++;
}

static void put_or_star(struct filter_lex *lex, struct filter_word *word)
{
	if (*lex->at != '*') {
		put(lex, word);
		return;
	}
	go_on(word);
	if (!word->star)
		word->star = lex->at;
	if (word->size == 0 && !word->star_first)
		word->star_first = lex->at;
	else
		word->star_last = lex->at;
	lex->at++;
}

static int scan_string(struct filter_lex *lex, struct filter_word *word)
{
	char quote = *lex->at++;

	word->quoted = true;
	while (*lex->at != quote) {
		if (*lex->at == '\0')
			return filter_lex_refuse(lex, word->at, "this %c is not closed", quote);
		if (*lex->at != '\\') {
			put_or_star(lex, word);
			continue;
		}
		if (!is_one_of(*++lex->at, "\\\"'*"))
			return filter_lex_refuse(lex, lex->at,
						 "expected one of \\ \" ' * after the backslash");
		put(lex, word);
	}
	lex->at++;
	return 0;
}

int filter_lex_word(struct filter_lex *lex, enum filter_word_kind kind, struct filter_word *ret)
{
	struct filter_word word = { .at = lex->at, .text = lex->free };
	int r = 0;

	if (is_one_of(*lex->at, "\"'"))
		r = scan_string(lex, &word);
	else
		while (*lex->at && !is_one_of(*lex->at, ends[kind]))
			put_or_star(lex, &word);
	if (r != 0)
		return r;
	*lex->free++ = '\0';
	*ret = word;
	return 0;
}

int filter_lex_member(struct filter_lex *lex, struct filter_member *ret)
{
	struct filter_word word;

	ret->n = 0;
	do {
		int r;

		if (ret->n > 0)
			lex->at++;
		r = filter_lex_word(lex, FILTER_WORD_NAME, &word);
		if (r != 0)
			return r;
		if (lex->at == word.at)
			return filter_lex_expected(lex, "a name after the dot");
		if (ret->n < ELEMENTSOF(ret->words))
			ret->words[ret->n] = word;
		ret->n++;
	} while (*lex->at == '.');
	return 0;
}

int filter_lex_operator(struct filter_lex *lex, struct filter_operator *ret)
{
	/* One that begins with another one stands before it. */
	static const struct {
		const char *text;
		enum filter_comparator comparator;
	} operators[] = {
		{ "<=", FILTER_COMPARE_LESS_OR_EQUAL },
		{ "<", FILTER_COMPARE_LESS },
		{ ">=", FILTER_COMPARE_GREATER_OR_EQUAL },
		{ ">", FILTER_COMPARE_GREATER },
		{ "!=", FILTER_COMPARE_EQUAL },
		{ "=", FILTER_COMPARE_EQUAL },
		{ ":", FILTER_COMPARE_HAS },
	};

	filter_lex_skip(lex);
	*ret = (struct filter_operator){};
	for (size_t i = 0; i < ELEMENTSOF(operators); i++) {
		const char *behind = startswith(lex->at, operators[i].text);

		if (behind) {
			*ret = (struct filter_operator){ .at = lex->at,
							 .comparator = operators[i].comparator,
							 .negated = *lex->at == '!' };
			lex->at = behind;
			return 0;
		}
	}
	return *lex->at == '!' ? filter_lex_expected(lex, "!= or NOT") : 0;
}

void filter_lex_back(struct filter_lex *lex, const char *at, char *free)
{
	lex->at = at;
	lex->free = free;
}
