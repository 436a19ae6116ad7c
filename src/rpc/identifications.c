/*
 * Finding out which indexer has connected; see identifications.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/util.h"
#include "manager/manager.h"
#include "rpc/identifications.h"

/* One connection; the manager has it until it knows. */
struct identification {
	LIST_ENTRY(identification) link;
	struct identifications *all; /* NULL where that has gone meanwhile */
	struct connection *connection;
	uid_t uid;
	int fd;
};

struct identifications {
	struct rpc_core *core;
	struct connections *connections; /* not owned */
	identifications_found *found;
	void *userdata;
	LIST_HEAD(, identification) list;
	unsigned n;
};

int identifications_new(struct rpc_core *core, struct connections *connections,
			identifications_found *found, void *userdata, struct identifications **ret)
{
	struct identifications *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->core = rpc_core_ref(core);
	all->connections = connections;
	all->found = found;
	all->userdata = userdata;
	*ret = all;
	return 0;
}

/* Takes it out of the list; its connection is counted no more. */
static void forget(struct identification *identification)
{
	LIST_REMOVE(identification, link);
	identification->all->n--;
	identification->all = NULL;
	connection_release(TAKE(identification->connection));
}

struct identifications *identifications_free(struct identifications *all)
{
	if (!all)
		return NULL;
	while (!LIST_EMPTY(&all->list))
		forget(LIST_FIRST(&all->list));
	rpc_core_unref(all->core);
	free(all);
	return NULL;
}

static void log_refused(int error)
{
	log_notice("a connection to the indexers' socket was refused: %s",
		   error == -EPERM ? "its peer is not a live indexer of ours"
				   : strerrordesc_np(-error));
}

static void on_identified(int error, const struct caller *caller, void *userdata)
{
	_cleanup_free_ struct identification *identification = userdata;
	struct identifications *all = identification->all;
	struct connection *connection;

	if (all && error == 0 && !atomic_load(&all->core->stopping)) {
		connection = TAKE(identification->connection);
		forget(identification);
		all->found(caller, identification->fd, connection, all->userdata);
		return;
	}
	if (all && error < 0)
		log_refused(error);
	if (all)
		forget(identification);
	close(identification->fd);
}

/* Whether one more connection can be looked into; no single one can keep out the others. */
static bool may_begin(const struct identifications *all, uid_t uid)
{
	const struct rpc_limits *limits = &all->core->limits;
	const struct identification *other;
	unsigned n = 0;

	LIST_FOREACH(other, &all->list, link)
	n += other->uid == uid;
	return all->n < limits->identifying && n < limits->connections_per_indexer;
}

int identifications_begin(struct identifications *all, int fd)
{
	_cleanup_free_ struct identification *identification = calloc(1, sizeof(*identification));
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int r;

	if (!identification)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (!may_begin(all, peer.uid))
		return -EUSERS;
	r = connections_admit(all->connections, &identification->connection);
	if (r < 0)
		return r;
	identification->all = all;
	identification->uid = peer.uid;
	identification->fd = fd;
	LIST_INSERT_HEAD(&all->list, identification, link);
	all->n++;
	manager_identify(all->core->manager, fd, on_identified, TAKE(identification));
	return 0;
}
