/*
 * Clearing the keys of an indexer out of an etcd, by gRPC core: Authenticate where there is a
 * password, then DeleteRange of the state and of the lock.
 *
 * A sink of Apibara locks its id by etcd's lock service, whose keys are ID/LEASE. They go with a
 * lease of a minute; but a sink that finds one gives up after half of it, and for good. An id has
 * no slash: what is below ID/ is of this indexer alone, whose process is gone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>
#include <stdio.h>

#if __has_include(<grpc/credentials.h>) /* newer versions of gRPC have the credentials there */
#include <grpc/credentials.h>
#endif

#include "clear/backend.h"
#include "common/grpc-message.h"
#include "common/util.h"
#include "etcdserverpb/rpc.pb-c.h"

#define REPLY_SIZE_MAX 65536

struct etcd {
	struct attempt *attempt;
	grpc_channel *channel;
	grpc_completion_queue *queue;
	Etcdserverpb__AuthenticateResponse *session; /* NULL without a password */
};

/* What a call reads. */
struct answer {
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *message;
	grpc_status_code code;
	grpc_slice details;
};

static void open_channel(struct etcd *etcd)
{
	const struct backend_address *address = etcd->attempt->address;
	grpc_arg args[] = {
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		  .value.integer = REPLY_SIZE_MAX },
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_ENABLE_HTTP_PROXY, .value.integer = 0 },
	};
	const grpc_channel_args channel_args = { ELEMENTSOF(args), args };
	grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
	bool v6 = strchr(address->host, ':');
	char target[BACKEND_ADDRESS_MAX + 16];

	/* With the resolver, for there may be hosts of the others' names, such as "unix". */
	(void)snprintf(target, sizeof(target), v6 ? "dns:///[%s]:%u" : "dns:///%s:%u",
		       address->host, address->port);
	etcd->channel = grpc_channel_create(target, credentials, &channel_args);
	grpc_channel_credentials_release(credentials);
	etcd->queue = grpc_completion_queue_create_for_pluck(NULL);
}

static void close_channel(struct etcd *etcd)
{
	grpc_channel_destroy(etcd->channel);
	grpc_completion_queue_shutdown(etcd->queue);
	grpc_completion_queue_destroy(etcd->queue);
	if (etcd->session)
		etcdserverpb__authenticate_response__free_unpacked(etcd->session, NULL);
}

/* One batch has all of a call. */
static void run_batch(struct etcd *etcd, grpc_call *call, grpc_byte_buffer *request,
		      struct answer *answer)
{
	grpc_metadata token = { .key = grpc_slice_from_static_string("token") };
	grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },  { .op = GRPC_OP_SEND_MESSAGE },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT }, { .op = GRPC_OP_RECV_INITIAL_METADATA },
		{ .op = GRPC_OP_RECV_MESSAGE },		  { .op = GRPC_OP_RECV_STATUS_ON_CLIENT }
	};
	grpc_call_error error;

	if (etcd->session) {
		token.value = grpc_slice_from_static_string(etcd->session->token);
		ops[0].data.send_initial_metadata.metadata = &token;
		ops[0].data.send_initial_metadata.count = 1;
	}
	ops[1].data.send_message.send_message = request;
	ops[3].data.recv_initial_metadata.recv_initial_metadata = &answer->initial;
	ops[4].data.recv_message.recv_message = &answer->message;
	ops[5].data.recv_status_on_client.trailing_metadata = &answer->trailing;
	ops[5].data.recv_status_on_client.status = &answer->code;
	ops[5].data.recv_status_on_client.status_details = &answer->details;
	error = grpc_call_start_batch(call, ops, ELEMENTSOF(ops), answer, NULL);
	if (error != GRPC_CALL_OK) { /* a token that is none for a header */
		answer->code = GRPC_STATUS_INTERNAL;
		return;
	}
	/* The call has a deadline. */
	(void)grpc_completion_queue_pluck(etcd->queue, answer, gpr_inf_future(GPR_CLOCK_MONOTONIC),
					  NULL);
}

static enum clear_reply fail(struct etcd *etcd, enum clear_reply kind, const char *what,
			     const char *text, size_t n)
{
	(void)snprintf(etcd->attempt->error, sizeof(etcd->attempt->error), "%s: %.*s", what, (int)n,
		       text);
	return kind;
}

static enum clear_reply judge(struct etcd *etcd, const char *method, const struct answer *answer)
{
	static const char late[] = "no answer in time";
	enum clear_reply kind =
		answer->code == GRPC_STATUS_PERMISSION_DENIED ? CLEAR_FAILED : CLEAR_NO_BACKEND;
	const char *name = strrchr(method, '/') + 1;

