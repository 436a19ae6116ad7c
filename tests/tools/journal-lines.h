/*
 * The numbered lines that journal-write writes and journal-stress expects: the level of each
 * follows from its number, so that a stream of any level can be checked for loss, order and
 * repetition.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/util.h"
#include "model/level.h"

static inline enum level line_level(long number)
{
	static const enum level levels[] = { LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO, LEVEL_INFO,
					     LEVEL_INFO,  LEVEL_DEBUG,	 LEVEL_TRACE };

	return levels[number % (long)ELEMENTSOF(levels)];
}

/* Lines end with a number of this kind, which is an error and passes every level. */
static inline bool is_last_candidate(long number)
{
	return line_level(number) == LEVEL_ERROR;
}
