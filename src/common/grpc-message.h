/*
 * Messages of protobuf-c as gRPC core has them: packed into a slice or a byte buffer, and read out
 * of one. For who is built with gRPC; the library common itself is not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/byte_buffer.h>
#include <grpc/byte_buffer_reader.h>
#include <grpc/slice.h>
#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

/* Packs a message. The caller owns the slice. */
static inline grpc_slice message_slice(const ProtobufCMessage *message)
{
	grpc_slice slice = grpc_slice_malloc(protobuf_c_message_get_packed_size(message));

	protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
	return slice;
}

/* The same in a byte buffer, which is the caller's. */
static inline grpc_byte_buffer *message_buffer(const ProtobufCMessage *message)
{
	grpc_slice slice = message_slice(message);
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);

	grpc_slice_unref(slice);
	return buffer;
}

/* Reads all of a byte buffer into *ret, which the caller owns. False where it cannot be read. */
static inline bool message_read(grpc_byte_buffer *buffer, grpc_slice *ret)
{
	grpc_byte_buffer_reader reader;

	if (!grpc_byte_buffer_reader_init(&reader, buffer))
		return false;
	*ret = grpc_byte_buffer_reader_readall(&reader);
	grpc_byte_buffer_reader_destroy(&reader);
	return true;
}

/* Unpacks a message of the type, which is the caller's. NULL where there is none of it. */
static inline ProtobufCMessage *message_unpack(grpc_byte_buffer *buffer,
					       const ProtobufCMessageDescriptor *type)
{
	ProtobufCMessage *message;
	grpc_slice slice;

	if (!message_read(buffer, &slice))
		return NULL;
	message = protobuf_c_message_unpack(type, NULL, GRPC_SLICE_LENGTH(slice),
					    GRPC_SLICE_START_PTR(slice));
	grpc_slice_unref(slice);
	return message;
}
