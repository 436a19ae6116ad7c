/*
 * How many calls and streams a caller has open, and all callers together.
 *
 * Nobody can use up what others need: each caller has a limit of its own, and where the total is
 * used up, each may still have a few.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>

#include "model/caller.h"
#include "model/refusal.h"
#include "rpc/server.h"

enum tally_kind {
	TALLY_CALLS, /* in flight, streams not counted */
	TALLY_STREAMS,
	TALLY_KINDS,
};

struct tally {
	atomic_uint n[TALLY_KINDS];
};

/*
 * Counts one more of the caller's own and of all. REFUSED: RESOURCE_EXHAUSTED (TOO_MANY_CALLS,
 * TOO_MANY_STREAMS), and nothing is counted.
 */
int tally_enter(struct tally *own, struct tally *all, enum tally_kind kind,
		const struct caller *caller, const struct rpc_limits *limits,
		struct refusal *refusal);
void tally_leave(struct tally *own, struct tally *all, enum tally_kind kind);
