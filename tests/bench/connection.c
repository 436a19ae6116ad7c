/*
 * A client's connection; see connection.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>

#if __has_include(<grpc/credentials.h>) /* newer versions of gRPC have the credentials there */
#include <grpc/credentials.h>
#endif

#include "common/util.h"
#include "connection.h"

void connection_open(struct connection *connection, const char *address, int window)
{
	grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
	grpc_arg list[] = {
		/* Otherwise channels with the same target share one connection. */
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL,
		  .value.integer = 1 },
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_HTTP2_BDP_PROBE, .value.integer = 0 },
		{ GRPC_ARG_INTEGER, (char *)GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES,
		  .value.integer = window },
	};
	const grpc_channel_args args = { window > 0 ? ELEMENTSOF(list) : 1, list };

	grpc_init();
	connection->queue = grpc_completion_queue_create_for_next(NULL);
	connection->channel = grpc_channel_create(address, credentials, &args);
	grpc_channel_credentials_release(credentials);
}

void connection_close(struct connection *connection)
{
	grpc_channel_destroy(connection->channel);
	grpc_completion_queue_shutdown(connection->queue);
	while (grpc_completion_queue_next(connection->queue, gpr_inf_future(GPR_CLOCK_MONOTONIC),
					  NULL)
		       .type != GRPC_QUEUE_SHUTDOWN)
		;
	grpc_completion_queue_destroy(connection->queue);
	grpc_shutdown();
}

bool connection_next(struct connection *connection, void **ret_tag)
{
	gpr_timespec end = gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
					gpr_time_from_seconds(CONNECTION_LIMIT_SEC, GPR_TIMESPAN));
	grpc_event event = grpc_completion_queue_next(connection->queue, end, NULL);

	*ret_tag = event.tag;
	return event.type == GRPC_OP_COMPLETE;
}
