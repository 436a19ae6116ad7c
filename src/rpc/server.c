/*
 * The server; see server.h. It brings together listeners, counted connections and the faces of who
 * connects, all on the main loop's thread; calls are no business of this file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/log.h"
#include "manager/manager.h"
#include "rpc/call.h"
#include "rpc/connections.h"
#include "rpc/core.h"
#include "rpc/listener.h"
#include "rpc/members.h"
#include "rpc/people.h"
#include "rpc/stream.h"
#include "rpc/watch.h"

#define THREADS_DEFAULT 2
#define SOCKET_KINDS	2   /* of Unix sockets */
#define DENIED_MAX	16U /* connections of a caller who is only told that it has no access */

/* A connection on the indexers' face whose indexer is still being found out. */
struct identification {
	LIST_ENTRY(identification) link;
	struct rpc_server *server; /* NULL where the server has gone meanwhile */
	struct connection *connection;
	uid_t uid;
	int fd;
};

struct rpc_server {
	sd_event *event;
	struct rpc_core *core;
	const struct rights_rules *rules; /* not owned */
	struct connections *connections;
	struct members *members;
	struct listener *listeners[SOCKET_KINDS];
	LIST_HEAD(, identification) identifications;
	unsigned n_identifications;
	sd_event_source *grace;
	rpc_server_drained *drained;
	void *drained_userdata;
};

static const struct rights_rules no_rules;

static uint64_t tick(void *userdata)
{
	return calls_sweep(userdata);
}

static void on_emptied(void *userdata)
{
	struct rpc_server *server = userdata;

	if (server->drained)
		server->drained(server->drained_userdata);
}

static const char *why_closed(int error)
{
	return error == -EUSERS	  ? "its caller has too many"
	       : error == -EMFILE ? "there are too many"
				  : strerrordesc_np(-error);
}

/* At most the kernel's backlog at a time, but a client can repeat it: no warning. */
static void log_closed(const char *who, int error)
{
	log_debug("a connection of %s was closed: %s", who, why_closed(error));
}

static unsigned connection_limit(const struct rpc_server *server, const struct caller *caller)
{
	const struct rpc_limits *limits = &server->core->limits;

	if (caller_is_indexer(caller))
		return limits->connections_per_indexer;
	return caller->rights == RIGHTS_NONE ? MIN(limits->connections_per_user, DENIED_MAX)
					     : limits->connections_per_user;
}

/* Takes the connection and the socket of a caller who is known. */
static void connect_caller(struct rpc_server *server, const struct caller *caller, int fd,
			   struct connection *connection)
{
	int r = members_connect(server->members, caller, connection_limit(server, caller), fd,
				connection);

	if (r < 0)
		log_closed(caller->account, r);
}

static void on_client(int fd, void *userdata)
{
	struct rpc_server *server = userdata;
	struct connection *connection;
	struct caller caller;
	int r = people_identify(fd, server->rules, &caller);

	if (r == 0)
		r = connections_admit(server->connections, &connection);
	if (r == 0) {
		connect_caller(server, &caller, fd, connection);
		return;
	}
	log_closed("a client", r);
	close(fd);
}

static void on_identified(int error, const struct caller *caller, void *userdata)
{
	struct identification *identification = userdata;
	struct rpc_server *server = identification->server;

	if (server) {
		LIST_REMOVE(identification, link);
		server->n_identifications--;
		if (error == 0 && !atomic_load(&server->core->stopping)) {
			connect_caller(server, caller, identification->fd,
				       identification->connection);
			free(identification);
			return;
		}
		if (error < 0)
			log_notice("a connection to the indexers' socket was refused: %s",
				   error == -EPERM ? "its peer is not a live indexer of ours"
						   : strerrordesc_np(-error));
		connection_release(identification->connection);
	}
	close(identification->fd);
	free(identification);
}

/* Whether one more connection can be looked into; nobody can keep out the others by theirs. */
static bool may_identify(const struct rpc_server *server, uid_t uid)
{
	const struct rpc_limits *limits = &server->core->limits;
	const struct identification *other;
	unsigned n = 0;

	if (server->n_identifications >= limits->identifying)
		return false;
	LIST_FOREACH(other, &server->identifications, link)
	n += other->uid == uid;
	return n < limits->connections_per_indexer;
}

static int begin_identification(struct rpc_server *server, int fd, struct identification **ret)
{
	_cleanup_free_ struct identification *identification = calloc(1, sizeof(*identification));
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int r;

	if (!identification)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	if (!may_identify(server, peer.uid))
		return -EUSERS;
	r = connections_admit(server->connections, &identification->connection);
	if (r < 0)
		return r;
	identification->server = server;
	identification->uid = peer.uid;
	identification->fd = fd;
	LIST_INSERT_HEAD(&server->identifications, identification, link);
	server->n_identifications++;
	*ret = TAKE(identification);
	return 0;
}

