/*
 * Counts what a peer sends in HTTP/2 frames, for what gRPC core sets no bound to: a header block
 * that goes on for ever in CONTINUATION frames, of which it keeps and goes through all again at
 * each (CVE-2023-33953: hundreds of megabytes in seconds), and streams that are opened only to be
 * reset, whose calls it cannot get rid of as fast.
 *
 * One thread at a time for each guard.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GUARD_FRAME_HEADER 9

/* What all connections of a caller count together; all zero at first. Any thread. */
struct guard_meter {
	atomic_uint resets;	 /* in this second */
	_Atomic uint64_t second; /* CLOCK_MONOTONIC */
};

/* All zero but the meter, which must outlive it, is the state of a new connection. */
struct guard {
	struct guard_meter *meter;
	uint32_t preface;   /* how much of the connection preface has come */
	uint32_t left;	    /* of the present frame's payload */
	uint32_t block;	    /* bytes of the present header block */
	const char *broken; /* which limit, in words; NULL: none yet */
	uint8_t head[GUARD_FRAME_HEADER];
	uint8_t n_head; /* how much of a frame's header has come */
};

/* Takes note of what has come. Returns false from then on where the peer has broken a limit. */
bool guard_feed(struct guard *guard, const uint8_t *data, size_t n);

/*
 * Has a guard fed with all that anybody in this process reads from a socket by recvmsg(2), as gRPC
 * does. When a limit is broken the reader finds the end of the stream, and the peer gets no
 * further. The guard must outlive the socket, or be taken away when it is closed; taking away one
 * that is not there does nothing.
 */
void guard_set(int fd, uint64_t inode, struct guard *guard);
void guard_unset(int fd, struct guard *guard);
