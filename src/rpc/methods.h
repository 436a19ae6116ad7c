/*
 * The table of all rpcs. One file for each method; its function is declared here and nowhere else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/indexer.h"
#include "model/secret.h"
#include "rpc/call.h"

/* The method of a path of n bytes, which need not be terminated; NULL for an unknown one. */
const struct method *method_find(const char *path, size_t n);

method_run method_create_indexer;
method_run method_get_indexer;
method_run method_list_indexers;
method_run method_delete_indexer;
method_run method_update_indexer;
method_run method_start_indexer;
method_run method_stop_indexer;
method_run method_restart_indexer;
method_run method_stream_logs;
method_run method_watch_indexers;
method_run method_health_check;
method_run method_health_watch;
method_run method_reflect;
void method_reflect_end(struct call *call);

/*
 * The message of a view with what its processes use at present, and without the secrets of the
 * rules, in the arena; strings are lent by the view. NULL where there is no memory.
 */
Indexerd__V1__Indexer *message_with_usage(const struct view *view, struct usage_table *table,
					  const struct secret_rules *rules, struct arena *arena);

/* The same in the call's arena. */
Indexerd__V1__Indexer *method_message(struct call *call, const struct view *view);

/* A manager_done that answers a call with the view or the refusal; userdata is the call, whose
 * reference it takes. */
void method_answer_view(const struct refusal *refusal, struct view *view, void *userdata);
