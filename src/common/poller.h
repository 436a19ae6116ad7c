/*
 * Many descriptors behind one source of an event loop.
 *
 * sd-event looks at all that is ready to pick one of it, each time: where thousands of descriptors
 * are ready at once, such as connections that are closed together, it is busy with nothing else.
 * Here they are taken in batches.
 *
 * The loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <systemd/sd-event.h>

struct poller;

/* Embedded in what it belongs to; all zero but `run` and `fd` at first. */
struct poller_watch {
	/* Called with what epoll tells; may unset any watch, its own too. */
	void (*run)(struct poller_watch *watch, uint32_t events);
	int fd;
	uint32_t events;
	bool set;
};

/* 0 or a negative errno; on success *ret is owned by the caller. */
int poller_new(sd_event *event, struct poller **ret);

/* No watch may be set any more. Takes NULL, returns NULL. */
struct poller *poller_free(struct poller *poller);

/*
 * Watches the descriptor for events as epoll names them, level-triggered, instead of what was
 * watched for before; EPOLLHUP and EPOLLERR are told of in any case. 0 or a negative errno.
 */
int poller_set(struct poller *poller, struct poller_watch *watch, uint32_t events);

/*
 * Watches it no more: `run` is not called again. To be done before the descriptor is closed, for a
 * copy of it would be watched on.
 */
void poller_unset(struct poller *poller, struct poller_watch *watch);
