/*
 * One call, from its request to its status.
 *
 * A call is counted: each batch that gRPC works on holds a reference, as does whoever still means
 * to answer. What gRPC itself keeps for the call is given back as soon as the client has gone and
 * no batch is in flight, so an answer that comes too late finds nobody and is dropped.
 *
 * Any thread, but one at a time for each call unless it says otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/grpc.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "model/caller.h"
#include "model/refusal.h"
#include "rpc/arena.h"
#include "rpc/core.h"
#include "rpc/face.h"

struct call;

/*
 * Works on a request, which lives in the call's arena. Returns 0 where the call has been answered
 * or will be, REFUSED with a filled refusal or a negative errno where it is to be answered with
 * that. On a thread of the queue.
 */
typedef int method_run(struct call *call, const ProtobufCMessage *request, struct refusal *refusal);

/* What a method is; one row for each rpc. */
struct method {
	const char *path; /* "/indexerd.v1.IndexerRunner/GetIndexer" */
	const ProtobufCMessageDescriptor *request;
	method_run *run;			/* NULL: not served by this version */
	void (*half_closed)(struct call *call); /* for further messages of the client, or NULL */
	bool is_stream;
	bool only_reads; /* for callers who may not change anything, too */
};

/* Begins the call that gRPC has reported; takes over the grpc_call. `path` is lent. */
void call_start(struct face *face, grpc_call *grpc, grpc_slice path, size_t metadata_bytes);

struct call *call_ref(struct call *call);
struct call *call_unref(struct call *call);

const struct caller *call_caller(const struct call *call);
struct rpc_core *call_core(const struct call *call);
struct arena *call_arena(struct call *call);

/* What the method keeps with the call between callbacks; not owned by the call. */
void call_set_userdata(struct call *call, void *userdata);
void *call_userdata(const struct call *call);

/* Answers with a message and OK. */
void call_reply(struct call *call, const ProtobufCMessage *message);

/* Answers with a refusal, or with OK and no further message where it is NULL. */
void call_finish(struct call *call, const struct refusal *refusal);

/* Answers with what a function has returned, if that is not 0. */
void call_answer(struct call *call, int r, struct refusal *refusal);

/*
 * Has `run` called on the main loop's thread. The reference that the function gets is its own.
 */
void call_to_loop(struct call *call, void (*run)(struct call *call));

/*
 * Reads the next message of a client that may send several: then run or half_closed is called.
 * Returns false where the call is over already, and then calls neither.
 */
bool call_receive(struct call *call);

/*
 * For streams. `closed` is called once, on a thread of the queue, when the call is over in whatever
 * way; sends the initial metadata. `sent` is called when that is on its way. Returns false where
 * the call is over already, and then calls neither.
 */
bool call_open(struct call *call, void (*closed)(struct call *call, void *userdata),
	       struct tag *sent, void *userdata);

/*
 * Sends one message. Takes over the slice. `sent` is called when flow control has taken it, and
 * must call call_batch_done(). Returns false where the call is over already.
 */
bool call_send(struct call *call, grpc_slice message, bool more_follows, struct tag *sent);
void call_batch_done(struct call *call);

/* Cancels calls whose request does not come. Returns when to be called again; see queue_tick. */
uint64_t calls_sweep(struct rpc_core *core);
