/*
 * The log pump: what the log helper does for as long as it lives. It reads both pipes to their end
 * and gives each line to the journal as soon as it is complete.
 *
 * What it knows lies in memory that is shared with the process that watches it (keeper.c): if it is
 * killed, its successor goes on behind the last line that was sent.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "lines/format.h"
#include "model/progress_pattern.h"

struct pump_config {
	const char *identifier;
	const struct format *format;
	const struct progress_patterns *patterns; /* copied */
	uint64_t stalled_usec;			  /* as tracker_init() has it */
	const char *journal_socket;
	int streams[STREAM_N]; /* the pipes' reading ends; closed by the pump at their end */
	int status; /* ends when the program runs; something to read: it could not be run */
};

struct pump;

/* Makes a pump in shared memory, which lives as long as the processes that have it. Of the config
 * only the strings and the format are lent for as long. 0 or -ENOMEM. */
int pump_new(const struct pump_config *config, struct pump **ret);

/*
 * Returns when both pipes have ended and the journal has all lines; tells systemd in between that
 * the program runs, and of its progress. 0 or -ENOMEM.
 */
int pump_run(struct pump *pump);

/*
 * Prepares a pump, whose process was ended by a signal, for the next pump_run(), which will say so
 * in the journal. What was read and not sent is kept after SIGKILL; after any other signal it is
 * dropped, since it may be what the process died of.
 */
void pump_recover(struct pump *pump, int signal);
