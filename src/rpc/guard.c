/*
 * Counting frames; see guard.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "rpc/guard.h"

#define PREFACE_SIZE 24 /* "PRI * HTTP/2.0..."; one that is wrong is gRPC's business */

#define FRAME_HEADERS	   1
#define FRAME_RST_STREAM   3
#define FRAME_CONTINUATION 9

/* gRPC answers to what is above its own limit of 16 KiB, but must not be sent without an end. */
#define BLOCK_MAX  (64 * 1024)
#define RESETS_MAX 4096 /* in a second: as many as a caller can have streams, and more */

static void count_block(struct guard *guard, uint32_t size, bool begins)
{
	guard->block = begins ? size : guard->block + size;
	if (guard->block > BLOCK_MAX)
		guard->broken = "it has sent more than 64 KiB of headers in one piece";
}

static void count_reset(struct guard *guard)
{
	struct guard_meter *meter = guard->meter;
	uint64_t second = now_usec(CLOCK_MONOTONIC_COARSE) / USEC_PER_SEC;

	/* Where two threads are at it when a second begins, a few may be counted in neither. */
	if (atomic_exchange(&meter->second, second) != second)
		atomic_store(&meter->resets, 0);
	if (atomic_fetch_add(&meter->resets, 1) >= RESETS_MAX)
		guard->broken = "its caller has reset more than 4,096 streams in a second";
}

/* A frame begins. */
static void count_frame(struct guard *guard)
{
	const uint8_t *head = guard->head;
	uint32_t size = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];

	guard->left = size;
	if (head[3] == FRAME_HEADERS || head[3] == FRAME_CONTINUATION)
		count_block(guard, size, head[3] == FRAME_HEADERS);
	else if (head[3] == FRAME_RST_STREAM)
		count_reset(guard);
}

/* Skips what lies between two frames' headers; returns how much it was. */
static size_t skip(uint32_t *left, size_t n)
{
	uint32_t step = (uint32_t)MIN((size_t)*left, n);

	*left -= step;
	return step;
}

bool guard_feed(struct guard *guard, const uint8_t *data, size_t n)
{
	size_t at = MIN((size_t)(PREFACE_SIZE - guard->preface), n);

	guard->preface += (uint32_t)at;
	while (at < n && !guard->broken) {
		at += skip(&guard->left, n - at);
		for (; guard->left == 0 && guard->n_head < GUARD_FRAME_HEADER && at < n; at++)
			guard->head[guard->n_head++] = data[at];
		if (guard->n_head == GUARD_FRAME_HEADER) {
			guard->n_head = 0;
			count_frame(guard);
		}
	}
	return !guard->broken;
}
