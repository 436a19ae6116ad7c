/*
 * Fuzz target: a request's bytes, from the wire to the model and back. The first byte chooses the
 * request. What passes the walk must unpack into strings without surprises, and what the model
 * makes of it must come back as a message that passes the walk too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/validate.h"
#include "rpc/convert.h"
#include "rpc/descriptors.h"
#include "rpc/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const ProtobufCMessageDescriptor *const requests[] = {
	&indexerd__v1__create_indexer_request__descriptor,
	&indexerd__v1__get_indexer_request__descriptor,
	&indexerd__v1__list_indexers_request__descriptor,
	&indexerd__v1__delete_indexer_request__descriptor,
	&indexerd__v1__stream_logs_request__descriptor,
	&indexerd__v1__update_indexer_request__descriptor,
	&grpc__health__v1__health_check_request__descriptor,
	&grpc__reflection__v1__server_reflection_request__descriptor,
};

static void check_back(struct definition *definition)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	const struct status status = { .state = STATE_STARTING };
	struct arena arena = { 0 };
	Indexerd__V1__Indexer *message;
	struct view *view = NULL;
	uint8_t *bytes;
	size_t size;

	if (view_new(definition, &status, &view) < 0)
		abort();
	message = convert_from_view(view, NULL, NULL, &arena);
	assert(message);
	size = indexerd__v1__indexer__get_packed_size(message);
	bytes = malloc(size);
	assert(bytes && indexerd__v1__indexer__pack(message, bytes) == size);
	assert(wire_check(&indexerd__v1__indexer__descriptor, bytes, size, &refusal) == 0);
	free(bytes);
	view_unref(view);
	arena_clear(&arena);
}

static void convert(const Indexerd__V1__CreateIndexerRequest *request)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	_cleanup_(definition_unrefp) struct definition *definition = NULL;
	int r = convert_to_definition("id", request->indexer, &definition, &refusal);

	assert(r >= 0 && (r == REFUSED) == (refusal.message != NULL));
	if (r == 0)
		check_back(definition);
	if (r == 0)
		r = definition_validate(definition, &refusal);
	if (r == 0)
		r = definition_validate_paths(definition, &refusal);
	assert(r >= 0);
}

static void look_up(const Grpc__Reflection__V1__ServerReflectionRequest *request)
{
	struct descriptor_file file;

	if (request->message_request_case ==
	    GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL)
		descriptors_find_symbol(request->file_containing_symbol, &file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	const ProtobufCMessageDescriptor *descriptor;
	struct arena arena = { 0 };
	ProtobufCAllocator allocator = arena_allocator(&arena);
	ProtobufCMessage *message;
	int r;

	if (size == 0)
		return 0;
	descriptor = requests[data[0] % ELEMENTSOF(requests)];
	r = wire_check(descriptor, data + 1, size - 1, &refusal);
	assert(r >= 0 && (r == REFUSED) == (refusal.message != NULL));
	if (r == REFUSED)
		return 0;
	message = protobuf_c_message_unpack(descriptor, &allocator, size - 1, data + 1);
	if (message && descriptor == requests[0])
		convert((const Indexerd__V1__CreateIndexerRequest *)message);
	if (message && descriptor == requests[ELEMENTSOF(requests) - 1])
		look_up((const Grpc__Reflection__V1__ServerReflectionRequest *)message);
	arena_clear(&arena);
	return 0;
}
