/*
 * The restart back-off: how long an indexer that has ended waits before it is started again, and
 * the words that tell of such a wait. Pure.
 *
 * The step before the n-th restart in a row is
 *
 *	step(n)  = min(max, initial * 2^(n - 1))
 *	delay(n) = step(n) / 2 + random between 0 and step(n) / 2
 *
 * which is exponential back-off with "equal jitter", by M. Brooker, "Exponential Backoff And
 * Jitter", AWS Architecture Blog, 2015. Half of the step is certain, so that a crash loop costs
 * what was meant; the other half is spread evenly, so that indexers which fail together, since
 * their chain's node is away, say, do not come back together. A run of a certain length is a
 * healthy one (see indexerd.runtime(5), HealthySec=) and ends the row.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/util.h"

struct backoff {
	uint64_t initial, max; /* microseconds; 0: the default */
};

#define BACKOFF_INITIAL_USEC (1 * USEC_PER_SEC)
#define BACKOFF_MAX_USEC     (300 * USEC_PER_SEC)

/* What may be asked for. */
#define BACKOFF_LEAST_USEC (100 * USEC_PER_MSEC)
#define BACKOFF_MOST_USEC  (24 * 3600 * USEC_PER_SEC)

/*
 * Puts the defaults in the place of zeros; where one of the two is given, the other's default gives
 * way to it.
 */
void backoff_fill(struct backoff *backoff);

/*
 * The delay before the n-th restart in a row, by 64 random bits. Any number that a damaged or
 * hostile record holds is within bounds: n = 0 counts as 1, and neither a back-off of zeros nor one
 * beyond BACKOFF_MOST_USEC is believed.
 */
uint64_t backoff_delay(const struct backoff *backoff, uint32_t n, uint64_t random);

/*
 * The part of every delay that is systemd's own, RestartUSec=, in which there is no process; the
 * rest is waited for by indexer-exec. It is no longer than the shortest delay, and is what keeps an
 * indexer slow that damages the record of its own restarts.
 */
uint64_t backoff_pause(const struct backoff *backoff);

/* A wait that indexer-exec has begun. */
struct backoff_wait {
	uint32_t try;	/* the number of the try that it is for; the first start was 1 */
	uint64_t until; /* microseconds since the epoch */
};

/*
 * Writes the wait as the text that the journal and `systemctl status` show, "Waiting 37 s before
 * try 6, until 2026-01-31T12:00:00Z"; `usec` is its length.
 */
#define BACKOFF_TEXT_MAX 128
void backoff_describe(const struct backoff_wait *wait, uint64_t usec, char text[BACKOFF_TEXT_MAX]);

/* Reads such a text. False where it is none; then *ret is untouched. */
bool backoff_read(const char *text, struct backoff_wait *ret);
