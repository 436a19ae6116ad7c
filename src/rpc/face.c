/*
 * Faces; see face.h. A number of calls is requested at any time, and each is requested again as
 * soon as it was filled, before anything is done for the call that came: gRPC's own queue of calls
 * that nobody has requested yet has no limit, so it must stay empty.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/grpc_posix.h>
#include <limits.h>
#include <stdlib.h>

#include "common/util.h"
#include "rpc/accounts.h"
#include "rpc/admit.h"
#include "rpc/call.h"
#include "rpc/face.h"

#define SLOTS_USER 64
#define SLOTS_FEW  4 /* for an indexer, or who is refused anyhow */

#define MESSAGE_SIZE_MAX     (256 * 1024)
#define STREAMS_PER_CONN_MAX 1024
#define KEEPALIVE_TIMEOUT_MS (60 * 1000) /* at most: a peer that answers later is given up */
#define PING_INTERVAL_MS     (10 * 1000) /* what a client may do without being sent away */
/*
 * Many more than could be meant well. Each ping above the number costs gRPC some kilobytes until it
 * has told the client, and one that does not read is never told; but at 10,000 unanswered pings
 * gRPC stops reading.
 */
#define PING_STRIKES_MAX 20000
/* So many refused calls may be on their way out at a time; no well-meaning client has as many. */
#define REFUSED_MAX 1024

#define PAIR_OVERHEAD 32
#define IDENTITY_ONLY 1 /* the bit of "no compression" */
/*
 * What gRPC keeps of a stream's messages that others follow, until there is so much to be written
 * at once: a stream whose client does not read costs that for as long as it is open.
 */
#define WRITE_BUFFER_SIZE (16 * 1024)

/* One requested call. */
struct slot {
	struct tag tag;
	struct face *face; /* held open while a call is requested */
	grpc_call *call;
	grpc_call_details details;
	grpc_metadata_array metadata;
};

struct face {
	atomic_uint refs;
	struct rpc_core *core;
	struct caller caller;
	grpc_server *server;
	struct account *account;
	atomic_bool overruns; /* that is on its way to the main loop */
	struct loop_item overrun_item;
	atomic_uint open; /* what gRPC has of us: slots, calls, and one until it is stopped */
	atomic_bool is_stopped;
	struct tag stopped_tag;
	struct loop_item stopped_item;
	const struct face_handler *handler;
	void *userdata;
	size_t n_slots;
	struct slot slots[];
};

static int to_ms(uint64_t usec)
{
	return (int)MIN(usec / USEC_PER_MSEC, (uint64_t)INT_MAX);
}

/* The cures for what libgrpc leaves open by default; each has a test of its own. */
grpc_server *face_make_server(const struct rpc_core *core, grpc_resource_quota *quota)
{
	int idle_ms = to_ms(core->limits.connection_idle_usec);
	int keepalive_ms = to_ms(core->limits.keepalive_usec);
	const struct {
		const char *key;
		int value;
	} rows[] = {
		{ GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, IDENTITY_ONLY },
		{ GRPC_ARG_ENABLE_PER_MESSAGE_COMPRESSION, 0 },
		{ GRPC_ARG_HTTP2_WRITE_BUFFER_SIZE, WRITE_BUFFER_SIZE },
		{ GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, MESSAGE_SIZE_MAX },
		{ GRPC_ARG_MAX_METADATA_SIZE, METADATA_SIZE_MAX },
		{ GRPC_ARG_MAX_CONCURRENT_STREAMS, STREAMS_PER_CONN_MAX },
		{ GRPC_ARG_MAX_CONNECTION_IDLE_MS, idle_ms },
		{ GRPC_ARG_KEEPALIVE_TIME_MS, keepalive_ms },
		{ GRPC_ARG_KEEPALIVE_TIMEOUT_MS, MIN(keepalive_ms, KEEPALIVE_TIMEOUT_MS) },
		{ GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1 },
		{ GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, PING_INTERVAL_MS },
		{ GRPC_ARG_HTTP2_MAX_PING_STRIKES, PING_STRIKES_MAX },
		{ GRPC_ARG_HTTP2_BDP_PROBE, 0 },
		{ GRPC_ARG_ALLOW_REUSEPORT, 0 },
		{ GRPC_ARG_ENABLE_CHANNELZ, 0 },
	};
	grpc_arg args[ELEMENTSOF(rows) + 1];
	const grpc_channel_args channel_args = { ELEMENTSOF(args), args };

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		args[i] = (grpc_arg){ .type = GRPC_ARG_INTEGER,
				      .key = (char *)rows[i].key,
				      .value.integer = rows[i].value };
	args[ELEMENTSOF(rows)] = (grpc_arg){
		.type = GRPC_ARG_POINTER,
		.key = (char *)GRPC_ARG_RESOURCE_QUOTA,
		.value.pointer = { quota, grpc_resource_quota_arg_vtable() },
	};
	return grpc_server_create(&channel_args, NULL);
}

static void request(struct slot *slot)
{
	grpc_completion_queue *cq = queue_get(slot->face->core->queue);

	slot->call = NULL;
	grpc_call_details_init(&slot->details);
	grpc_metadata_array_init(&slot->metadata);
	queue_hand_over(&slot->tag);
	/* A server that is stopping answers through the tag like any other. */
	if (grpc_server_request_call(slot->face->server, &slot->call, &slot->details,
				     &slot->metadata, cq, cq, &slot->tag) != GRPC_CALL_OK)
		face_close(slot->face);
}

