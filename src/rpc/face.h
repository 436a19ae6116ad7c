/*
 * A face: one grpc_server object, which is one identity.
 *
 * A channel made from a descriptor carries no identity into its calls, but the server object that
 * it was added to does: so each caller has its own, made at its first connection. All are on the
 * same completion queue.
 *
 * Counted atomically; a face lives until its last call is gone. The functions that take or give
 * connections and stop it are for the main loop's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#include "model/caller.h"
#include "model/refusal.h"
#include "rpc/core.h"

struct face;

/* What a face tells its owner, on the main loop's thread. */
struct face_handler {
	/* gRPC has nothing left of a stopped face: no connection, no call. */
	void (*stopped)(struct face *face, void *userdata);
	/*
	 * The caller goes on with calls however many are refused, faster than gRPC gets rid of
	 * them: only closing its connections stops that.
	 */
	void (*overrun)(struct face *face, void *userdata);
};

/*
 * Makes the server object of a face, by the limits of the core alone; the quota is what its
 * connections may hold together, and is referenced by it. The caller owns it.
 */
grpc_server *face_make_server(const struct rpc_core *core, grpc_resource_quota *quota);

/* Makes a face for a caller, ready to take connections. The handler must outlive it. 0 or -ENOMEM.
 */
int face_new(struct rpc_core *core, const struct caller *caller, const struct face_handler *handler,
	     void *userdata, struct face **ret);
struct face *face_ref(struct face *face);
struct face *face_unref(struct face *face);

const struct caller *face_caller(const struct face *face);
struct rpc_core *face_core(const struct face *face);
struct account *face_account(const struct face *face);

/* Hands a connected socket to gRPC, which owns it from now on. */
void face_add_connection(struct face *face, int fd, grpc_server_credentials *insecure);

/* Takes no more calls; `stopped` is called when those in flight are over. */
void face_stop(struct face *face);

/* Cancels the calls in flight. */
void face_cancel(struct face *face);

/* Whether `stopped` has been called, or is on its way. */
bool face_is_stopped(const struct face *face);

/* Destroys the grpc_server object of a stopped face; calls that are still referenced do not need
 * it. */
void face_destroy_server(struct face *face);

/*
 * Holds the face open, and referenced, for something that gRPC has of it; when the last one closes,
 * the face is stopped. Any thread.
 */
void face_open(struct face *face);
void face_close(struct face *face);

/*
 * Counts a call, or a stream, against the limits of the caller and of all. 0, REFUSED
 * (tally_enter()) or -ENOMEM.
 */
int face_enter(struct face *face, bool is_stream, struct refusal *refusal);
void face_leave(struct face *face, bool is_stream);

/* Counts a call that was refused, from then until it is gone. Any thread. */
void face_enter_refused(struct face *face);
void face_leave_refused(struct face *face);
