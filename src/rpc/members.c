/*
 * The faces of a server; see members.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/grpc_security.h>
#include <malloc.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/timer.h"
#include "common/util.h"
#include "rpc/accounts.h"
#include "rpc/face.h"
#include "rpc/members.h"

#define CONNECTIONS_FEW 8
#define TRIM_USEC	(2 * USEC_PER_SEC) /* at most as often */
#define ABANDON_USEC	(5 * USEC_PER_SEC) /* how long is waited for cancelled calls */

/* A face, for as long as gRPC has it or a connection is counted on it. */
struct member {
	LIST_ENTRY(member) link;
	struct members *all;
	struct face *face; /* NULL when gRPC has let go of it */
	unsigned n_connections;
	bool stopping;
};

struct members {
	struct rpc_core *core;
	struct connections *connections; /* not owned */
	sd_event_source *trim;		 /* when memory is given back, or off */
	grpc_server_credentials *insecure;
	members_emptied *emptied;
	void *userdata;
	LIST_HEAD(, member) list; /* those with a face */
};

/*
 * What a caller has used is free again when it has gone, but glibc keeps it, for each thread that
 * has used it: hundreds of megabytes after a flood.
 */
static int on_trim(sd_event_source *source, uint64_t usec, void *userdata)
{
	(void)source, (void)usec, (void)userdata;
	(void)malloc_trim(0);
	return 0;
}

static void trim_soon(struct members *members)
{
	int on;

	if (sd_event_source_get_enabled(members->trim, &on) >= 0 && on != SD_EVENT_OFF)
		return;
	(void)timer_start(members->trim, TRIM_USEC);
}

DEFINE_CLEANUP(struct members, members_free);

int members_new(sd_event *event, struct rpc_core *core, struct connections *connections,
		members_emptied *emptied, void *userdata, struct members **ret)
{
	_cleanup_(members_freep) struct members *members = calloc(1, sizeof(*members));
	int r;

	if (!members)
		return -ENOMEM;
	members->core = rpc_core_ref(core);
	members->connections = connections;
	members->emptied = emptied;
	members->userdata = userdata;
	members->insecure = grpc_insecure_server_credentials_create();
	r = timer_new(event, 0, on_trim, members, &members->trim);
	if (r < 0)
		return r;
	*ret = TAKE(members);
	return 0;
}

struct members *members_free(struct members *members)
{
	if (!members)
		return NULL;
	assert(LIST_EMPTY(&members->list));
	sd_event_source_disable_unref(members->trim);
	grpc_server_credentials_release(members->insecure);
	rpc_core_unref(members->core);
	free(members);
	return NULL;
}

static void member_free_if_unused(struct member *member)
{
	if (!member->face && member->n_connections == 0)
		free(member);
}

static void member_drop_face(struct member *member)
{
	LIST_REMOVE(member, link);
	face_destroy_server(member->face);
	member->face = face_unref(member->face);
	trim_soon(member->all);
	member_free_if_unused(member);
}

static void on_face_stopped(struct face *face, void *userdata)
{
	struct member *member = userdata;
	struct members *members = member->all;

	(void)face;
	member_drop_face(member);
	if (LIST_EMPTY(&members->list))
		members->emptied(members->userdata);
}

static void on_overrun(struct face *face, void *userdata)
{
	struct member *member = userdata;

	if (account_bar(face_account(face)))
		log_notice("%s is disconnected and kept out for a while: it goes on with calls "
			   "though too many are refused",
			   face_caller(face)->account);
	connections_shut(member->all->connections, member);
}

static const struct face_handler handler = { .stopped = on_face_stopped, .overrun = on_overrun };

static void member_stop(struct member *member)
{
	if (!member->stopping)
		face_stop(member->face);
	member->stopping = true;
}

static int member_new(struct members *members, const struct caller *caller, struct member **ret)
{
	struct member *member = calloc(1, sizeof(*member));
	int r;

	if (!member)
		return -ENOMEM;
	member->all = members;
	r = face_new(members->core, caller, &handler, member, &member->face);
	if (r < 0) {
		free(member);
		return r;
	}
	LIST_INSERT_HEAD(&members->list, member, link);
	*ret = member;
	return 0;
}

/* The member of a caller that still takes connections, or NULL. */
static struct member *find(const struct members *members, const struct caller *caller)
{
	struct member *member;

	LIST_FOREACH(member, &members->list, link)
	if (!member->stopping && caller_equal(face_caller(member->face), caller))
		return member;
	return NULL;
}

static void on_released(const char *broken, void *userdata)
{
	struct member *member = userdata;

	if (broken && member->face && account_bar(face_account(member->face)))
		log_notice("a connection of %s was closed, and it is kept out for a while: %s",
			   face_caller(member->face)->account, broken);
	member->n_connections--;
	if (member->face && member->n_connections == 0)
		member_stop(member);
	member_free_if_unused(member);
}

static int connect_to(struct members *members, const struct caller *caller, unsigned limit, int fd,
		      struct connection *connection)
{
	struct member *member = find(members, caller);
	int r;

	if (accounts_is_barred(members->core->accounts, caller))
		return -EACCES;
	if (!member) {
		r = member_new(members, caller, &member);
		if (r < 0)
			return r;
	}
	if (member->n_connections >= limit)
		return -EUSERS;
	if (connection_is_extra(connection) && member->n_connections >= CONNECTIONS_FEW)
		return -EMFILE;
	member->n_connections++;
	r = connection_watch(connection, fd, face_account(member->face), on_released, member);
	if (r < 0)
		on_released(NULL, member);
	else
		face_add_connection(member->face, fd, members->insecure);
	return r;
}

int members_connect(struct members *members, const struct caller *caller, unsigned limit, int fd,
		    struct connection *connection)
{
	int r = connect_to(members, caller, limit, fd, connection);

	if (r < 0) {
		connection_release(connection);
		close(fd);
	}
	return r;
}

void members_drop_indexer(struct members *members, const char *uid)
{
	struct member *member;

	LIST_FOREACH(member, &members->list, link)
	if (streq(face_caller(member->face)->indexer_uid, uid)) {
		member_stop(member);
		face_cancel(member->face);
	}
}

bool members_is_empty(const struct members *members)
{
	return LIST_EMPTY(&members->list);
}

void members_stop(struct members *members)
{
	struct member *member;

	LIST_FOREACH(member, &members->list, link)
	member_stop(member);
}

void members_cancel(struct members *members)
{
	struct member *member;

	LIST_FOREACH(member, &members->list, link)
	face_cancel(member->face);
}

static bool wait_until_stopped(const struct member *member, uint64_t until)
{
	const struct timespec moment = { .tv_nsec = 1000000 };

	while (!face_is_stopped(member->face) && now_usec(CLOCK_MONOTONIC) < until)
		nanosleep(&moment, NULL);
	return face_is_stopped(member->face);
}

bool members_abandon(struct members *members)
{
	uint64_t until = now_usec(CLOCK_MONOTONIC) + ABANDON_USEC;
	struct member *member, *next;

	members_stop(members);
	members_cancel(members);
	for (member = LIST_FIRST(&members->list); member; member = next) {
		next = LIST_NEXT(member, link);
		if (!wait_until_stopped(member, until))
			return false;
		member_drop_face(member);
	}
	return true;
}
