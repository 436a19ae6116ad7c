/*
 * Patterns by which an indexer's progress is found in the lines that it logs: text with the places
 * of numbers in it.
 *
 *	${CURRENT}, ${HEAD}, ${STARTING}  a block's number, in decimal digits
 *	a blank				  any number of blanks and tabs, also none
 *	$$				  a dollar
 *	any other byte			  itself
 *
 * A pattern is found anywhere in a line, at its first place, where it begins and ends with whole
 * words. There is nothing in it to go back and forth for, as in a regular expression: what a line
 * costs grows with its length, whoever has written it. Pure, and on no heap; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum progress_value {
	PROGRESS_CURRENT,
	PROGRESS_HEAD,
	PROGRESS_STARTING,
	PROGRESS_VALUES,
};

#define PROGRESS_PATTERN_MAX  256  /* bytes of a pattern, NUL included */
#define PROGRESS_PATTERNS_MAX 8	   /* of an indexer */
#define PROGRESS_LINE_MAX     4096 /* how far into a line is looked */

/* The fields are for progress_pattern.c alone. */
struct progress_pattern {
	char text[PROGRESS_PATTERN_MAX];    /* the literals, one behind the other */
	uint16_t ends[PROGRESS_VALUES + 1]; /* where each of them ends; the last may be empty */
	uint8_t values[PROGRESS_VALUES];    /* which one stands behind each but the last */
	uint8_t n;			    /* values */
};

/* All zero is none. */
struct progress_patterns {
	struct progress_pattern items[PROGRESS_PATTERNS_MAX];
	size_t n;
	/* What all of them begin with or have near it: a line without it needs no other look. */
	char common[PROGRESS_PATTERN_MAX];
	size_t n_common;
};

struct progress_values {
	uint64_t value[PROGRESS_VALUES];
	unsigned found; /* a bit for each value that is there */
};

/*
 * Parses a text and appends it. 0; -EBADMSG where it is no pattern, which *ret_problem says in
 * words (static) and *ret_at by the byte, from 0; or -E2BIG where there are as many as there can
 * be.
 */
int progress_patterns_add(struct progress_patterns *patterns, const char *text,
			  const char **ret_problem, size_t *ret_at);

/*
 * Looks for all patterns in a line; each value is that of the first pattern which has it there.
 * Returns whether there is any.
 */
bool progress_patterns_find(const struct progress_patterns *patterns, const char *line, size_t size,
			    struct progress_values *ret);
