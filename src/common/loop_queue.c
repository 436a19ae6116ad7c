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

struct loop_queue {
	_Atomic(struct loop_item *) head; /* newest first */
	sd_event_source *source;
	int fd;
};

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct loop_queue *queue = userdata;
	struct loop_item *newest, *oldest = NULL, *next;
	uint64_t count;

	(void)source, (void)revents;
	if (read(fd, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return -errno;

	newest = atomic_exchange_explicit(&queue->head, NULL, memory_order_acquire);
	for (; newest; newest = next) {
		next = newest->next;
		newest->next = oldest;
		oldest = newest;
	}
	for (; oldest; oldest = next) {
		next = oldest->next; /* run() may free the item */
		oldest->run(oldest);
	}
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
	const uint64_t one = 1;

	do
		item->next = head;
	while (!atomic_compare_exchange_weak_explicit(&queue->head, &head, item,
						      memory_order_release, memory_order_relaxed));
	if (!head) {
		/* Fails only where the counter is full, and then the loop is awake anyway. */
		ssize_t n = write(queue->fd, &one, sizeof(one));
		(void)n;
	}
}
