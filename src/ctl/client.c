/*
 * The client's side of the API; see client.h.
 *
 * A call is three batches at most: what is sent, each message that is read, and the status at the
 * end. The tags are the names of those three.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <errno.h>
#include <grpc/grpc.h>
#include <grpc/grpc_security.h>
#include <grpc/slice.h>
#include <grpc/support/alloc.h>
#include <grpc/support/time.h>

#if __has_include(<grpc/credentials.h>) /* newer versions of gRPC have the credentials there */
#include <grpc/credentials.h>
#endif

#include "common/grpc-message.h"
#include "common/util.h"
#include "ctl/client.h"
#include "ctl/target.h"
#include "indexerd/v1/indexer_runner.pb-c.h"

/* How long a person looks at nothing before being told what is waited for. */
#define PATIENCE_USEC (2 * USEC_PER_SEC)

struct client {
	grpc_channel *channel;
	grpc_completion_queue *queue;
	bool patient; /* a long wait has been told */
};

struct call {
	struct client *client;
	grpc_call *call;
	const ProtobufCMessageDescriptor *output;
	grpc_byte_buffer *request, *received;
	grpc_metadata_array initial, trailing;
	grpc_status_code code;
	grpc_slice message;
	unsigned pending; /* batches in flight */
	bool sent;	  /* the request has left this process */
	int error;	  /* of the sink; the call is cancelled then */
};

enum tag { TAG_SENT = 1, TAG_RECEIVED, TAG_STATUS };

int client_new(const char *address, struct client **ret)
{
	_cleanup_(client_freep) struct client *client = calloc(1, sizeof(*client));
	grpc_channel_credentials *credentials;
	grpc_arg args[] = {
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
		  .value.integer = -1 },
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_ENABLE_HTTP_PROXY, .value.integer = 0 },
	};
	grpc_channel_args channel_args = { ELEMENTSOF(args), args };

	if (!client)
		return -ENOMEM;
	/* What the library would log is said better by what we make of the call's status. */
	setenv("GRPC_VERBOSITY", "NONE", 0);
	grpc_init();
	client->queue = grpc_completion_queue_create_for_next(NULL);
	credentials = grpc_insecure_credentials_create();
	client->channel = grpc_channel_create(address, credentials, &channel_args);
	grpc_channel_credentials_release(credentials);
	*ret = TAKE(client);
	return 0;
}

struct client *client_free(struct client *client)
{
	if (!client)
		return NULL;
	grpc_channel_destroy(client->channel);
	grpc_completion_queue_shutdown(client->queue);
	while (grpc_completion_queue_next(client->queue, gpr_inf_future(GPR_CLOCK_REALTIME), NULL)
		       .type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(client->queue);
	grpc_shutdown();
	free(client);
	return NULL;
}

static void call_batch(struct call *call, const grpc_op *ops, size_t n, enum tag tag)
{
	grpc_call_error error =
		grpc_call_start_batch(call->call, ops, n, (void *)(uintptr_t)tag, NULL);

	assert(error == GRPC_CALL_OK); /* anything else is a mistake in the batches here */
	call->pending++;
}

static gpr_timespec deadline_in(uint64_t timeout)
{
	if (timeout == 0)
		return gpr_inf_future(GPR_CLOCK_MONOTONIC);
	return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
			    gpr_time_from_micros((int64_t)timeout, GPR_TIMESPAN));
}

static void call_read(struct call *call)
{
	grpc_op op = { .op = GRPC_OP_RECV_MESSAGE };

	op.data.recv_message.recv_message = &call->received;
	call_batch(call, &op, 1, TAG_RECEIVED);
}

/* Starts everything but the reads behind the first. */
static void call_begin(struct call *call, struct client *client, const char *method,
		       const ProtobufCMessage *request, uint64_t timeout)
{
	const ProtobufCServiceDescriptor *service = &indexerd__v1__indexer_runner__descriptor;
	const ProtobufCMethodDescriptor *descriptor =
		protobuf_c_service_descriptor_get_method_by_name(service, method);
	grpc_op send[] = { { .op = GRPC_OP_SEND_INITIAL_METADATA },
			   { .op = GRPC_OP_SEND_MESSAGE },
			   { .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT } };
	grpc_op end[] = { { .op = GRPC_OP_RECV_INITIAL_METADATA },
			  { .op = GRPC_OP_RECV_STATUS_ON_CLIENT } };
	char text[128];
	grpc_slice path;

	assert(descriptor && descriptor->input == request->descriptor);
	snprintf(text, sizeof(text), "/%s/%s", service->name, method);
	path = grpc_slice_from_copied_string(text);
	*call = (struct call){ .client = client,
			       .output = descriptor->output,
			       .request = message_buffer(request),
			       .message = grpc_empty_slice() };
	grpc_metadata_array_init(&call->initial);
	grpc_metadata_array_init(&call->trailing);
	call->call =
		grpc_channel_create_call(client->channel, NULL, GRPC_PROPAGATE_DEFAULTS,
					 client->queue, path, NULL, deadline_in(timeout), NULL);
	grpc_slice_unref(path);

	end[0].data.recv_initial_metadata.recv_initial_metadata = &call->initial;
	end[1].data.recv_status_on_client.trailing_metadata = &call->trailing;
	end[1].data.recv_status_on_client.status = &call->code;
	end[1].data.recv_status_on_client.status_details = &call->message;
	call_batch(call, end, ELEMENTSOF(end), TAG_STATUS);
	send[1].data.send_message.send_message = call->request;
	call_batch(call, send, ELEMENTSOF(send), TAG_SENT);
	call_read(call);
}

