/*
 * A connection with many streams; see bundle.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "bundle.h"
#include "common/cleanup.h"
#include "common/grpc-message.h"
#include "common/util.h"

void bundle_open(struct bundle *bundle, const char *address, int window)
{
	bundle->n = 0;
	connection_open(&bundle->connection, address, window);
}

static void start(struct bundle_stream *stream, const grpc_op *ops, size_t n)
{
	if (grpc_call_start_batch(stream->call, ops, n, stream, NULL) != GRPC_CALL_OK)
		abort();
}

void bundle_add(struct bundle *bundle, const char *method, grpc_slice request)
{
	struct bundle_stream *stream = &bundle->streams[bundle->n];
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&request, 1);
	const grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = buffer },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
		  .data.recv_initial_metadata.recv_initial_metadata = &stream->initial },
		{ .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &stream->message },
	};

	assert(bundle->n < BUNDLE_MAX);
	stream->number = bundle->n++;
	stream->call = grpc_channel_create_call(bundle->connection.channel, NULL,
						GRPC_PROPAGATE_DEFAULTS, bundle->connection.queue,
						grpc_slice_from_static_string(method), NULL,
						gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_metadata_array_init(&stream->initial);
	start(stream, ops, ELEMENTSOF(ops));
	grpc_byte_buffer_destroy(buffer);
}

int bundle_next(struct bundle *bundle, struct bundle_stream **ret_stream, grpc_slice *ret)
{
	struct bundle_stream *stream;
	void *tag;

	if (!connection_next(&bundle->connection, &tag))
		return -ETIMEDOUT;
	stream = tag;
	if (!stream->message)
		return -EIO;
	if (!message_read(stream->message, ret))
		abort();
	grpc_byte_buffer_destroy(TAKE(stream->message));
	*ret_stream = stream;
	return 0;
}

void bundle_receive(struct bundle_stream *stream)
{
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE,
			     .data.recv_message.recv_message = &stream->message };

	start(stream, &op, 1);
}
