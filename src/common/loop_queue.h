/*
 * Messages from any thread to the main loop: work that changes state is done there and nowhere
 * else.
 *
 * The queue owns nothing but its nodes' order; a node is embedded in what is posted and must stay
 * valid until its function has been called. Functions run on the main loop's thread in the order of
 * posting; where there are many, the loop's other sources get their turns in between.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-event.h>

struct loop_queue;

struct loop_item {
	struct loop_item *next;
	void (*run)(struct loop_item *item); /* called once, on the loop's thread */
};

/*
 * Makes a queue whose items run in the given event loop, with the priority of a normal source.
 * Returns 0 or a negative errno; on success *ret is owned by the caller.
 */
int loop_queue_new(sd_event *event, struct loop_queue **ret);

/* Frees the queue; items still in it are not run. Takes NULL, returns NULL. Loop's thread only. */
struct loop_queue *loop_queue_free(struct loop_queue *queue);

/* Hands an item to the loop. Any thread; never blocks, never fails. */
void loop_queue_post(struct loop_queue *queue, struct loop_item *item);
