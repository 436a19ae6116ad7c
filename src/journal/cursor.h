/*
 * Cursors: how far a stream of log records has come, as a text that a client keeps and brings back.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/util.h"
#include "journal/position.h"
#include "model/indexer.h"
#include "model/level.h"

/* The length of every cursor, without the NUL. */
#define LOG_CURSOR_SIZE 116

/*
 * The last line that has been given, or was passed by since its level is not asked for. Each
 * invocation of a unit numbers its own. A stream knows all three numbers behind a line that it has
 * seen; what it does not look at may have lines that it does not know of.
 */
struct log_numbers {
	uint64_t invocation;	  /* the first half of its id; 0: none */
	struct line_numbers last; /* the highest of each class; 0: none yet */
	bool known[CLASS_N];	  /* whether that is so */
	bool ended;		  /* the invocation's end has been given */
};

/* The number that stands for an invocation's id of `size` characters; 0 where it is not one. */
uint64_t log_invocation(const char *id, size_t size);

/*
 * What a stream that goes on from here has been given: all records up to the one at the position
 * (with `inclusive`: before it), and of those that journald took in at the same moment, the lines
 * up to that number.
 */
struct log_mark {
	struct position at;
	bool inclusive;
	bool recursive; /* of a recursive stream; the numbers are those of the record's indexer */
	struct log_numbers numbers;
};

/* Writes the cursor of a stream about the indexer with this uid: LOG_CURSOR_SIZE characters. */
void log_cursor_format(const struct log_mark *mark, const char *uid,
		       char text[LOG_CURSOR_SIZE + 1]);

/*
 * Reads a cursor. Returns 0 with *ret filled, -EINVAL where it is none of ours or has been changed,
 * or -EXDEV where it is of a stream about another indexer. The seal has no secret: it finds
 * accidents. Who makes up a cursor wins nothing but a position in logs that it may read anyway.
 */
int log_cursor_parse(const char *text, const char *uid, struct log_mark *ret);
