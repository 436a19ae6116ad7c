/*
 * The client's side of the API: one channel and one completion queue, all on the main thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "ctl/status.h"

struct client;

/*
 * Makes a client of any gRPC target, e.g. "unix:/run/indexerd/indexerd.sock". Connects with the
 * first call. 0 or -ENOMEM; on success *ret is owned by the caller.
 */
int client_new(const char *address, struct client **ret);
struct client *client_free(struct client *client);
DEFINE_CLEANUP(struct client, client_free);

/* What happens with the messages of an answer. */
struct client_sink {
	/* Takes a message, which is lent. A negative errno cancels the call and is handed on. */
	int (*message)(const ProtobufCMessage *message, void *userdata);
	/* Nothing more is there for now: a good moment to flush. May be NULL. */
	int (*idle)(void *userdata);
};

/*
 * Calls a method of IndexerRunner, e.g. "StreamLogs", and gives each message of the answer to the
 * sink. `timeout` is in microseconds, 0 for none. Returns 0 when the call is over, with its status
 * in *ret_status, which the caller clears; or the sink's error; or -EBADMSG where the answer cannot
 * be read. Where the request could not be sent within the timeout, the status is UNAVAILABLE, and
 * nothing was done. Who waits long for the connection is told so.
 */
int client_stream(struct client *client, const char *method, const ProtobufCMessage *request,
		  uint64_t timeout, const struct client_sink *sink, void *userdata,
		  struct rpc_status *ret_status);

/*
 * As client_stream() for a method that answers with one message. It is handed to the caller, who
 * frees it with protobuf_c_message_free_unpacked(); NULL where the status is not OK.
 */
int client_call(struct client *client, const char *method, const ProtobufCMessage *request,
		uint64_t timeout, ProtobufCMessage **ret, struct rpc_status *ret_status);

/* Frees a message of client_call(); for cleanup attributes. */
static inline void message_freep(void *p)
{
	ProtobufCMessage *message = *(ProtobufCMessage **)p;

	if (message)
		protobuf_c_message_free_unpacked(message, NULL);
}
#define _cleanup_message_ _cleanup_(message_freep)
