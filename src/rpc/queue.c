/*
 * The completion queue's threads; see queue.h.
 *
 * At least two: one that is kept busy by a client's endless header does not stop the others.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/support/log.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/util.h"
#include "rpc/queue.h"

#define THREADS_MAX 16

struct queue {
	grpc_completion_queue *cq;
	queue_tick *tick;
	void *userdata;
	pthread_t threads[THREADS_MAX];
	unsigned n_threads;
};

/*
 * gRPC's own words go where ours go. A client can provoke most of them, so only one a second is a
 * warning; the others are for whoever debugs.
 */
static void log_for_grpc(gpr_log_func_args *args)
{
	static _Atomic uint64_t last;
	uint64_t second = now_usec(CLOCK_MONOTONIC_COARSE) / USEC_PER_SEC;
	bool warns = args->severity == GPR_LOG_SEVERITY_ERROR &&
		     atomic_exchange_explicit(&last, second, memory_order_relaxed) != second;

	log_line(warns ? LOG_WARNING : LOG_DEBUG, "grpc: %s", args->message);
}

static gpr_timespec deadline(uint64_t usec)
{
	if (usec == UINT64_MAX)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
			    gpr_time_from_micros((int64_t)usec, GPR_TIMESPAN));
}

static void *serve(void *userdata)
{
	struct queue *queue = userdata;

	for (;;) {
		uint64_t wait = queue->tick(queue->userdata);
		grpc_event event = grpc_completion_queue_next(queue->cq, deadline(wait), NULL);
		struct tag *tag = event.tag;

		if (event.type == GRPC_QUEUE_SHUTDOWN)
			return NULL;
		if (event.type == GRPC_QUEUE_TIMEOUT)
			continue;
		queue_take_over(tag);
		tag->run(tag, event.success);
	}
}

static int start_threads(struct queue *queue, unsigned threads)
{
	for (unsigned i = 0; i < threads; i++) {
		int r = pthread_create(&queue->threads[i], NULL, serve, queue);

		if (r != 0)
			return -r;
		(void)pthread_setname_np(queue->threads[i], "rpc");
		queue->n_threads++;
	}
	return 0;
}

DEFINE_CLEANUP(struct queue, queue_free);

int queue_new(unsigned threads, queue_tick *tick, void *userdata, struct queue **ret)
{
	_cleanup_(queue_freep) struct queue *queue = calloc(1, sizeof(*queue));
	sigset_t all, before;
	int r;

	if (!queue)
		return -ENOMEM;
	assert(threads >= 2 && threads <= THREADS_MAX);
	queue->tick = tick;
	queue->userdata = userdata;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	gpr_set_log_function(log_for_grpc);
	grpc_init();
	queue->cq = grpc_completion_queue_create_for_next(NULL);
	r = start_threads(queue, threads);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (r < 0)
		return r;
	*ret = TAKE(queue);
	return 0;
}

struct queue *queue_free(struct queue *queue)
{
	if (!queue)
		return NULL;
	grpc_completion_queue_shutdown(queue->cq);
	for (unsigned i = 0; i < queue->n_threads; i++)
		pthread_join(queue->threads[i], NULL);
	if (queue->n_threads == 0)
		while (grpc_completion_queue_next(queue->cq, gpr_inf_future(GPR_CLOCK_MONOTONIC),
						  NULL)
			       .type != GRPC_QUEUE_SHUTDOWN)
			;
	grpc_completion_queue_destroy(queue->cq);
	grpc_shutdown();
	free(queue);
	return NULL;
}

grpc_completion_queue *queue_get(struct queue *queue)
{
	return queue->cq;
}
