/*
 * A connection of a client with many server streams.
 *
 * A bundle belongs to one thread at a time, but for bundle_receive(), which any thread may call for
 * a stream whose last message has been taken.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/slice.h>

#include "connection.h"

#define BUNDLE_MAX 101

/* A stream; the tag of its one batch, which receives a message. */
struct bundle_stream {
	size_t number; /* in its bundle */
	grpc_call *call;
	grpc_metadata_array initial;
	grpc_byte_buffer *message;
};

struct bundle {
	struct connection connection;
	struct bundle_stream streams[BUNDLE_MAX];
	size_t n;
};

/* As connection_open(). */
void bundle_open(struct bundle *bundle, const char *address, int window);

/*
 * Opens one more stream, BUNDLE_MAX at most, and asks for its first message. The method's name is
 * static, the request is lent.
 */
void bundle_add(struct bundle *bundle, const char *method, grpc_slice request);

/*
 * Waits for a message of any stream. Returns 0 with the message in *ret, which the caller owns;
 * -ETIMEDOUT where none comes in CONNECTION_LIMIT_SEC, -EIO where the server has ended a stream.
 */
int bundle_next(struct bundle *bundle, struct bundle_stream **ret_stream, grpc_slice *ret);

/* Asks for the next message of a stream; without that, its server is held up before long. */
void bundle_receive(struct bundle_stream *stream);