	if (answer->code == GRPC_STATUS_OK)
		return CLEAR_DONE;
	if (answer->code == GRPC_STATUS_DEADLINE_EXCEEDED)
		return fail(etcd, kind, name, late, strlen(late));
	return fail(etcd, kind, name, (const char *)GRPC_SLICE_START_PTR(answer->details),
		    GRPC_SLICE_LENGTH(answer->details));
}

/* Makes a call to its end, and reads its message, which is the caller's. */
static enum clear_reply make_call(struct etcd *etcd, const char *method,
				  const ProtobufCMessage *request,
				  const ProtobufCMessageDescriptor *type, ProtobufCMessage **ret)
{
	static const char bad[] = "the answer is none of an etcd";
	uint64_t now = now_usec(CLOCK_MONOTONIC), deadline = etcd->attempt->deadline;
	gpr_timespec left =
		gpr_time_from_micros(deadline > now ? (int64_t)(deadline - now) : 0, GPR_TIMESPAN);
	struct answer answer = { .details = grpc_empty_slice() };
	grpc_byte_buffer *buffer = message_buffer(request);
	enum clear_reply reply;
	grpc_call *call;

	grpc_metadata_array_init(&answer.initial);
	grpc_metadata_array_init(&answer.trailing);
	call = grpc_channel_create_call(etcd->channel, NULL, GRPC_PROPAGATE_DEFAULTS, etcd->queue,
					grpc_slice_from_static_string(method), NULL,
					gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), left), NULL);
	run_batch(etcd, call, buffer, &answer);
	reply = judge(etcd, method, &answer);
	*ret = reply == CLEAR_DONE && answer.message ? message_unpack(answer.message, type) : NULL;
	if (reply == CLEAR_DONE && !*ret)
		reply = fail(etcd, CLEAR_NO_BACKEND, "reply", bad, strlen(bad));
	grpc_call_unref(call);
	grpc_byte_buffer_destroy(buffer);
	grpc_byte_buffer_destroy(answer.message); /* takes NULL */
	grpc_metadata_array_destroy(&answer.initial);
	grpc_metadata_array_destroy(&answer.trailing);
	grpc_slice_unref(answer.details);
	return reply;
}

static enum clear_reply authenticate(struct etcd *etcd)
{
	Etcdserverpb__AuthenticateRequest request = ETCDSERVERPB__AUTHENTICATE_REQUEST__INIT;

	if (isempty(etcd->attempt->request->password))
		return CLEAR_DONE;
	request.name = (char *)etcd->attempt->address->user;
	request.password = (char *)etcd->attempt->request->password;
	return make_call(etcd, "/etcdserverpb.Auth/Authenticate", &request.base,
			 &etcdserverpb__authenticate_response__descriptor,
			 (ProtobufCMessage **)(void *)&etcd->session);
}

/* Deletes one key, or with an end all from the key up to before that. */
static enum clear_reply delete_range(struct etcd *etcd, const char *key, const char *end)
{
	Etcdserverpb__DeleteRangeRequest request = ETCDSERVERPB__DELETE_RANGE_REQUEST__INIT;
	ProtobufCMessage *response = NULL;
	enum clear_reply reply;

	request.key = (ProtobufCBinaryData){ strlen(key), (uint8_t *)key };
	request.range_end = (ProtobufCBinaryData){ strlen(end), (uint8_t *)end };
	reply = make_call(etcd, "/etcdserverpb.KV/DeleteRange", &request.base,
			  &etcdserverpb__delete_range_response__descriptor, &response);
	if (response)
		protobuf_c_message_free_unpacked(response, NULL);
	return reply;
}

enum clear_reply etcd_clear(struct attempt *attempt)
{
	struct etcd etcd = { .attempt = attempt };
	char key[BACKEND_KEY_MAX], locks[BACKEND_KEY_MAX + 1], end[BACKEND_KEY_MAX + 1];
	enum clear_reply reply;

	backend_key(BACKEND_ETCD, attempt->request->id, key);
	(void)snprintf(locks, sizeof(locks), "%s/", key);
	(void)snprintf(end, sizeof(end), "%s%c", key, '/' + 1);
	open_channel(&etcd);
	reply = authenticate(&etcd);
	if (reply == CLEAR_DONE)
		reply = delete_range(&etcd, key, "");
	if (reply == CLEAR_DONE)
		reply = delete_range(&etcd, locks, end);
	close_channel(&etcd);
	return reply;
}
