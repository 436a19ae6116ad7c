/*
 * The thread that finds stalled streams; see stalls.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <stdlib.h>

#include "common/condition.h"
#include "rpc/stalls.h"
#include "rpc/stream.h"

/*
 * In so much time a client has to take one of so many parts of what is queued for it. Who reads as
 * fast as it can takes all of it many times; and making a queue anew costs far less than that time.
 */
#define PATIENCE_USEC (1 * USEC_PER_SEC)
#define PARTS	      4

/* Between two looks. */
#define PERIOD_USEC (500 * USEC_PER_MSEC)

/* So much freed is given back to the system. */
#define TRIM_BYTES ((size_t)1024 * 1024)

TAILQ_HEAD(stall_list, stall);

struct stalls {
	pthread_mutex_t lock; /* taken before a stream's own */
	pthread_cond_t changed;
	struct stall_list watched;
	size_t n_watched;
	size_t freed; /* since the last time that something was given back */
	bool stopping;
	pthread_t thread;
};

/* With the lock held. The caller owns the reference that is returned. */
static struct stream *forget(struct stalls *stalls, struct stall *stall)
{
	TAILQ_REMOVE(&stalls->watched, stall, link);
	stalls->n_watched--;
	atomic_store(&stall->watched, false);
	return stall->stream;
}

/* With the lock held: what to do with a stream that is watched. */
static enum { KEEP, LET_GO, STALLED } judge(struct stall *stall, uint64_t now)
{
	uint64_t handed;
	size_t queued = rpc_stream_backlog(stall->stream, &handed);

	if (queued <= STALL_BYTES)
		return LET_GO;
	if (stall->since > 0 && now - stall->since < PATIENCE_USEC)
		return KEEP;
	if (stall->since > 0 && handed - stall->handed < queued / PARTS)
		return STALLED;
	stall->handed = handed;
	stall->since = now;
	return KEEP;
}

/*
 * Looks at each stream once. With the lock held, but for what a stall asks of a producer. Returns
 * how many bytes have been freed.
 */
static size_t look(struct stalls *stalls)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	struct stall *stall;
	struct stream *stream;
	size_t dropped, freed = 0;
	uint64_t handed;

	for (size_t n = stalls->n_watched; n > 0 && (stall = TAILQ_FIRST(&stalls->watched)); n--) {
		int verdict = judge(stall, now);

		if (verdict == KEEP) {
			TAILQ_REMOVE(&stalls->watched, stall, link);
			TAILQ_INSERT_TAIL(&stalls->watched, stall, link);
			continue;
		}
		stream = forget(stalls, stall);
		pthread_mutex_unlock(&stalls->lock);
		dropped = verdict == STALLED ? rpc_stream_stall(stream) : 0;
		freed += dropped;
		/* Its producer may have put more while it was watched, and left that to us. */
		if (dropped == 0 && rpc_stream_backlog(stream, &handed) > STALL_BYTES)
			stalls_watch(stalls, stream, stall);
		rpc_stream_unref(stream);
		pthread_mutex_lock(&stalls->lock);
	}
	return freed;
}

/* With the lock held, but for its own work. */
static void trim(struct stalls *stalls)
{
	stalls->freed = 0;
	pthread_mutex_unlock(&stalls->lock);
	malloc_trim(0);
	pthread_mutex_lock(&stalls->lock);
}

static void *watch(void *userdata)
{
	struct stalls *stalls = userdata;

	pthread_mutex_lock(&stalls->lock);
	while (!stalls->stopping) {
		uint64_t next = now_usec(CLOCK_MONOTONIC) + PERIOD_USEC;

		if (TAILQ_EMPTY(&stalls->watched)) {
			condition_wait(&stalls->changed, &stalls->lock, UINT64_MAX);
			continue;
		}
		stalls->freed += look(stalls);
		if (stalls->freed >= TRIM_BYTES)
			trim(stalls);
		while (!stalls->stopping && now_usec(CLOCK_MONOTONIC) < next)
			condition_wait(&stalls->changed, &stalls->lock, next);
	}
	pthread_mutex_unlock(&stalls->lock);
	return NULL;
}

int stalls_new(struct stalls **ret)
{
	struct stalls *stalls = calloc(1, sizeof(*stalls));
	int r;

	if (!stalls)
		return -ENOMEM;
	pthread_mutex_init(&stalls->lock, NULL);
	condition_init(&stalls->changed);
	TAILQ_INIT(&stalls->watched);
	r = pthread_create(&stalls->thread, NULL, watch, stalls);
	if (r != 0) {
		free(stalls);
		return -r;
	}
	(void)pthread_setname_np(stalls->thread, "stalls");
	*ret = stalls;
	return 0;
}

struct stalls *stalls_free(struct stalls *stalls)
{
	struct stall *stall;

	if (!stalls)
		return NULL;
	pthread_mutex_lock(&stalls->lock);
	stalls->stopping = true;
	pthread_cond_signal(&stalls->changed);
	pthread_mutex_unlock(&stalls->lock);
	(void)pthread_join(stalls->thread, NULL);
	while ((stall = TAILQ_FIRST(&stalls->watched)))
		rpc_stream_unref(forget(stalls, stall));
	pthread_mutex_destroy(&stalls->lock);
	pthread_cond_destroy(&stalls->changed);
	free(stalls);
	return NULL;
}

void stalls_watch(struct stalls *stalls, struct stream *stream, struct stall *stall)
{
	if (atomic_load_explicit(&stall->watched, memory_order_relaxed))
		return;
	pthread_mutex_lock(&stalls->lock);
	if (!atomic_load(&stall->watched)) {
		stall->stream = rpc_stream_ref(stream);
		stall->since = 0;
		atomic_store(&stall->watched, true);
		TAILQ_INSERT_TAIL(&stalls->watched, stall, link);
		if (stalls->n_watched++ == 0)
			pthread_cond_signal(&stalls->changed);
	}
	pthread_mutex_unlock(&stalls->lock);
}
