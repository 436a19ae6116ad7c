/*
 * The sending side of a call that answers with many messages: a bounded queue, one message in
 * flight, and the status at the end.
 *
 * A client that does not read makes its stream stall: what is queued for it is dropped, and made
 * anew when it reads. So a stream that is parked costs no memory, for as long as that may be.
 *
 * A stream is counted: the call holds a reference until it is closed, whoever produces messages
 * holds one of their own. Messages may be put from any thread, one producer at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/slice.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "model/refusal.h"
#include "rpc/call.h"

struct stream;

/* What a stream tells its producer. Every function may be NULL but `free`. */
struct stream_handler {
	/*
	 * After rpc_stream_has_room() was false: there is room again. On a thread of the queue, or
	 * on that of `stalled`, right after it; maybe more often than asked for.
	 */
	void (*room)(void *userdata);
	/*
	 * The client has not read for a while, and what was queued for it has been dropped. From
	 * now on nothing is taken. When the client reads, there is `room`; then comes
	 * rpc_stream_restart(), and what followed the message `last` is to be put again, and the
	 * end if it had been reached. `last` is lent, and empty where the client has been sent
	 * nothing yet. On a thread of its own; may wait for the producer to stop. Where this is
	 * NULL, the queue is kept.
	 */
	void (*stalled)(grpc_slice last, void *userdata);
	/* The call is over, once. On a thread of the queue; may wait for the producer to stop. */
	void (*closed)(void *userdata);
	/* An indexer has left for good. On the main loop's thread, before `closed`; must not wait.
	 */
	void (*removed)(const char *uid, void *userdata);
	/* The server stops, and ends the stream after this. As `removed`. */
	void (*stopping)(void *userdata);
	/* The last reference is gone. */
	void (*free)(void *userdata);
};

/*
 * Makes a stream of a call and sends the initial metadata. The userdata is owned by the stream from
 * now on. The caller owns the reference in *ret; `closed` may be called before this returns. 0 or
 * -ENOMEM, and then the userdata has not been taken.
 */
int rpc_stream_open(struct call *call, const struct stream_handler *handler, void *userdata,
		    struct stream **ret);
struct stream *rpc_stream_ref(struct stream *stream);
struct stream *rpc_stream_unref(struct stream *stream);

struct call *rpc_stream_call(const struct stream *stream);
void *rpc_stream_userdata(const struct stream *stream);

/* Whether one more message may be put; where it is false, `room` will be called. */
bool rpc_stream_has_room(struct stream *stream);

/*
 * Puts a serialized message and takes over the slice; on a stream that is over it is dropped. It
 * may wait for more to go out with until rpc_stream_flush().
 */
void rpc_stream_put(struct stream *stream, grpc_slice message);
void rpc_stream_flush(struct stream *stream);

/* Puts a message and flushes. */
void rpc_stream_put_message(struct stream *stream, const ProtobufCMessage *message);

/* Ends the stream when all that was put is sent; NULL is OK. Only the first end counts. */
void rpc_stream_end(struct stream *stream, const struct refusal *refusal);

/* Begins anew after a stall: what is put is taken again. Any thread; no producer is at it. */
void rpc_stream_restart(struct stream *stream);

/* For stalls.c: how many bytes are queued, and how many gRPC has been handed up to now. */
size_t rpc_stream_backlog(struct stream *stream, uint64_t *handed);

/* For stalls.c: drops what is queued and tells the producer. Returns how many bytes that was. */
size_t rpc_stream_stall(struct stream *stream);

/* Tells all streams that an indexer has left. Main loop's thread. */
void streams_indexer_removed(struct rpc_core *core, const char *uid);

/* Ends all streams because the server stops. Main loop's thread. */
void streams_stop(struct rpc_core *core);
