/*
 * The characters of a filter: blanks, words, keywords, and where in the text they stand. For the
 * parser.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/refusal.h"

struct filter_lex {
	const char *text; /* the whole filter */
	const char *at;
	char *free; /* where the text of the next word goes; as long as the filter in all */
	struct refusal *refusal;
};

/* A word as it is meant: without quotes and escapes, and without the stars at its ends. */
struct filter_word {
	const char *at; /* in the filter */
	const char *text;
	size_t size;
	bool quoted;
	/* Stars, where they stand in the filter, or NULL: the first of all, and the first that is
	 * at neither end. A single star is the first character, not the last one. */
	const char *star_first, *star_last, *star, *star_inside;
};

enum filter_word_kind {
	FILTER_WORD_NAME,  /* ends at a dot or a colon */
	FILTER_WORD_VALUE, /* may have them: com.google, 2.5, 2026-01-31T12:00:00Z */
};

/* A name with dots. No field has more than two words. */
#define FILTER_MEMBER_WORDS 3

struct filter_member {
	struct filter_word words[FILTER_MEMBER_WORDS];
	size_t n; /* of the words; those behind the last one that has room are only counted */
};

enum filter_comparator {
	FILTER_COMPARE_EQUAL,
	FILTER_COMPARE_LESS,
	FILTER_COMPARE_LESS_OR_EQUAL,
	FILTER_COMPARE_GREATER,
	FILTER_COMPARE_GREATER_OR_EQUAL,
	FILTER_COMPARE_HAS,
};

struct filter_operator {
	const char *at; /* in the filter; NULL where there is none */
	enum filter_comparator comparator;
	bool negated; /* != */
};

/* Refuses the filter for what stands at `at`. */
int filter_lex_refuse(const struct filter_lex *lex, const char *at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Refuses what stands here in place of what was expected. */
int filter_lex_expected(const struct filter_lex *lex, const char *expected);

/* Refuses what is longer than a filter may be, or no UTF-8. 0 where all is well. */
int filter_lex_check(const struct filter_lex *lex);

/* Moves behind blanks. */
void filter_lex_skip(struct filter_lex *lex);

/*
 * Moves behind a keyword and the blanks after it, if it is the next word; *ret tells whether it
 * was. REFUSED where it is not followed by a blank.
 */
int filter_lex_keyword(struct filter_lex *lex, const char *keyword, bool *ret);

/* Whether a word begins here: a quote, or a character without another meaning; but no keyword. */
bool filter_lex_at_word(const struct filter_lex *lex, enum filter_word_kind kind);

/*
 * Reads a quoted string, or a run of characters that have no other meaning, which may be empty or a
 * keyword. REFUSED where a string is not closed or has an unknown escape.
 */
int filter_lex_word(struct filter_lex *lex, enum filter_word_kind kind, struct filter_word *ret);

/* Reads words with dots between them. REFUSED where nothing follows a dot. */
int filter_lex_member(struct filter_lex *lex, struct filter_member *ret);

/* Reads blanks and a comparator, if there is one. REFUSED where it is a ! alone. */
int filter_lex_operator(struct filter_lex *lex, struct filter_operator *ret);

/* Goes back to a place and forgets the words that were read from there on. */
void filter_lex_back(struct filter_lex *lex, const char *at, char *free);

/* As many bytes of a text as a message shows, cut between characters. For "%.*s". */
int filter_lex_shown(const char *text, size_t size);
