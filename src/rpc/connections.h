/*
 * How many connections are open: counted when accepted, and given back when gRPC has closed them.
 *
 * gRPC does not tell when a channel that was made from a descriptor ends. So each socket is
 * duplicated and the duplicate watched for EPOLLHUP alone, which a Unix socket shows when both
 * directions are shut: the peer has closed, or gRPC has (it calls shutdown before it closes). If
 * gRPC has not yet closed its own descriptor by then, it is looked at again a little later, so that
 * a peer cannot open new connections faster than old ones are cleaned up.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"

struct connections;
struct connection;

/* Called when the connection is counted no more. */
typedef void connection_released(void *userdata);

int connections_new(sd_event *event, unsigned total, struct connections **ret);

/* Releases all connections without a word to gRPC. Takes NULL, returns NULL. */
struct connections *connections_free(struct connections *connections);

/*
 * Counts a connection. Returns 0, -EMFILE where it is one more than the total, or -ENOMEM. On
 * success *ret is to be released, or watched and then released by itself.
 */
int connections_admit(struct connections *connections, struct connection **ret);

/*
 * Watches the connection's socket, which is about to be given to gRPC, and releases the connection
 * when gRPC has closed it. 0; or a negative errno, and then it is still to be released, and
 * `released` is not called.
 */
int connection_watch(struct connection *connection, int fd, connection_released *released,
		     void *userdata);

/* Counts the connection no more and frees it. Takes NULL, returns NULL. */
struct connection *connection_release(struct connection *connection);
DEFINE_CLEANUP(struct connection, connection_release);
