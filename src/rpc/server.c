/*
 * The server; see server.h. It brings together listeners, counted connections and faces, all on the
 * main loop's thread; calls are no business of this file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/grpc_security.h>
#include <stdlib.h>

#include "common/log.h"
#include "manager/manager.h"
#include "rpc/call.h"
#include "rpc/connections.h"
#include "rpc/core.h"
#include "rpc/face.h"
#include "rpc/listener.h"
#include "rpc/stream.h"
#include "rpc/watch.h"

#define THREADS_DEFAULT 2
#define ABANDON_USEC	(5 * USEC_PER_SEC) /* how long freeing waits for cancelled calls */
#define FACE_KINDS	2

/* A face of this server. */
struct member {
	LIST_ENTRY(member) link;
	struct rpc_server *server;
	struct face *face;
	bool stopping;
};

/* A connection on the indexers' face whose indexer is still being found out. */
struct identification {
	LIST_ENTRY(identification) link;
	struct rpc_server *server; /* NULL where the server has gone meanwhile */
	struct connection *connection;
	int fd;
};

struct rpc_server {
	sd_event *event;
	struct rpc_core *core;
	grpc_server_credentials *insecure;
	struct connections *connections;
	struct listener *listeners[FACE_KINDS];
	LIST_HEAD(, member) members;
	struct member *clients;
	LIST_HEAD(, identification) identifications;
	unsigned n_identifications;
	sd_event_source *grace;
	rpc_server_drained *drained;
	void *drained_userdata;
};

static uint64_t tick(void *userdata)
{
	return calls_sweep(userdata);
}

static void member_free(struct member *member)
{
	LIST_REMOVE(member, link);
	face_destroy_server(member->face);
	face_unref(member->face);
	free(member);
}

static void on_face_stopped(struct face *face, void *userdata)
{
	struct member *member = userdata;
	struct rpc_server *server = member->server;

	(void)face;
	member_free(member);
	if (LIST_EMPTY(&server->members) && server->drained)
		server->drained(server->drained_userdata);
}

static void member_stop(struct member *member)
{
	if (!member->stopping)
		face_stop(member->face);
	member->stopping = true;
}

static int member_new(struct rpc_server *server, const struct caller *caller, struct member **ret)
{
	struct member *member = calloc(1, sizeof(*member));
	int r;

	if (!member)
		return -ENOMEM;
	member->server = server;
	r = face_new(server->core, caller, on_face_stopped, member, &member->face);
	if (r < 0) {
		free(member);
		return r;
	}
	LIST_INSERT_HEAD(&server->members, member, link);
	*ret = member;
	return 0;
}

/* The member of an indexer that still takes connections, or NULL. */
static struct member *find_member(struct rpc_server *server, const char *uid)
{
	struct member *member;

	LIST_FOREACH(member, &server->members, link)
	if (!member->stopping && streq(face_caller(member->face)->indexer_uid, uid))
		return member;
	return NULL;
}

/* Hands a counted connection to gRPC. Takes both; on failure both are closed. */
static void connect_to(struct rpc_server *server, struct member *member, int fd,
		       struct connection *connection)
{
	int r = connection_watch(connection, fd);

	if (r < 0) {
		log_warning("a connection was closed: %s", strerrordesc_np(-r));
		connection_release(connection);
		close(fd);
		return;
	}
	face_add_connection(member->face, fd, server->insecure);
}

static int admit(struct rpc_server *server, const struct ucred *peer, enum rpc_face face,
		 struct connection **ret)
{
	const struct rpc_limits *limits = &server->core->limits;
	int r;

	r = connections_admit(server->connections, peer->uid, (int)face,
			      face == RPC_FACE_CLIENTS ? limits->connections_per_user
						       : limits->connections_per_indexer,
			      ret);
	if (r <
	    0) /* at most the kernel's backlog at a time, but a client can repeat it: no warning */
		log_debug("a connection of uid %u was closed: %s", (unsigned)peer->uid,
			  r == -EUSERS ? "it has too many" : "there are too many");
	return r;
}

static void on_client(int fd, const struct ucred *peer, void *userdata)
{
	struct rpc_server *server = userdata;
	struct connection *connection;

	if (admit(server, peer, RPC_FACE_CLIENTS, &connection) < 0)
		close(fd);
	else
		connect_to(server, server->clients, fd, connection);
}

