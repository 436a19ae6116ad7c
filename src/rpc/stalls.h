/*
 * Finds streams whose client does not read, or slowly.
 *
 * Whoever puts more into a stream's queue than the client takes has it watched. A thread looks at
 * those now and then: one whose client has taken too little of it meanwhile gives up what is
 * queued. While nothing is watched, the thread sleeps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/cleanup.h"

/* What any stream may keep: less is not worth making it anew. */
#define STALL_BYTES ((size_t)8 * 1024)

struct stalls;
struct stream;

/* A stream's place among those that are watched; part of the stream. */
struct stall {
	atomic_bool watched;   /* changed under the stalls' lock, which guards the others */
	struct stream *stream; /* referenced while it is watched */
	uint64_t handed;       /* what gRPC had been handed */
	uint64_t since;	       /* at this time (CLOCK_MONOTONIC, microseconds); 0: not yet */
	TAILQ_ENTRY(stall) link;
};

/* Starts the thread. Returns 0 or a negative errno. */
int stalls_new(struct stalls **ret);

/* Stops the thread; all streams must be closed. Takes NULL, returns NULL. */
struct stalls *stalls_free(struct stalls *stalls);
DEFINE_CLEANUP(struct stalls, stalls_free);

/* Watches a stream until there is little in its queue, or it is closed. Any thread. */
void stalls_watch(struct stalls *stalls, struct stream *stream, struct stall *stall);
