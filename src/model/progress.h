/*
 * Progress: the blocks that an indexer has come to, and how they stand in its unit's status text.
 *
 * The text is written by the log helper inside of the unit, for people and for the daemon:
 *
 *	Block 1234 of 2000 (from 100), moved at 2026-01-31T12:00:00Z, stalled
 *
 * So systemd keeps it, whether the daemon is there or not. Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* All zero: nothing is known. */
struct progress {
	uint64_t starting_block;
	uint64_t current_block;
	uint64_t head_block; /* 0 where it is not known */
	uint64_t time; /* when the current block moved last, in microseconds since the epoch */
	bool stalled;
};

/* Bytes of the text at most, NUL included. */
#define PROGRESS_TEXT_MAX 160

/* Writes a progress that is known. The time is cut to whole seconds. */
void progress_write(const struct progress *progress, char buffer[PROGRESS_TEXT_MAX]);

/*
 * Reads a text that progress_write() can have written, and no other one. -EINVAL, with *ret
 * untouched, for anything else: any process of the unit may set the text.
 */
int progress_parse(const char *text, struct progress *ret);

bool progress_same(const struct progress *a, const struct progress *b);
