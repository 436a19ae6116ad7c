/*
 * The tracker: follows an indexer's progress by the lines that it logs, and says when systemd is to
 * be told, and what.
 *
 * What changes is told at once, and then at most once in TRACKER_INTERVAL_USEC: each time costs PID
 * 1, the bus and the daemon together 0.6 ms, and there may be thousands of indexers. It knows no
 * clock: times are CLOCK_MONOTONIC in microseconds, by the caller. It lies in the pump's shared
 * memory, so that it outlives a log helper that is killed, and holds no pointers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/util.h"
#include "model/progress.h"
#include "model/progress_pattern.h"

#define TRACKER_INTERVAL_USEC (10 * USEC_PER_SEC)

/* Its fields are for tracker.c alone. */
struct tracker {
	struct progress_patterns patterns;
	uint64_t stalled_usec;
	struct progress progress; /* its time is 0 until there is a current block */
	bool has_start;		  /* its starting block is known */
	uint64_t moved;		  /* when the current block did */
	bool untold;		  /* something is not told yet */
	uint64_t tell_at;	  /* not before */
};

/* `stalled_usec` is how long a block may stand still before it is stalled; 0: for ever. The
 * patterns are copied. */
void tracker_init(struct tracker *tracker, const struct progress_patterns *patterns,
		  uint64_t stalled_usec);

/* Whether a line has something to note. */
static inline bool tracker_find(const struct tracker *tracker, const char *line, size_t size,
				struct progress_values *ret)
{
	return progress_patterns_find(&tracker->patterns, line, size, ret);
}

/* Notes what was found, at the time `now`, which is `time` in microseconds since the epoch. */
void tracker_note(struct tracker *tracker, const struct progress_values *values, uint64_t now,
		  uint64_t time);

/* When tracker_tell() has something to tell next, if no line comes; UINT64_MAX: never. */
uint64_t tracker_due(const struct tracker *tracker);

/* Writes the text that systemd is to be told now, which it then has. False where there is none. */
bool tracker_tell(struct tracker *tracker, uint64_t now, char text[PROGRESS_TEXT_MAX]);

/* systemd could not be told, or perhaps was not: it will be, after the interval. */
void tracker_untell(struct tracker *tracker);
