/*
 * Accepting; see listener.h.
 *
 * Core's own listener stops for ever when it runs out of descriptors (CVE-2023-4785). This one
 * pauses and tries again. It never accepts more than a few at once, so that a flood of connections
 * does not keep the loop from its other work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/timer.h"
#include "common/util.h"
#include "rpc/listener.h"

#define ACCEPTS_MAX 32 /* at one wake-up */
#define PAUSE_USEC  (100 * USEC_PER_MSEC)

struct listener {
	int fd;
	sd_event_source *readable, *resume;
	listener_accepted *accepted;
	void *userdata;
	bool starved; /* logged once, until it is over */
};

static int on_resume(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct listener *listener = userdata;

	(void)source, (void)usec;
	return sd_event_source_set_enabled(listener->readable, SD_EVENT_ON);
}

static int pause_accepting(struct listener *listener, int error)
{
	int r;

	if (!listener->starved)
		log_warning("no connection can be accepted for now: %s", strerrordesc_np(error));
	listener->starved = true;
	r = sd_event_source_set_enabled(listener->readable, SD_EVENT_OFF);
	return r < 0 ? r : timer_start(listener->resume, PAUSE_USEC);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata)
{
	struct listener *listener = userdata;

	(void)source, (void)revents;
	for (unsigned i = 0; i < ACCEPTS_MAX; i++) {
		int connected = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (connected >= 0) {
			listener->starved = false;
			listener->accepted(connected, listener->userdata);
		} else if (errno == EAGAIN) {
			break;
		} else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
			   errno == ENOMEM) {
			return pause_accepting(listener, errno);
		} /* anything else is about this one connection, which has gone already */
	}
	return 0;
}

DEFINE_CLEANUP(struct listener, listener_free);

int listener_new(sd_event *event, int fd, listener_accepted *accepted, void *userdata,
		 struct listener **ret)
{
	_cleanup_(listener_freep) struct listener *listener = calloc(1, sizeof(*listener));
	int flags = fcntl(fd, F_GETFL), r;

	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	*listener = (struct listener){ .fd = fd, .accepted = accepted, .userdata = userdata };
	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	r = sd_event_add_io(event, &listener->readable, fd, EPOLLIN, on_readable, listener);
	if (r < 0)
		return r;
	r = timer_new(event, 0, on_resume, listener, &listener->resume);
	if (r < 0)
		return r;
	*ret = TAKE(listener);
	return 0;
}

struct listener *listener_free(struct listener *listener)
{
	if (!listener)
		return NULL;
	sd_event_source_disable_unref(listener->readable);
	sd_event_source_disable_unref(listener->resume);
	close(listener->fd);
	free(listener);
	return NULL;
}
