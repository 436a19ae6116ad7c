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

#include <stdbool.h>
#include <systemd/sd-event.h>

#include "common/cleanup.h"

struct account;
struct connections;
struct connection;

/*
 * Called when the connection is counted no more; `broken` says which limit of struct guard its peer
 * has broken, or is NULL.
 */
typedef void connection_released(const char *broken, void *userdata);

/* `extra` are more than the total, for callers who have few. 0 or a negative errno. */
int connections_new(sd_event *event, unsigned total, unsigned extra, struct connections **ret);

/* Releases all connections without a word to gRPC. Takes NULL, returns NULL. */
struct connections *connections_free(struct connections *connections);

/*
 * Counts a connection. Returns 0, -EMFILE where it is one more than the total and the extra ones,
 * or -ENOMEM. On success *ret is to be released, or watched and then released by itself.
 */
int connections_admit(struct connections *connections, struct connection **ret);

/* Whether it was one more than the total: it may stay where its caller has few. */
bool connection_is_extra(const struct connection *connection);

/* The same of another total, which the connection's kind has. */
void connection_set_extra(struct connection *connection);

/*
 * Watches the connection's socket, which is about to be given to gRPC, and releases the connection
 * when gRPC has closed it. It is charged to the account, which it references. 0; or a negative
 * errno, and then it is still to be released, and `released` is not called.
 */
int connection_watch(struct connection *connection, int fd, struct account *account,
		     connection_released *released, void *userdata);

/* Has the connections that are watched with this userdata closed, by gRPC as by the peer. */
void connections_shut(struct connections *connections, const void *userdata);

/* Counts the connection no more and frees it. Takes NULL, returns NULL. */
struct connection *connection_release(struct connection *connection);
DEFINE_CLEANUP(struct connection, connection_release);
