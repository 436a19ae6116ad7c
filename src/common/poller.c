/*
 * Many descriptors behind one source; see poller.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/poller.h"

#define BATCH_MAX 64 /* at one wake-up, so that the loop's other sources get their turn */

struct poller {
	sd_event_source *source;
	int epoll;
	struct epoll_event batch[BATCH_MAX];
	int next, n; /* what is left of the batch under way */
};

static int on_ready(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct poller *poller = userdata;
	int n = epoll_wait(fd, poller->batch, BATCH_MAX, 0);

	(void)source, (void)revents;
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	poller->n = n;
	for (poller->next = 0; poller->next < poller->n;) {
		const struct epoll_event event = poller->batch[poller->next++];
		struct poller_watch *watch = event.data.ptr;

		if (watch)
			watch->run(watch, event.events);
	}
	return 0;
}

DEFINE_CLEANUP(struct poller, poller_free);

int poller_new(sd_event *event, struct poller **ret)
{
	_cleanup_(poller_freep) struct poller *poller = calloc(1, sizeof(*poller));
	int r;

	if (!poller)
		return -ENOMEM;
	poller->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (poller->epoll < 0)
		return -errno;
	r = sd_event_add_io(event, &poller->source, poller->epoll, EPOLLIN, on_ready, poller);
	if (r < 0)
		return r;
	*ret = TAKE(poller);
	return 0;
}

struct poller *poller_free(struct poller *poller)
{
	if (!poller)
		return NULL;
	sd_event_source_disable_unref(poller->source);
	closep(&poller->epoll);
	free(poller);
	return NULL;
}

int poller_set(struct poller *poller, struct poller_watch *watch, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = watch };

	if (watch->set && watch->events == events)
		return 0;
	if (epoll_ctl(poller->epoll, watch->set ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, watch->fd,
		      &event) < 0)
		return -errno;
	watch->set = true;
	watch->events = events;
	return 0;
}

void poller_unset(struct poller *poller, struct poller_watch *watch)
{
	if (!watch->set)
		return;
	(void)epoll_ctl(poller->epoll, EPOLL_CTL_DEL, watch->fd, NULL);
	watch->set = false;
	for (int i = poller->next; i < poller->n; i++)
		if (poller->batch[i].data.ptr == watch)
			poller->batch[i].data.ptr = NULL;
}