/* As HTTP/2 counts: each pair costs 32 bytes more than its text. */
static size_t metadata_bytes(const struct slot *slot)
{
	size_t n = GRPC_SLICE_LENGTH(slot->details.method) + GRPC_SLICE_LENGTH(slot->details.host);

	for (size_t i = 0; i < slot->metadata.count; i++) {
		const grpc_metadata *pair = &slot->metadata.metadata[i];

		n += GRPC_SLICE_LENGTH(pair->key) + GRPC_SLICE_LENGTH(pair->value) + PAIR_OVERHEAD;
	}
	return n;
}

static void on_requested(struct tag *tag, bool success)
{
	struct slot *slot = (struct slot *)(void *)tag;
	struct slot filled = *slot;

	if (success) {
		face_open(filled.face); /* the call's own; the slot may be filled again at once */
		request(slot);
		call_start(filled.face, filled.call, filled.details.method,
			   metadata_bytes(&filled));
	}
	grpc_call_details_destroy(&filled.details);
	grpc_metadata_array_destroy(&filled.metadata);
	if (!success)
		face_close(filled.face);
}

void face_open(struct face *face)
{
	atomic_fetch_add(&face->open, 1);
	face_ref(face);
}

void face_close(struct face *face)
{
	if (atomic_fetch_sub(&face->open, 1) == 1) {
		atomic_store(&face->is_stopped, true);
		loop_queue_post(face->core->loop, &face->stopped_item);
	}
	face_unref(face);
}

/* On the main loop's thread. */
static void report_stopped(struct loop_item *item)
{
	struct face *face = CONTAINER_OF(item, struct face, stopped_item);

	face->handler->stopped(face, face->userdata);
}

/* On the main loop's thread; the owner may have let go of the face meanwhile. */
static void report_overrun(struct loop_item *item)
{
	struct face *face = CONTAINER_OF(item, struct face, overrun_item);

	atomic_store(&face->overruns, false);
	if (face->server)
		face->handler->overrun(face, face->userdata);
	face_unref(face);
}

/* On a thread of the queue. */
static void on_stopped(struct tag *tag, bool success)
{
	struct face *face = CONTAINER_OF(tag, struct face, stopped_tag);

	(void)success;
	face_close(face);
}

int face_new(struct rpc_core *core, const struct caller *caller, const struct face_handler *handler,
	     void *userdata, struct face **ret)
{
	size_t n_slots = caller_needs_little(caller) ? SLOTS_FEW : SLOTS_USER;
	struct face *face = calloc(1, sizeof(*face) + n_slots * sizeof(*face->slots));

	if (!face)
		return -ENOMEM;
	face->account = account_get(core->accounts, caller);
	if (!face->account) {
		free(face);
		return -ENOMEM;
	}
	face->refs = 1;
	face->core = rpc_core_ref(core);
	face->caller = *caller;
	face->stopped_tag.run = on_stopped;
	face->stopped_item.run = report_stopped;
	face->overrun_item.run = report_overrun;
	face->handler = handler;
	face->userdata = userdata;
	face->n_slots = n_slots;
	face->server = face_make_server(core, account_quota(face->account));
	grpc_server_register_completion_queue(face->server, queue_get(core->queue), NULL);
	grpc_server_start(face->server);
	face_open(face);
	for (size_t i = 0; i < n_slots; i++) {
		face->slots[i].tag.run = on_requested;
		face->slots[i].face = face;
		face_open(face);
		request(&face->slots[i]);
	}
	*ret = face;
	return 0;
}

struct face *face_ref(struct face *face)
{
	atomic_fetch_add_explicit(&face->refs, 1, memory_order_relaxed);
	return face;
}

struct face *face_unref(struct face *face)
{
	if (!face || atomic_fetch_sub(&face->refs, 1) > 1)
		return NULL;
	assert(!face->server);
	account_unref(face->account);
	rpc_core_unref(face->core);
	free(face);
	return NULL;
}

const struct caller *face_caller(const struct face *face)
{
	return &face->caller;
}

struct rpc_core *face_core(const struct face *face)
{
	return face->core;
}

struct account *face_account(const struct face *face)
{
	return face->account;
}

void face_add_connection(struct face *face, int fd, grpc_server_credentials *insecure)
{
	grpc_server_add_channel_from_fd(face->server, fd, insecure);
}

void face_stop(struct face *face)
{
	queue_hand_over(&face->stopped_tag);
	grpc_server_shutdown_and_notify(face->server, queue_get(face->core->queue),
					&face->stopped_tag);
}

void face_cancel(struct face *face)
{
	grpc_server_cancel_all_calls(face->server);
}

bool face_is_stopped(const struct face *face)
{
	return atomic_load(&face->is_stopped);
}

void face_destroy_server(struct face *face)
{
	assert(face_is_stopped(face));
	grpc_server_destroy(TAKE(face->server));
}

static enum tally_kind kind_of(bool is_stream)
{
	return is_stream ? TALLY_STREAMS : TALLY_CALLS;
}

int face_enter(struct face *face, bool is_stream, struct refusal *refusal)
{
	return tally_enter(account_tally(face->account), &face->core->used, kind_of(is_stream),
			   &face->caller, &face->core->limits, refusal);
}

void face_leave(struct face *face, bool is_stream)
{
	tally_leave(account_tally(face->account), &face->core->used, kind_of(is_stream));
}

void face_enter_refused(struct face *face)
{
	if (atomic_fetch_add(account_refused(face->account), 1) < REFUSED_MAX ||
	    atomic_exchange(&face->overruns, true))
		return;
	face_ref(face);
	loop_queue_post(face->core->loop, &face->overrun_item);
}

void face_leave_refused(struct face *face)
{
	atomic_fetch_sub(account_refused(face->account), 1);
}
