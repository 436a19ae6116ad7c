/*
 * The server; see server.h. It brings together listeners, counted connections and the faces of who
 * connects, all on the main loop's thread; calls are no business of this file.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "manager/manager.h"
#include "rpc/call.h"
#include "rpc/connections.h"
#include "rpc/core.h"
#include "rpc/gate.h"
#include "rpc/identifications.h"
#include "rpc/listener.h"
#include "rpc/members.h"
#include "rpc/people.h"
#include "rpc/stalls.h"
#include "rpc/stream.h"
#include "rpc/watch.h"

#define THREADS_DEFAULT	  2
#define SOCKET_KINDS	  2   /* of Unix sockets */
#define CONNECTIONS_EXTRA 256 /* for who has few, where others have taken all there are */
#define DENIED_MAX	  16U /* connections of a caller who is only told that it has no access */

struct rpc_server {
	sd_event *event;
	struct rpc_core *core;
	const struct rights_rules *rules; /* not owned */
	struct connections *connections;
	struct members *members;
	struct listener *listeners[SOCKET_KINDS];
	struct identifications *identifications;
	const struct tls_files *tls_files; /* not owned */
	struct tls *tls;		   /* NULL without TCP, as is the gate */
	struct gate *gate;
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
	return error == -EACCES	  ? "its caller was disconnected a moment ago"
	       : error == -EUSERS ? "its caller has too many"
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

/* Counts the connection of a caller who is known, and takes its socket. */
static void admit(struct rpc_server *server, const struct caller *caller, int fd, bool extra)
{
	struct connection *connection;
	int r = connections_admit(server->connections, &connection);

	if (r < 0) {
		log_closed(caller->account, r);
		close(fd);
		return;
	}
	if (extra)
		connection_set_extra(connection);
	connect_caller(server, caller, fd, connection);
}

static void on_client(int fd, void *userdata)
{
	struct rpc_server *server = userdata;
	struct caller caller;
	int r = people_identify(fd, server->rules, &caller);

	if (r == 0) {
		admit(server, &caller, fd, false);
		return;
	}
	log_closed("a client", r);
	close(fd);
}

static void on_subject(int fd, const struct name_list *names, bool extra, void *userdata)
{
	struct rpc_server *server = userdata;
	struct caller caller;

	rights_of_subject(server->rules, names, &caller);
	if (!atomic_load(&server->core->stopping)) {
		admit(server, &caller, fd, extra);
		return;
	}
	log_closed(caller.account, -ESHUTDOWN);
	close(fd);
}

static void on_found(const struct caller *caller, int fd, struct connection *connection,
		     void *userdata)
{
	connect_caller(userdata, caller, fd, connection);
}

static void on_indexer(int fd, void *userdata)
{
	struct rpc_server *server = userdata;
	int r = identifications_begin(server->identifications, fd);

	if (r < 0) {
		log_closed("an indexer", r);
		close(fd);
	}
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
	server->tls_files = config->tls;
	r = rpc_core_new(config, &server->core);
	if (r == 0)
		r = loop_queue_new(event, &server->core->loop);
	if (r == 0)
		r = queue_new(config->threads ? config->threads : THREADS_DEFAULT, tick,
			      server->core, &server->core->queue);
	if (r == 0)
		r = connections_new(event, server->core->limits.connections, CONNECTIONS_EXTRA,
				    &server->connections);
	if (r == 0)
		r = watch_hub_new(server->core->usage, server->core->secrets, &server->core->watch);
	if (r == 0)
		r = stalls_new(&server->core->stalls);
	if (r == 0)
		r = members_new(event, server->core, server->connections, on_emptied, server,
				&server->members);
	if (r == 0)
		r = identifications_new(server->core, server->connections, on_found, server,
					&server->identifications);
	if (r < 0)
		return r;
	manager_on_removed(config->manager, on_removed, server);
	manager_on_stopped(config->manager, on_stopped, server);
	manager_on_published(config->manager, on_published, server);
	*ret = TAKE(server);
	return 0;
}

static int listen_tls(struct rpc_server *server, int fd)
{
	int r = tls_new(server->tls_files, &server->tls);

	if (r < 0) {
		close(fd);
		return r;
	}
	return gate_new(server->event, fd, server->tls, on_subject, server, &server->gate);
}

int rpc_server_listen(struct rpc_server *server, int fd, enum rpc_face face)
{
	if (face == RPC_FACE_SUBJECTS) {
		assert(!server->gate && server->tls_files);
		return listen_tls(server, fd);
	}
	assert(!server->listeners[face]);
	return listener_new(server->event, fd, face == RPC_FACE_CLIENTS ? on_client : on_indexer,
			    server, &server->listeners[face]);
}

int rpc_server_reload(struct rpc_server *server)
{
	return server->tls ? tls_reload(server->tls) : 1;
}

static void stop_listening(struct rpc_server *server)
{
	for (size_t i = 0; i < SOCKET_KINDS; i++)
		server->listeners[i] = listener_free(server->listeners[i]);
	if (server->gate)
		gate_close(server->gate);
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
	core->stalls = stalls_free(core->stalls); /* its thread uses gRPC */
	core->queue = queue_free(core->queue);
	core->watch = watch_hub_free(core->watch);
	core->loop = loop_queue_free(core->loop);
	rpc_core_unref(core);
}

struct rpc_server *rpc_server_free(struct rpc_server *server)
{
	if (!server)
		return NULL;
	stop_listening(server);
	server->identifications = identifications_free(server->identifications);
	sd_event_source_disable_unref(server->grace);
	if (server->core)
		atomic_store(&server->core->stopping, true);
	if (server->members && !members_abandon(server->members)) {
		log_error("gRPC does not let go of its calls; they are left behind");
		return server;
	}
	gate_free(server->gate); /* sends what gRPC has left behind */
	tls_free(server->tls);
	members_free(server->members);
	connections_free(server->connections);
	free_core(server);
	sd_event_unref(server->event);
	free(server);
	return NULL;
}