static void on_indexer(int fd, void *userdata)
{
	struct rpc_server *server = userdata;
	struct identification *identification = NULL;
	int r = begin_identification(server, fd, &identification);

	if (r < 0) {
		log_closed("an indexer", r);
		close(fd);
		return;
	}
	manager_identify(server->core->manager, fd, on_identified, identification);
}

/* An invocation is over: whoever holds its connections is not the indexer any more. */
static void on_stopped(const char *uid, void *userdata)
{
	struct rpc_server *server = userdata;

	members_drop_indexer(server->members, uid);
}

static void on_removed(const char *uid, void *userdata)
{
	struct rpc_server *server = userdata;

	on_stopped(uid, server);
	streams_indexer_removed(server->core, uid);
}

static void on_published(struct snapshot *snapshot, void *userdata)
{
	struct rpc_server *server = userdata;

	watch_hub_publish(server->core->watch, snapshot);
}

int rpc_server_new(sd_event *event, const struct rpc_server_config *config, struct rpc_server **ret)
{
	_cleanup_(rpc_server_freep) struct rpc_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return -ENOMEM;
	server->event = sd_event_ref(event);
	server->rules = config->rules ? config->rules : &no_rules;
	r = rpc_core_new(config, &server->core);
	if (r == 0)
		r = loop_queue_new(event, &server->core->loop);
	if (r == 0)
		r = queue_new(config->threads ? config->threads : THREADS_DEFAULT, tick,
			      server->core, &server->core->queue);
	if (r == 0)
		r = connections_new(event, server->core->limits.connections, &server->connections);
	if (r == 0)
		r = watch_hub_new(server->core->usage, &server->core->watch);
	if (r == 0)
		r = members_new(server->core, on_emptied, server, &server->members);
	if (r < 0)
		return r;
	manager_on_removed(config->manager, on_removed, server);
	manager_on_stopped(config->manager, on_stopped, server);
	manager_on_published(config->manager, on_published, server);
	*ret = TAKE(server);
	return 0;
}

int rpc_server_listen(struct rpc_server *server, int fd, enum rpc_face face)
{
	assert(!server->listeners[face]);
	return listener_new(server->event, fd, face == RPC_FACE_CLIENTS ? on_client : on_indexer,
			    server, &server->listeners[face]);
}

static void stop_listening(struct rpc_server *server)
{
	for (size_t i = 0; i < SOCKET_KINDS; i++)
		server->listeners[i] = listener_free(server->listeners[i]);
}

static int on_grace_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct rpc_server *server = userdata;

	(void)source, (void)usec;
	members_cancel(server->members);
	return 0;
}

int rpc_server_shutdown(struct rpc_server *server, uint64_t grace_usec, rpc_server_drained *done,
			void *userdata)
{
	int r;

	assert(!server->drained);
	r = sd_event_add_time_relative(server->event, &server->grace, CLOCK_MONOTONIC, grace_usec,
				       0, on_grace_over, server);
	if (r < 0)
		return r;
	server->drained = done;
	server->drained_userdata = userdata;
	atomic_store(&server->core->stopping, true);
	stop_listening(server);
	streams_stop(server->core);
	members_stop(server->members);
	if (members_is_empty(server->members))
		done(userdata);
	return 0;
}

static void free_core(struct rpc_server *server)
{
	struct rpc_core *core = server->core;

	if (!core)
		return;
	manager_on_removed(core->manager, NULL, NULL);
	manager_on_stopped(core->manager, NULL, NULL);
	manager_on_published(core->manager, NULL, NULL);
	core->queue = queue_free(core->queue);
	core->watch = watch_hub_free(core->watch);
	core->loop = loop_queue_free(core->loop);
	rpc_core_unref(core);
}

struct rpc_server *rpc_server_free(struct rpc_server *server)
{
	struct identification *identification;

	if (!server)
		return NULL;
	stop_listening(server);
	while (!LIST_EMPTY(&server->identifications)) {
		identification = LIST_FIRST(&server->identifications);
		LIST_REMOVE(identification, link);
		connection_release(identification->connection);
		identification->server = NULL;
	}
	sd_event_source_disable_unref(server->grace);
	if (server->core)
		atomic_store(&server->core->stopping, true);
	if (server->members && !members_abandon(server->members)) {
		log_error("gRPC does not let go of its calls; they are left behind");
		return server;
	}
	members_free(server->members);
	connections_free(server->connections);
	free_core(server);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}
