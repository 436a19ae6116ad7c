/*
 * grpc.reflection.v1 and v1alpha: any gRPC tool can discover the API. Both versions have the same
 * messages on the wire and are served by the same functions.
 *
 * Questions are answered one at a time: the next is read only when the queue has room for its
 * answer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rpc/descriptors.h"
#include "rpc/methods.h"
#include "rpc/stream.h"

#define SERVICES_MAX	  8
#define ASKED(name)	  GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_##name
#define ANSWERED(name)	  GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_##name
#define SYMBOL_MISSING	  "no such file or symbol"
#define EXTENSION_MISSING "the API has no extensions"

typedef Grpc__Reflection__V1__ServerReflectionRequest request;
typedef Grpc__Reflection__V1__ServerReflectionResponse response;

/* A client's session; owned by its stream. */
struct session {
	struct stream *stream; /* referenced until the client has half-closed or gone */
	atomic_bool parked;    /* nothing is being read until there is room */
};

/* What answers are made of; lives while one is packed. */
struct parts {
	Grpc__Reflection__V1__FileDescriptorResponse files;
	ProtobufCBinaryData file[DESCRIPTOR_FILES_MAX];
	Grpc__Reflection__V1__ListServiceResponse list;
	Grpc__Reflection__V1__ServiceResponse service[SERVICES_MAX], *services[SERVICES_MAX];
	Grpc__Reflection__V1__ErrorResponse error;
	struct arena *arena;
};

static void answer_error(response *r, struct parts *parts, enum code code, const char *words)
{
	grpc__reflection__v1__error_response__init(&parts->error);
	parts->error.error_code = (int32_t)code;
	parts->error.error_message = (char *)words;
	r->message_response_case = ANSWERED(ERROR_RESPONSE);
	r->error_response = &parts->error;
}

static void answer_file(response *r, struct parts *parts, bool found, struct descriptor_file file)
{
	struct descriptor_file files[DESCRIPTOR_FILES_MAX];
	size_t n;

	if (!found) {
		answer_error(r, parts, CODE_NOT_FOUND, SYMBOL_MISSING);
		return;
	}
	n = descriptors_closure(file, files);
	for (size_t i = 0; i < n; i++)
		parts->file[i] = (ProtobufCBinaryData){ files[i].size, (uint8_t *)files[i].data };
	grpc__reflection__v1__file_descriptor_response__init(&parts->files);
	parts->files.file_descriptor_proto = parts->file;
	parts->files.n_file_descriptor_proto = n;
	r->message_response_case = ANSWERED(FILE_DESCRIPTOR_RESPONSE);
	r->file_descriptor_response = &parts->files;
}

static void add_service(const char *name, void *userdata)
{
	struct parts *parts = userdata;
	size_t i = parts->list.n_service++;

	assert(i < SERVICES_MAX);
	grpc__reflection__v1__service_response__init(&parts->service[i]);
	parts->service[i].name = arena_strdup(parts->arena, name);
	parts->services[i] = &parts->service[i];
}

static void answer_services(response *r, struct parts *parts)
{
	grpc__reflection__v1__list_service_response__init(&parts->list);
	descriptors_each_service(add_service, parts);
	parts->list.service = parts->services;
	r->message_response_case = ANSWERED(LIST_SERVICES_RESPONSE);
	r->list_services_response = &parts->list;
}

static void answer(struct stream *stream, const request *q)
{
	struct parts parts = { .arena = call_arena(rpc_stream_call(stream)) };
	response r = GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;
	struct descriptor_file file = { 0 };

	r.valid_host = q->host;
	r.original_request = (request *)q;
	switch (q->message_request_case) {
	case ASKED(FILE_BY_FILENAME):
		answer_file(&r, &parts, descriptors_find_file(q->file_by_filename, &file), file);
		break;
	case ASKED(FILE_CONTAINING_SYMBOL):
		answer_file(&r, &parts, descriptors_find_symbol(q->file_containing_symbol, &file),
			    file);
		break;
	case ASKED(LIST_SERVICES):
		answer_services(&r, &parts);
		break;
	case ASKED(FILE_CONTAINING_EXTENSION):
	case ASKED(ALL_EXTENSION_NUMBERS_OF_TYPE):
		answer_error(&r, &parts, CODE_NOT_FOUND, EXTENSION_MISSING);
		break;
	default:
		answer_error(&r, &parts, CODE_INVALID_ARGUMENT, "the request asks nothing");
	}
	rpc_stream_put_message(stream, &r.base);
}

/* Reads on, or leaves the session to whoever finds it unparked. */
static void read_on(struct session *session)
{
	struct stream *stream = session->stream;

	if (atomic_exchange(&session->parked, false) && !call_receive(rpc_stream_call(stream)))
		rpc_stream_unref(stream);
}

static void on_room(void *userdata)
{
	read_on(userdata);
}

static void on_closed(void *userdata)
{
	struct session *session = userdata;

	if (atomic_exchange(&session->parked, false))
		rpc_stream_unref(session->stream);
}

static const struct stream_handler handler = {
	.room = on_room,
	.closed = on_closed,
	.free = free,
};

static int open_session(struct call *call, struct session **ret)
{
	struct session *session = calloc(1, sizeof(*session));
	int r;

	if (!session)
		return -ENOMEM;
	r = rpc_stream_open(call, &handler, session, &session->stream);
	if (r < 0) {
		free(session);
		return r;
	}
	*ret = session;
	return 0;
}

int method_reflect(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	struct stream *stream = call_userdata(call);
	struct session *session;
	int r;

	(void)refusal;
	if (!stream) {
		r = open_session(call, &session);
		if (r < 0)
			return r;
	} else {
		session = rpc_stream_userdata(stream);
	}
	answer(session->stream, (const request *)message);
	atomic_store(&session->parked, true);
	if (rpc_stream_has_room(session->stream))
		read_on(session);
	return 0;
}

void method_reflect_end(struct call *call)
{
	struct stream *stream = call_userdata(call);

	rpc_stream_end(stream, NULL);
	rpc_stream_unref(stream);
}
