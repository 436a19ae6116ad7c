/*
 * The faces of a server: one for each caller that is connected, made at its first connection and
 * freed when that caller has none left, and no call either.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "rpc/connections.h"
#include "rpc/core.h"

struct members;

/* Called when the last face is gone. */
typedef void members_emptied(void *userdata);

/*
 * The connections must outlive it. 0 or a negative errno; on success *ret is owned by the caller.
 */
int members_new(sd_event *event, struct rpc_core *core, struct connections *connections,
		members_emptied *emptied, void *userdata, struct members **ret);

/* There must be no faces any more; see members_abandon(). Takes NULL, returns NULL. */
struct members *members_free(struct members *members);

/*
 * Hands a counted connection to gRPC, on the face of its caller. Takes the connection and the
 * socket, also on failure. 0; -EACCES where the caller was cut off a moment ago; -EUSERS where it
 * has `limit` connections already; -EMFILE where it is one more than all may have, and the caller
 * has not few; or another negative errno.
 */
int members_connect(struct members *members, const struct caller *caller, unsigned limit, int fd,
		    struct connection *connection);

/* Closes an indexer's connections and cancels its calls. */
void members_drop_indexer(struct members *members, const char *uid);

bool members_is_empty(const struct members *members);

/* All faces take no more connections and calls; `emptied` is called when those in flight are over.
 */
void members_stop(struct members *members);

/* Cancels all calls in flight. */
void members_cancel(struct members *members);

/*
 * Stops and cancels, and waits a little for gRPC to let go of the faces, while the loop is not
 * running. Returns false where it does not.
 */
bool members_abandon(struct members *members);
