/*
 * The numbered lines that line-print and journal-write write and that journal-stress and
 * logs-resume expect: the level of each follows from its number, so that a stream of any level can
 * be checked for loss, order and repetition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/level.h"

#define NUMBERED_LINE_MAX 160

static inline enum level line_level(long number)
{
	static const enum level levels[] = { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_INFO,
					     LEVEL_INFO,  LEVEL_DEBUG,	 LEVEL_TRACE };

	return levels[number % (long)ELEMENTSOF(levels)];
}

/* Lines end with a number of this kind, which is an error and passes every level. */
static inline bool is_last_candidate(long number)
{
	return number > 0 && line_level(number) == LEVEL_ERROR;
}

/* The number of a WARNING or an ERROR among the lines of a class, from 1 on. */
static inline long line_rank(long number, enum level_class class)
{
	return class == CLASS_ERROR ? number / 7 + 1 : number / 7 * 2 + number % 7 + 1;
}

static inline const char *line_level_name(long number)
{
	static const char *const names[] = {
		[LEVEL_TRACE] = "trace",  [LEVEL_DEBUG] = "debug", [LEVEL_INFO] = "info",
		[LEVEL_WARNING] = "warn", [LEVEL_ERROR] = "error",
	};

	return names[line_level(number)];
}

/* Writes a line in logfmt, which indexer-exec knows; returns its length. */
static inline size_t line_format(long number, char text[NUMBERED_LINE_MAX])
{
	return (size_t)snprintf(text, NUMBERED_LINE_MAX,
				"n=%ld level=%s msg=\"a line of about the length that indexers "
				"write\" block=1234567 hash=0xdeadbeef",
				number, line_level_name(number));
}

/* The number of a line; -1 where it is none of these. */
static inline long line_number(const char *text, size_t size)
{
	char digits[24];

	if (size < 3 || text[0] != 'n' || text[1] != '=')
		return -1;
	(void)snprintf(digits, sizeof(digits), "%.*s", (int)MIN(size - 2, sizeof(digits) - 1),
		       text + 2);
	return atol(digits);
}
