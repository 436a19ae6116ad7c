/*
 * Whose gaps in the numbers of lines are to be doubted.
 *
 * A gap is looked at anew before it is told, since files can be missed and lists asked too early;
 * that takes a reader each time, for each stream. An indexer that numbers lines itself can make a
 * gap before each of them, and there may be hundreds of streams about it. So of an indexer whose
 * gaps were true a few times in a row, the next ones are told at once, for a while.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "common/util.h"

/* So many true gaps in so long. */
#define GAPS_TRUE_MAX	 4
#define GAPS_PERIOD_USEC (30 * USEC_PER_SEC)

struct gaps;

int gaps_new(struct gaps **ret);
struct gaps *gaps_free(struct gaps *gaps);
DEFINE_CLEANUP(struct gaps, gaps_free);

/* Whether gaps of the indexer are doubted at the time `now` (CLOCK_MONOTONIC, microseconds). */
bool gaps_are_doubted(struct gaps *gaps, const char *uid, uint64_t now);

/* The gap before this line was looked at and is one. Streams that tell of the same count once. */
void gaps_note_true(struct gaps *gaps, const char *uid, uint64_t invocation, uint64_t line,
		    uint64_t now);
