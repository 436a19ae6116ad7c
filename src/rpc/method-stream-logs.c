/*
 * StreamLogs: what is asked for; log-feed.c has what follows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "rpc/access.h"
#include "rpc/convert.h"
#include "rpc/log-feed.h"
#include "rpc/methods.h"

static int read_query(const Indexerd__V1__StreamLogsRequest *request, struct log_query *query,
		      struct refusal *refusal)
{
	int level = (int)request->level;

	if (level < LEVEL_UNKNOWN || level > LEVEL_ERROR)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "ENUM_INVALID", "level",
			      "level has no value %d", level);
	if (request->tail < 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "TAIL_INVALID", "tail",
			      "tail must not be negative: %d", (int)request->tail);
	if (*request->cursor && (request->since || request->tail > 0))
		return refuse(refusal, CODE_INVALID_ARGUMENT, "CURSOR_NOT_ALONE", "cursor",
			      "cursor cannot be given together with %s: each says where to begin",
			      request->since ? "since" : "tail");
	query->level = (enum level)level;
	query->tail = request->tail;
	query->follow = !request->no_follow;
	query->recursive = request->recursive;
	return convert_to_usec(request->since, "since", &query->since, refusal);
}

/* Reads the cursor, which is bound to the query's uid. */
static int read_cursor(const char *cursor, const char *name, struct log_query *query,
		       struct refusal *refusal)
{
	int r = isempty(cursor) ? 0 : log_cursor_parse(cursor, query->uid, &query->after);

	if (r == -EXDEV)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "CURSOR_INVALID", "cursor",
			      "cursor: '%s' is of a stream about another indexer than %s, or an "
			      "earlier one of that name",
			      cursor, name);
	if (r < 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "CURSOR_INVALID", "cursor",
			      "cursor: '%.*s' is not a cursor of this server", LOG_CURSOR_SIZE + 1,
			      cursor);
	if (query->after.at.is_set && query->after.recursive != query->recursive)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "CURSOR_INVALID", "cursor",
			      "cursor: '%s' is of a stream that was %srecursive, and this one is "
			      "%s",
			      cursor, query->recursive ? "not " : "",
			      query->recursive ? "recursive" : "not");
	return 0;
}

int method_stream_logs(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	const Indexerd__V1__StreamLogsRequest *request =
		(const Indexerd__V1__StreamLogsRequest *)message;
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot =
		snapshot_box_get(call_core(call)->snapshots);
	struct log_query query = { 0 };
	struct view *view;
	int r;

	r = read_query(request, &query, refusal);
	if (r == 0)
		r = access_find(call_caller(call), snapshot, request->parent, "parent", &view,
				refusal);
	if (r != 0)
		return r;
	strcpy(query.uid, view->definition->uid);
	strcpy(query.id, view->definition->id);
	r = read_cursor(request->cursor, request->parent, &query, refusal);
	return r != 0 ? r : log_feed_open(call, &query);
}
