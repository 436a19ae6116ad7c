/*
 * One connection of a client and its completion queue, as bare as gRPC core allows: no thread of
 * its own, nothing packed or unpacked, so that what is measured is the server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/grpc.h>
#include <stdbool.h>

#define CONNECTION_LIMIT_SEC 30

struct connection {
	grpc_channel *channel;
	grpc_completion_queue *queue;
};

/*
 * Takes any gRPC target; connects with the first call. `window`: so many bytes of a stream are
 * taken that nobody has asked for; 0 leaves that to gRPC core, which takes many MB where they come
 * fast.
 */
void connection_open(struct connection *connection, const char *address, int window);

/* Nothing is in flight any more. */
void connection_close(struct connection *connection);

/* Waits for the next event and gives its tag; false where none comes in CONNECTION_LIMIT_SEC. */
bool connection_next(struct connection *connection, void **ret_tag);
