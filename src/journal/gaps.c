/*
 * True gaps; see gaps.h. A table of a fixed size: who is pushed out of it is doubted again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/gaps.h"
#include "model/id.h"

#define SLOTS 256

struct slot {
	char uid[ID128_TEXT_MAX];
	uint64_t invocation, line; /* of the last one */
	uint64_t since;		   /* when the first one was noted that counts */
	unsigned n;
};

struct gaps {
	pthread_mutex_t lock;
	struct slot slots[SLOTS];
};

int gaps_new(struct gaps **ret)
{
	struct gaps *gaps = calloc(1, sizeof(*gaps));

	if (!gaps)
		return -ENOMEM;
	pthread_mutex_init(&gaps->lock, NULL);
	*ret = gaps;
	return 0;
}

struct gaps *gaps_free(struct gaps *gaps)
{
	if (!gaps)
		return NULL;
	pthread_mutex_destroy(&gaps->lock);
	free(gaps);
	return NULL;
}

static struct slot *find(struct gaps *gaps, const char *uid)
{
	return &gaps->slots[text_hash(uid) % SLOTS];
}

static bool is_current(const struct slot *slot, const char *uid, uint64_t now)
{
	return slot->n > 0 && now - slot->since < GAPS_PERIOD_USEC && streq(slot->uid, uid);
}

bool gaps_are_doubted(struct gaps *gaps, const char *uid, uint64_t now)
{
	const struct slot *slot = find(gaps, uid);
	bool doubted;

	pthread_mutex_lock(&gaps->lock);
	doubted = !is_current(slot, uid, now) || slot->n < GAPS_TRUE_MAX;
	pthread_mutex_unlock(&gaps->lock);
	return doubted;
}

void gaps_note_true(struct gaps *gaps, const char *uid, uint64_t invocation, uint64_t line,
		    uint64_t now)
{
	struct slot *slot = find(gaps, uid);

	pthread_mutex_lock(&gaps->lock);
	if (!is_current(slot, uid, now)) {
		*slot = (struct slot){ .since = now };
		(void)snprintf(slot->uid, sizeof(slot->uid), "%s", uid);
	}
	if (slot->n == 0 || slot->invocation != invocation || slot->line != line)
		slot->n++;
	slot->invocation = invocation;
	slot->line = line;
	pthread_mutex_unlock(&gaps->lock);
}
