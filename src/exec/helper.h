/*
 * The log helper: a second process in the indexer's unit, between the program and the journal.
 *
 * It outlives the program for as long as there is output to deliver, whatever signals the unit
 * gets; only SIGKILL ends it, and then its keeper, a third process, starts it again. It is a child
 * of the service manager and not of the program, which has the children that it would have without
 * it: none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "lines/format.h"
#include "model/progress_pattern.h"

/* The program's ends of the pipes to the helper; all are close-on-exec. */
struct helper {
	int streams[STREAM_N];
	int status; /* to be closed by a successful execve(), or written to before a failed one's
		       exit */
};

struct helper_config {
	const char *identifier; /* copied */
	const struct format *format;
	const struct progress_patterns *patterns; /* copied */
	uint64_t stalled_usec;
	int tries; /* directory in which the end is noted (see tries.h), or negative; duplicated */
	void (*forget)(void *userdata); /* called in the helper: frees what only the caller needs */
	void *userdata;
};

/* Starts the helper. 0 or a negative errno. */
int helper_start(const struct helper_config *config, struct helper *ret);

/* Tells the helper that the program could not be executed, so that it does not say that it runs. */
void helper_report_failure(const struct helper *helper);
