/*
 * Counting of connections; see connections.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/poller.h"
#include "common/timer.h"
#include "common/util.h"
#include "rpc/accounts.h"
#include "rpc/connections.h"
#include "rpc/guard.h"

#define LOOK_AGAIN_USEC (50 * USEC_PER_MSEC)

struct connection {
	LIST_ENTRY(connection) link;
	struct connections *all;
	connection_released *released; /* NULL until it is watched */
	void *userdata;
	struct poller_watch hangup; /* of our duplicate */
	int theirs;		    /* the number of gRPC's own; not ours, only looked at */
	ino_t inode;
	bool extra;
	struct account *account; /* NULL until it is watched */
	struct guard guard;
};

struct connections {
	struct poller *poller;
	sd_event_source *look_again; /* runs while `closing` has any */
	unsigned n, total, extra;
	LIST_HEAD(, connection) open, closing;
};

struct connection *connection_release(struct connection *connection)
{
	if (!connection)
		return NULL;
	LIST_REMOVE(connection, link);
	poller_unset(connection->all->poller, &connection->hangup);
	closep(&connection->hangup.fd);
	connection->all->n--;
	guard_unset(connection->theirs, &connection->guard);
	account_unref(connection->account);
	if (connection->released)
		connection->released(connection->guard.broken, connection->userdata);
	free(connection);
	return NULL;
}

static bool is_still_theirs(const struct connection *connection)
{
	struct stat st;

	/* A number that was used again for another socket has another inode. */
	return fstat(connection->theirs, &st) == 0 && st.st_ino == connection->inode &&
	       S_ISSOCK(st.st_mode);
}

static int look_again_later(struct connections *all)
{
	return timer_start(all->look_again, LOOK_AGAIN_USEC);
}

static int on_look_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct connections *all = userdata;
	struct connection *connection, *next;

	(void)source, (void)usec;
	for (connection = LIST_FIRST(&all->closing); connection; connection = next) {
		next = LIST_NEXT(connection, link);
		if (!is_still_theirs(connection))
			connection_release(connection);
	}
	return LIST_EMPTY(&all->closing) ? 0 : look_again_later(all);
}

static void on_hangup(struct poller_watch *watch, uint32_t events)
{
	struct connection *connection = CONTAINER_OF(watch, struct connection, hangup);
	struct connections *all = connection->all;

	(void)events;
	if (!is_still_theirs(connection)) {
		connection_release(connection);
		return;
	}
	poller_unset(all->poller, &connection->hangup);
	LIST_REMOVE(connection, link);
	if (LIST_EMPTY(&all->closing))
		(void)look_again_later(all);
	LIST_INSERT_HEAD(&all->closing, connection, link);
}

DEFINE_CLEANUP(struct connections, connections_free);

int connections_new(sd_event *event, unsigned total, unsigned extra, struct connections **ret)
{
	_cleanup_(connections_freep) struct connections *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	all->total = total;
	all->extra = extra;
	r = poller_new(event, &all->poller);
	if (r < 0)
		return r;
	r = timer_new(event, 0, on_look_again, all, &all->look_again);
	if (r < 0)
		return r;
	*ret = TAKE(all);
	return 0;
}

struct connections *connections_free(struct connections *all)
{
	if (!all)
		return NULL;
	while (!LIST_EMPTY(&all->open))
		connection_release(LIST_FIRST(&all->open));
	while (!LIST_EMPTY(&all->closing))
		connection_release(LIST_FIRST(&all->closing));
	sd_event_source_disable_unref(all->look_again);
	poller_free(all->poller);
	free(all);
	return NULL;
}

int connections_admit(struct connections *all, struct connection **ret)
{
	struct connection *connection;

	if (all->n >= all->total + all->extra)
		return -EMFILE;
	connection = calloc(1, sizeof(*connection));
	if (!connection)
		return -ENOMEM;
	connection->all = all;
	connection->hangup.fd = connection->theirs = -1;
	connection->extra = all->n >= all->total;
	all->n++;
	LIST_INSERT_HEAD(&all->open, connection, link);
	*ret = connection;
	return 0;
}

bool connection_is_extra(const struct connection *connection)
{
	return connection->extra;
}

void connection_set_extra(struct connection *connection)
{
	connection->extra = true;
}

int connection_watch(struct connection *connection, int fd, struct account *account,
		     connection_released *released, void *userdata)
{
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	connection->hangup.run = on_hangup;
	connection->hangup.fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (connection->hangup.fd < 0)
		return -errno;
	r = poller_set(connection->all->poller, &connection->hangup, 0);
	if (r < 0)
		return r;
	connection->theirs = fd;
	connection->inode = st.st_ino;
	connection->account = account_ref(account);
	connection->guard.meter = account_meter(account);
	guard_set(fd, st.st_ino, &connection->guard);
	connection->released = released;
	connection->userdata = userdata;
	return 0;
}

void connections_shut(struct connections *all, const void *userdata)
{
	struct connection *connection;

	LIST_FOREACH(connection, &all->open, link)
	if (connection->released && connection->userdata == userdata)
		(void)shutdown(connection->hangup.fd, SHUT_RDWR);
}
