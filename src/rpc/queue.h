/*
 * gRPC core's completion queue and the threads that serve it.
 *
 * A tag is a callback: what a batch was started with is called when the batch is over, on one of
 * the queue's threads. Nothing that runs there may block.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>
#include <stdint.h>

/* Embedded in what it belongs to; valid from the start of the batch until run() has been called. */
struct tag {
	void (*run)(struct tag *tag, bool success);
};

struct queue;

/*
 * Called before each wait, on any of the threads: does what is due and returns how long the thread
 * may sleep, in microseconds, or UINT64_MAX for as long as nothing happens.
 */
typedef uint64_t queue_tick(void *userdata);

/*
 * Initialises gRPC and starts the threads, all signals blocked in them and in those that gRPC
 * starts for itself. Returns 0 or a negative errno.
 */
int queue_new(unsigned threads, queue_tick *tick, void *userdata, struct queue **ret);

/*
 * Stops the threads and shuts gRPC down; every server on the queue must have been destroyed. Takes
 * NULL, returns NULL. Not on a thread of the queue.
 */
struct queue *queue_free(struct queue *queue);

grpc_completion_queue *queue_get(struct queue *queue);

/*
 * What ThreadSanitizer cannot see inside gRPC, which is built without it: whatever was written
 * before a batch was started is seen by the tag's callback. Nothing in other builds.
 */
#ifdef __SANITIZE_THREAD__
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define queue_hand_over(tag) __tsan_release(tag)
#define queue_take_over(tag) __tsan_acquire(tag)
#else
#define queue_hand_over(tag) ((void)(tag))
#define queue_take_over(tag) ((void)(tag))
#endif
