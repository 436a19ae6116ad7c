/*
 * Invocations that are about to end; see endings.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "common/util.h"
#include "journal/endings.h"

struct ending {
	uint64_t invocation;
	bool ended;
	TAILQ_ENTRY(ending) link;
	struct exit_fields fields;
};

/* Endings in the order in which they came into it, and how many it may have. */
struct queue {
	TAILQ_HEAD(, ending) head;
	size_t n, most;
};

struct endings {
	void *by_invocation; /* of tsearch(3) */
	struct queue open, ended;
};

int endings_new(size_t most, struct endings **ret)
{
	struct endings *endings = calloc(1, sizeof(*endings));

	if (!endings)
		return -ENOMEM;
	TAILQ_INIT(&endings->open.head);
	TAILQ_INIT(&endings->ended.head);
	endings->open.most = most;
	endings->ended.most = MIN(most, (size_t)ENDINGS_ENDED_MAX);
	*ret = endings;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct ending *one = a, *other = b;

	return (one->invocation > other->invocation) - (one->invocation < other->invocation);
}

static struct queue *queue_of(struct endings *endings, const struct ending *ending)
{
	return ending->ended ? &endings->ended : &endings->open;
}

static void take_out(struct endings *endings, struct ending *ending)
{
	struct queue *queue = queue_of(endings, ending);

	TAILQ_REMOVE(&queue->head, ending, link);
	queue->n--;
}

static void forget(struct endings *endings, struct ending *ending)
{
	take_out(endings, ending);
	tdelete(ending, &endings->by_invocation, compare);
	free(ending);
}

static void put(struct endings *endings, struct ending *ending)
{
	struct queue *queue = queue_of(endings, ending);

	TAILQ_INSERT_TAIL(&queue->head, ending, link);
	if (++queue->n > queue->most)
		forget(endings, TAILQ_FIRST(&queue->head));
}

struct endings *endings_free(struct endings *endings)
{
	struct ending *ending;

	if (!endings)
		return NULL;
	while ((ending = TAILQ_FIRST(&endings->open.head)))
		forget(endings, ending);
	while ((ending = TAILQ_FIRST(&endings->ended.head)))
		forget(endings, ending);
	free(endings);
	return NULL;
}

static struct ending *find(struct endings *endings, uint64_t invocation)
{
	const struct ending key = { .invocation = invocation };
	struct ending **at = tfind(&key, &endings->by_invocation, compare);

	return at ? *at : NULL;
}

struct exit_fields *endings_find(struct endings *endings, uint64_t invocation)
{
	struct ending *ending = find(endings, invocation);

	return ending ? &ending->fields : NULL;
}

struct exit_fields *endings_get(struct endings *endings, uint64_t invocation)
{
	struct ending *ending = find(endings, invocation);

	if (ending)
		return &ending->fields;
	ending = calloc(1, sizeof(*ending));
	if (!ending)
		return NULL;
	ending->invocation = invocation;
	if (!tsearch(ending, &endings->by_invocation, compare)) {
		free(ending);
		return NULL;
	}
	put(endings, ending);
	return &ending->fields;
}

void endings_end(struct endings *endings, uint64_t invocation)
{
	struct ending *ending = find(endings, invocation);

	if (!ending || ending->ended)
		return;
	take_out(endings, ending);
	ending->ended = true;
	put(endings, ending);
}
