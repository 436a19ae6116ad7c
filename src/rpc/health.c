/*
 * grpc.health.v1.Health: the server as a whole ("") and the one service it has.
 *
 * Watch sends the state once, and once more when the server begins to stop.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "grpc/health/v1/health.pb-c.h"
#include "rpc/methods.h"
#include "rpc/stream.h"

#define SERVICE "indexerd.v1.IndexerRunner"

#define STATUS(name) GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__##name

typedef Grpc__Health__V1__HealthCheckResponse response;

static bool is_known(const ProtobufCMessage *message)
{
	const char *service = ((const Grpc__Health__V1__HealthCheckRequest *)message)->service;

	return isempty(service) || streq(service, SERVICE);
}

static response make_response(struct call *call, bool known)
{
	response r = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;

	r.status = !known				     ? STATUS(SERVICE_UNKNOWN)
		   : atomic_load(&call_core(call)->stopping) ? STATUS(NOT_SERVING)
							     : STATUS(SERVING);
	return r;
}

int method_health_check(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	const response r = make_response(call, true);

	if (!is_known(message))
		return refuse(refusal, CODE_NOT_FOUND, "SERVICE_UNKNOWN", "service",
			      "there is no service of this name; this server has " SERVICE);
	call_reply(call, &r.base);
	return 0;
}

struct watch {
	struct stream *stream; /* not owned: it owns us */
	bool known;
};

static void send_state(void *userdata)
{
	struct watch *watch = userdata;
	const response r = make_response(rpc_stream_call(watch->stream), watch->known);

	rpc_stream_put_message(watch->stream, &r.base);
}

static const struct stream_handler handler = { .stopping = send_state, .free = free };

int method_health_watch(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	struct watch *watch = calloc(1, sizeof(*watch));
	int r;

	(void)refusal;
	if (!watch)
		return -ENOMEM;
	watch->known = is_known(message);
	r = rpc_stream_open(call, &handler, watch, &watch->stream);
	if (r < 0) {
		free(watch);
		return r;
	}
	send_state(watch);
	rpc_stream_unref(watch->stream);
	return 0;
}
