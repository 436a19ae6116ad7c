/*
 * What one stream has been given of the numbered lines (journal-lines.h): each of its level once
 * and in order, or inside a count of what is lost. One thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>

#include "journal-lines.h"

struct line_check {
	enum level level;  /* the stream's */
	bool begins_late;  /* with a tail: its first line may be any */
	bool gaps_allowed; /* lines may be gone, if they are counted */
	atomic_long last;  /* number of the last line; -1 before the first */
	long lines, gaps, wrong;
	long lost;	  /* told since the last line, */
	long lost_in_all; /* and in all */
};

/* A line has come, by its number and the level that the stream says it has. */
void line_check_line(struct line_check *check, long number, enum level level);

/* So many lines are lost, as the stream says. */
void line_check_lost(struct line_check *check, long n);
