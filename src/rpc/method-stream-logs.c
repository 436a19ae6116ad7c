/*
 * StreamLogs: what the journal gives, packed on the journal's thread and sent by the stream.
 *
 * Three threads meet here: the journal's (record, end), the queue's (room, closed) and the main
 * loop's (removed). The journal's stream is held by whoever is about to use it, and closed by the
 * last to let go, never inside one of the journal's own callbacks, where it would wait for itself.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "rpc/access.h"
#include "rpc/convert.h"
#include "rpc/log-message.h"
#include "rpc/methods.h"
#include "rpc/stream.h"

/* Owned by its stream. */
struct logs {
	struct stream *stream; /* referenced until the journal's stream is closed */
	char uid[ID128_TEXT_MAX];

	pthread_mutex_t lock;
	struct log_stream *source; /* NULL until it is open */
	unsigned holds;		   /* of the source: the opener's, the call's, passing ones */
	bool resume, finish;	   /* came before the source was open */
};

/* Lets go of the source; the last one closes it, which may wait for a callback under way. */
static void drop(struct logs *logs)
{
	unsigned left;

	pthread_mutex_lock(&logs->lock);
	left = --logs->holds;
	pthread_mutex_unlock(&logs->lock);
	if (left > 0)
		return;
	log_stream_close(logs->source);
	rpc_stream_unref(logs->stream);
}

/* Does something to the source, or notes that it is to be done when the source is open. */
static void apply(struct logs *logs, void (*function)(struct log_stream *source), bool *note)
{
	struct log_stream *source;

	pthread_mutex_lock(&logs->lock);
	source = logs->holds > 0 ? logs->source
				 : NULL; /* without a hold it is closed, or about to be */
	if (source)
		logs->holds++;
	else
		*note = true;
	pthread_mutex_unlock(&logs->lock);
	if (source) {
		function(source);
		drop(logs);
	}
}

static void on_room(void *userdata)
{
	struct logs *logs = userdata;

	apply(logs, log_stream_resume, &logs->resume);
}

static void on_closed(void *userdata)
{
	drop(userdata);
}

static void on_removed(const char *uid, void *userdata)
{
	struct logs *logs = userdata;

	if (streq(uid, logs->uid))
		apply(logs, log_stream_finish, &logs->finish);
}

static void logs_free(void *userdata)
{
	struct logs *logs = userdata;

	pthread_mutex_destroy(&logs->lock);
	free(logs);
}

static const struct stream_handler handler = {
	.room = on_room,
	.closed = on_closed,
	.removed = on_removed,
	.free = logs_free,
};

static int on_record(const struct log_record *record, void *userdata)
{
	struct logs *logs = userdata;

	if (!rpc_stream_has_room(logs->stream))
		return -EAGAIN;
	rpc_stream_put(logs->stream, log_message_pack(record, logs->uid));
	return 0;
}

static void on_end(int error, void *userdata)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct logs *logs = userdata;
	int r = 0;

	if (error == -EACCES || error == -EPERM)
		r = refuse(&refusal, CODE_UNAVAILABLE, "JOURNAL_UNREADABLE", NULL,
			   "the journal cannot be read: %s; indexerd must run as root, or as a "
			   "member of the group systemd-journal",
			   strerrordesc_np(-error));
	else if (error == -EMFILE)
		r = refuse(
			&refusal, CODE_UNAVAILABLE, "JOURNAL_UNREADABLE", NULL,
			"the journal cannot be read: %s; root's inotify instances are all taken, "
			"as by many journalctl -f (sysctl fs.inotify.max_user_instances), or the "
			"daemon's LimitNOFILE=",
			strerrordesc_np(-error));
	else if (error < 0)
		r = refuse(&refusal, CODE_UNAVAILABLE, "JOURNAL_UNREADABLE", NULL,
			   "the journal cannot be read: %s; see journalctl --verify and "
			   "systemctl status systemd-journald",
			   strerrordesc_np(-error));
	rpc_stream_end(logs->stream, r == REFUSED ? &refusal : NULL);
}

static void on_flush(void *userdata)
{
	struct logs *logs = userdata;

	rpc_stream_flush(logs->stream);
}

static const struct log_sink sink = { .record = on_record, .end = on_end, .flush = on_flush };

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

/* Opens the journal's stream and does what was noted meanwhile. */
static void open_source(struct logs *logs, struct call *call, const struct log_query *query)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
	struct log_stream *source = NULL;
	struct view *view;
	bool resume, finish;

	if (log_stream_open(call_core(call)->journal, query, &sink, logs, &source) < 0) {
		call_answer(call, -ENOMEM, &refusal);
		drop(logs);
		return;
	}
	pthread_mutex_lock(&logs->lock);
	logs->source = source;
	resume = logs->resume;
	finish = logs->finish;
	pthread_mutex_unlock(&logs->lock);
	/* It may have left before the stream was there to be told. */
	snapshot = snapshot_box_get(call_core(call)->snapshots);
	view = snapshot_find(snapshot, query->id);
	if (finish || !view || !streq(view->definition->uid, logs->uid))
		log_stream_finish(source);
	if (resume)
		log_stream_resume(source);
	drop(logs);
}

int method_stream_logs(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	const Indexerd__V1__StreamLogsRequest *request =
		(const Indexerd__V1__StreamLogsRequest *)message;
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot =
		snapshot_box_get(call_core(call)->snapshots);
	struct log_query query = { 0 };
	struct view *view;
	struct logs *logs;
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
	if (r != 0)
		return r;
	logs = calloc(1, sizeof(*logs));
	if (!logs)
		return -ENOMEM;
	strcpy(logs->uid, query.uid);
	pthread_mutex_init(&logs->lock, NULL);
	logs->holds = 2; /* ours, and the call's until it is closed */
	r = rpc_stream_open(call, &handler, logs, &logs->stream);
	if (r < 0) {
		logs_free(logs);
		return r;
	}
	open_source(logs, call, &query);
	return 0;
}
