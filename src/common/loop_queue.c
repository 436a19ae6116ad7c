/*
 * Messages to the main loop; see loop_queue.h. Producers push onto an atomic list and write to an
 * eventfd only when the list was empty, so a burst costs one wake-up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "common/cleanup.h"
#include "common/loop_queue.h"
#include "common/util.h"

/* So long at most before the loop's other sources get their turn: time-outs, the bus, the watchdog.
 */
#define TURN_USEC (10 * USEC_PER_MSEC)

struct loop_queue {
	_Atomic(struct loop_item *) head; /* newest first */
	struct loop_item *first, **end;	  /* taken from there, oldest first; the loop's */
	sd_event_source *source;
	int fd;
};

/* Fails only where the counter is full, and then the loop is awake anyway. */
static void wake(struct loop_queue *queue)
{
	const uint64_t one = 1;
	ssize_t n = write(queue->fd, &one, sizeof(one));

	(void)n;
}

/* Puts what has been posted behind what is left. */
static void take_posted(struct loop_queue *queue)
{
	struct loop_item *newest =
		atomic_exchange_explicit(&queue->head, NULL, memory_order_acquire);
	struct loop_item *oldest = NULL, *next;

	if (!newest)
		return;
	for (struct loop_item *item = newest; item; item = next) {
		next = item->next;
		item->next = oldest;
		oldest = item;
	}
	*queue->end = oldest;
	queue->end = &newest->next;
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct loop_queue *queue = userdata;
	uint64_t end = now_usec(CLOCK_MONOTONIC) + TURN_USEC, count;

	(void)source, (void)revents;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;
	take_posted(queue);
	while (queue->first) {
		struct loop_item *item = queue->first;

		queue->first = item->next;
		if (!queue->first)
			queue->end = &queue->first;
		item->run(item); /* which may free it */
		if (now_usec(CLOCK_MONOTONIC) >= end)
			break;
	}
	if (queue->first)
		wake(queue);
	return 0;
}

struct loop_queue *loop_queue_free(struct loop_queue *queue)
{
	if (!queue)
		return NULL;
	sd_event_source_disable_unref(queue->source);
	if (queue->fd >= 0)
		close(queue->fd);
	free(queue);
	return NULL;
}

DEFINE_CLEANUP(struct loop_queue, loop_queue_free);

int loop_queue_new(sd_event *event, struct loop_queue **ret)
{
	_cleanup_(loop_queue_freep) struct loop_queue *queue = calloc(1, sizeof(*queue));
	int r;

	if (!queue)
		return -ENOMEM;
	queue->end = &queue->first;
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->fd < 0)
		return -errno;
	r = sd_event_add_io(event, &queue->source, queue->fd, EPOLLIN, on_readable, queue);
	if (r < 0)
		return r;
	(void)sd_event_source_set_description(queue->source, "loop-queue");
	*ret = TAKE(queue);
	return 0;
}

void loop_queue_post(struct loop_queue *queue, struct loop_item *item)
{
	struct loop_item *head = atomic_load_explicit(&queue->head, memory_order_relaxed);

	do
		item->next = head;
	while (!atomic_compare_exchange_weak_explicit(&queue->head, &head, item,
						      memory_order_release, memory_order_relaxed));
	if (!head)
		wake(queue);
}