static void call_end(struct call *call)
{
	grpc_call_unref(call->call);
	grpc_byte_buffer_destroy(call->request);
	grpc_metadata_array_destroy(&call->initial);
	grpc_metadata_array_destroy(&call->trailing);
	grpc_slice_unref(call->message);
}

/* Unpacks the message that has come and gives it to the sink. */
static int call_deliver(struct call *call, const struct client_sink *sink, void *userdata)
{
	_cleanup_message_ ProtobufCMessage *message = message_unpack(call->received, call->output);

	return message ? sink->message(message, userdata) : -EBADMSG;
}

/* A read has ended: with a message, or with none where the stream is over. */
static void call_received(struct call *call, const struct client_sink *sink, void *userdata)
{
	if (!call->received)
		return;
	if (call->error == 0)
		call->error = call_deliver(call, sink, userdata);
	grpc_byte_buffer_destroy(call->received);
	call->received = NULL;
	if (call->error < 0)
		grpc_call_cancel(call->call, NULL);
	call_read(call);
}

/*
 * Waits for the next event. The first is that the request is sent. That may take long: a socket
 * takes connections also while its service is restarted again and again.
 */
static grpc_event call_wait(struct call *call)
{
	struct client *client = call->client;
	grpc_event event = { .type = GRPC_QUEUE_TIMEOUT };

	if (!call->sent && !client->patient) {
		event = grpc_completion_queue_next(client->queue, deadline_in(PATIENCE_USEC), NULL);
		if (event.type == GRPC_QUEUE_TIMEOUT) {
			target_tell_waiting();
			client->patient = true;
		}
	}
	if (event.type == GRPC_QUEUE_TIMEOUT)
		event = grpc_completion_queue_next(client->queue,
						   gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	return event;
}

/* The next event; the sink is told before a wait, so that a person sees lines as they come. */
static grpc_event call_next(struct call *call, const struct client_sink *sink, void *userdata)
{
	grpc_event event = { .type = GRPC_QUEUE_TIMEOUT };

	if (sink->idle && call->error == 0) {
		event = grpc_completion_queue_next(call->client->queue,
						   gpr_time_0(GPR_CLOCK_MONOTONIC), NULL);
		if (event.type == GRPC_QUEUE_TIMEOUT)
			call->error = sink->idle(userdata);
		if (call->error < 0)
			grpc_call_cancel(call->call, NULL);
	}
	return event.type == GRPC_QUEUE_TIMEOUT ? call_wait(call) : event;
}

/* Copies the call's end into a status of ours. */
static int call_status(const struct call *call, struct rpc_status *ret)
{
	grpc_slice details = grpc_empty_slice();
	int code = (int)call->code, r;

	/* What was never sent has no unknown outcome. */
	if (code == CODE_DEADLINE_EXCEEDED && !call->sent)
		code = CODE_UNAVAILABLE;
	for (size_t i = 0; i < call->trailing.count; i++)
		if (grpc_slice_str_cmp(call->trailing.metadata[i].key, "grpc-status-details-bin") ==
		    0)
			details = call->trailing.metadata[i].value; /* lent; already decoded */
	r = rpc_status_fill(ret, code, GRPC_SLICE_START_PTR(call->message),
			    GRPC_SLICE_LENGTH(call->message), GRPC_SLICE_START_PTR(details),
			    GRPC_SLICE_LENGTH(details));
	return r;
}

int client_stream(struct client *client, const char *method, const ProtobufCMessage *request,
		  uint64_t timeout, const struct client_sink *sink, void *userdata,
		  struct rpc_status *ret_status)
{
	struct call call;
	int r;

	call_begin(&call, client, method, request, timeout);
	while (call.pending > 0) {
		grpc_event event = call_next(&call, sink, userdata);

		assert(event.type == GRPC_OP_COMPLETE);
		call.pending--;
		if ((uintptr_t)event.tag == TAG_SENT)
			call.sent = event.success;
		else if ((uintptr_t)event.tag == TAG_RECEIVED)
			call_received(&call, sink, userdata);
	}
	r = call.error < 0 ? call.error : call_status(&call, ret_status);
	call_end(&call);
	return r;
}

/* Unary: the message is kept by packing it once more, so that the sink's rule stays simple. */
static int keep_message(const ProtobufCMessage *message, void *userdata)
{
	ProtobufCMessage **kept = userdata;
	size_t size = protobuf_c_message_get_packed_size(message);
	_cleanup_free_ uint8_t *packed = malloc(size + 1);

	if (!packed)
		return -ENOMEM;
	if (*kept)
		return -EBADMSG; /* one message was promised */
	protobuf_c_message_pack(message, packed);
	*kept = protobuf_c_message_unpack(message->descriptor, NULL, size, packed);
	return *kept ? 0 : -ENOMEM;
}

int client_call(struct client *client, const char *method, const ProtobufCMessage *request,
		uint64_t timeout, ProtobufCMessage **ret, struct rpc_status *ret_status)
{
	static const struct client_sink sink = { .message = keep_message };
	_cleanup_message_ ProtobufCMessage *message = NULL;
	int r = client_stream(client, method, request, timeout, &sink, &message, ret_status);

	if (r < 0)
		return r;
	if (ret_status->code != CODE_OK) {
		*ret = NULL;
		return 0;
	}
	if (!message)
		return -EBADMSG;
	*ret = TAKE(message);
	return 0;
}
