/*
 * Connections to the indexers' socket whose indexer is still being found out.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "rpc/connections.h"
#include "rpc/core.h"

struct identifications;

/* Called for each connection whose caller is a live indexer; the function takes both. */
typedef void identifications_found(const struct caller *caller, int fd,
				   struct connection *connection, void *userdata);

/* The connections must outlive it. 0 or -ENOMEM. */
int identifications_new(struct rpc_core *core, struct connections *connections,
			identifications_found *found, void *userdata, struct identifications **ret);

/* Closes those under way. Takes NULL, returns NULL. */
struct identifications *identifications_free(struct identifications *identifications);

/*
 * Begins to find out who a connected socket's peer is. 0 and the socket is taken; -EUSERS where too
 * many are being looked into, -EMFILE where there are too many connections, or another negative
 * errno.
 */
int identifications_begin(struct identifications *identifications, int fd);