/* Takes the identified connection; an indexer's first one makes its face. */
static void connect_indexer(struct rpc_server *server, const struct caller *caller, int fd,
			    struct connection *connection)
{
	struct member *member = find_member(server, caller->indexer_uid);

	if (!member && member_new(server, caller, &member) < 0) {
		log_error("a connection of indexers/%s was closed: no memory", caller->indexer_id);
		connection_release(connection);
		close(fd);
		return;
	}
	connect_to(server, member, fd, connection);
}

static void on_identified(int error, const struct caller *caller, void *userdata)
{
	struct identification *identification = userdata;
	struct rpc_server *server = identification->server;

	if (server) {
		LIST_REMOVE(identification, link);
		server->n_identifications--;
		if (error == 0 && !atomic_load(&server->core->stopping)) {
			connect_indexer(server, caller, identification->fd,
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

static void on_indexer(int fd, const struct ucred *peer, void *userdata)
{
	_cleanup_(connection_releasep) struct connection *connection = NULL;
	struct rpc_server *server = userdata;
	struct identification *identification = NULL;

	if (server->n_identifications < server->core->limits.identifying &&
	    admit(server, peer, RPC_FACE_INDEXERS, &connection) == 0)
		identification = calloc(1, sizeof(*identification));
	if (!identification) {
		close(fd);
		return;
	}
	identification->server = server;
	identification->connection = TAKE(connection);
	identification->fd = fd;
	LIST_INSERT_HEAD(&server->identifications, identification, link);
	server->n_identifications++;
	manager_identify(server->core->manager, fd, on_identified, identification);
}

/* An invocation is over: whoever holds its connections is not the indexer any more. */
static void on_stopped(const char *uid, void *userdata)
{
	struct member *member = find_member(userdata, uid);

	if (!member)
		return;
	member_stop(member);
	face_cancel(member->face);
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
	const struct caller everybody = { 0 };
	int r;

	if (!server)
		return -ENOMEM;
	server->event = sd_event_ref(event);
	r = rpc_core_new(config, &server->core);
	if (r == 0)
		r = loop_queue_new(event, &server->core->loop);
	if (r == 0)
		r = queue_new(config->threads ? config->threads : THREADS_DEFAULT, tick,
			      server->core, &server->core->queue);
	if (r == 0)
		r = connections_new(event, server->core->limits.connections, &server->connections);
	if (r < 0)
		return r;
	r = watch_hub_new(server->core->usage, &server->core->watch);
	if (r < 0)
		return r;
	server->insecure = grpc_insecure_server_credentials_create();
	r = member_new(server, &everybody, &server->clients);
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
	for (size_t i = 0; i < FACE_KINDS; i++)
		server->listeners[i] = listener_free(server->listeners[i]);
}

static int on_grace_over(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct rpc_server *server = userdata;
	struct member *member;

	(void)source, (void)usec;
	LIST_FOREACH(member, &server->members, link)
	face_cancel(member->face);
	return 0;
}

int rpc_server_shutdown(struct rpc_server *server, uint64_t grace_usec, rpc_server_drained *done,
			void *userdata)
{
	struct member *member;
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
	LIST_FOREACH(member, &server->members, link)
	member_stop(member);
	return 0;
}

/* Cancels what is left and waits a little for gRPC to let go of it; the loop is not running now. */
static bool abandon(struct rpc_server *server)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	uint64_t until = now_usec(CLOCK_MONOTONIC) + ABANDON_USEC;
	struct member *member, *next;

	atomic_store(&server->core->stopping, true);
	LIST_FOREACH(member, &server->members, link)
	{
		member_stop(member);
		face_cancel(member->face);
	}
	for (member = LIST_FIRST(&server->members); member; member = next) {
		next = LIST_NEXT(member, link);
		while (!face_is_stopped(member->face) && now_usec(CLOCK_MONOTONIC) < until)
			nanosleep(&moment, NULL);
		if (!face_is_stopped(member->face))
			return false;
		member_free(member);
	}
	return true;
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
	if (!LIST_EMPTY(&server->members) && !abandon(server)) {
		log_error("gRPC does not let go of its calls; they are left behind");
		return server;
	}
	if (server->insecure)
		grpc_server_credentials_release(server->insecure);
	connections_free(server->connections);
	free_core(server);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}
