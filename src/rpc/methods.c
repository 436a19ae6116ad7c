/*
 * The table of all rpcs; see methods.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "common/util.h"
#include "grpc/health/v1/health.pb-c.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "rpc/convert.h"
#include "rpc/methods.h"

#define RUNNER(name) "/indexerd.v1.IndexerRunner/" name
#define HEALTH(name) "/grpc.health.v1.Health/" name

/* Both versions of reflection have the same bytes on the wire. */
#define REFLECTION(version)                                                                        \
	{                                                                                          \
		"/grpc.reflection." version ".ServerReflection/ServerReflectionInfo",              \
			&grpc__reflection__v1__server_reflection_request__descriptor,              \
			method_reflect, method_reflect_end, true, true                             \
	}

static const struct method methods[] = {
	{ RUNNER("GetIndexer"), &indexerd__v1__get_indexer_request__descriptor, method_get_indexer,
	  NULL, false, true },
	{ RUNNER("ListIndexers"), &indexerd__v1__list_indexers_request__descriptor,
	  method_list_indexers, NULL, false, true },
	{ RUNNER("CreateIndexer"), &indexerd__v1__create_indexer_request__descriptor,
	  method_create_indexer, NULL, false },
	{ RUNNER("DeleteIndexer"), &indexerd__v1__delete_indexer_request__descriptor,
	  method_delete_indexer, NULL, false },
	{ RUNNER("StreamLogs"), &indexerd__v1__stream_logs_request__descriptor, method_stream_logs,
	  NULL, true, true },
	{ HEALTH("Check"), &grpc__health__v1__health_check_request__descriptor, method_health_check,
	  NULL, false, true },
	{ HEALTH("Watch"), &grpc__health__v1__health_check_request__descriptor, method_health_watch,
	  NULL, true, true },
	REFLECTION("v1"),
	REFLECTION("v1alpha"),
	{ RUNNER("UpdateIndexer"), &indexerd__v1__update_indexer_request__descriptor,
	  method_update_indexer, NULL, false },
	{ RUNNER("StartIndexer"), &indexerd__v1__start_indexer_request__descriptor,
	  method_start_indexer, NULL, false },
	{ RUNNER("StopIndexer"), &indexerd__v1__stop_indexer_request__descriptor,
	  method_stop_indexer, NULL, false },
	{ RUNNER("RestartIndexer"), &indexerd__v1__restart_indexer_request__descriptor,
	  method_restart_indexer, NULL, false },
	{ RUNNER("WatchIndexers"), &indexerd__v1__watch_indexers_request__descriptor,
	  method_watch_indexers, NULL, true, true },
};

Indexerd__V1__Indexer *message_with_usage(const struct view *view, struct usage_table *table,
					  const struct secret_rules *rules, struct arena *arena)
{
	struct usage usage;
	bool found = usage_get(table, view, now_usec(CLOCK_MONOTONIC), &usage);

	return convert_from_view(view, found ? &usage : NULL, rules, arena);
}

Indexerd__V1__Indexer *method_message(struct call *call, const struct view *view)
{
	const struct rpc_core *core = call_core(call);

	return message_with_usage(view, core->usage, core->secrets, call_arena(call));
}

void method_answer_view(const struct refusal *refusal, struct view *view, void *userdata)
{
	_cleanup_refusal_ struct refusal failed = { 0 };
	struct call *call = userdata;
	Indexerd__V1__Indexer *indexer = NULL;

	if (!refusal)
		indexer = method_message(call, view);
	if (refusal)
		call_finish(call, refusal);
	else if (indexer)
		call_reply(call, &indexer->base);
	else
		call_answer(call, -ENOMEM, &failed);
	call_unref(call);
}

const struct method *method_find(const char *path, size_t n)
{
	for (size_t i = 0; i < ELEMENTSOF(methods); i++)
		if (strlen(methods[i].path) == n && memcmp(methods[i].path, path, n) == 0)
			return &methods[i];
	return NULL;
}
