/*
 * Feeds of StreamLogs; see log-feed.h.
 *
 * Four threads meet here: the journal's (record, end), the queue's (room, closed), the stalls'
 * (stalled, and room behind it) and the main loop's (removed). The journal's stream, the source, is
 * held by whoever is about to use it, and closed by the last to let go, never inside one of the
 * journal's own callbacks, where it would wait for itself. One hold is the feed's own, for as long
 * as it is open: it is given up when the call is closed and when the stream has stalled.
 *
 *	OPENING -> OPEN -> PARKING -> PARKED      the stream has stalled; the last hold is gone
 *	   ^                  |          |
 *	   '------------------'----------'        there is room
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/snapshot.h"
#include "rpc/log-feed.h"
#include "rpc/log-message.h"
#include "rpc/stream.h"

enum feed_state {
	FEED_OPENING, /* somebody is at it, and holds the source to come */
	FEED_OPEN,
	FEED_PARKING, /* the feed's own hold has been given up */
	FEED_PARKED,  /* there is no source */
};

/* Owned by its stream. */
struct feed {
	struct stream *stream; /* referenced until the feed is over */
	struct log_query query;

	pthread_mutex_t lock;
	enum feed_state state;
	struct log_stream *source;
	unsigned holds;
	bool room, closed;
	uint64_t removed; /* when the indexer was (CLOCK_REALTIME, microseconds); 0: it is there */
	uint64_t removed_since; /* and the same by CLOCK_MONOTONIC */
};

static void open_source(struct feed *feed);

/* Each source is told the first moment: for each other one, journald would be kept at it anew. */
static void note_removal_locked(struct feed *feed)
{
	if (feed->removed > 0)
		return;
	feed->removed = now_usec(CLOCK_REALTIME);
	feed->removed_since = now_usec(CLOCK_MONOTONIC);
}

/* There is no source: somebody who gets two holds of it, the feed's own among them, opens one. */
static void begin_opening_locked(struct feed *feed)
{
	feed->state = FEED_OPENING;
	feed->holds = 2;
}

/*
 * The source has been closed. True where another one is to be opened, which the caller has two
 * holds of then.
 */
static bool end_term(struct feed *feed)
{
	bool closed, opens;

	pthread_mutex_lock(&feed->lock);
	feed->source = NULL;
	feed->state = FEED_PARKED;
	closed = feed->closed;
	opens = feed->room && !closed;
	if (opens)
		begin_opening_locked(feed);
	pthread_mutex_unlock(&feed->lock);
	if (closed)
		rpc_stream_unref(feed->stream);
	return opens;
}

/* Lets go of the source; the last one closes it, which may wait for a callback under way. */
static void drop(struct feed *feed)
{
	unsigned left;

	pthread_mutex_lock(&feed->lock);
	left = --feed->holds;
	pthread_mutex_unlock(&feed->lock);
	if (left > 0)
		return;
	log_stream_close(feed->source);
	if (end_term(feed))
		open_source(feed);
}

/* Takes a hold of the source, if it is open. The lock is held. */
static bool hold_locked(struct feed *feed)
{
	bool open = feed->state == FEED_OPEN;

	feed->holds += open;
	return open;
}

/* --- what the stream tells -------------------------------------------------------------------- */

static void on_room(void *userdata)
{
	struct feed *feed = userdata;
	bool held, opens;

	pthread_mutex_lock(&feed->lock);
	held = hold_locked(feed);
	opens = feed->state == FEED_PARKED && !feed->closed;
	if (opens)
		begin_opening_locked(feed);
	feed->room = !held && !opens;
	pthread_mutex_unlock(&feed->lock);
	if (held) {
		log_stream_resume(feed->source);
		drop(feed);
	} else if (opens) {
		open_source(feed);
	}
}

static void on_closed(void *userdata)
{
	struct feed *feed = userdata;
	enum feed_state state;

	pthread_mutex_lock(&feed->lock);
	feed->closed = true;
	state = feed->state;
	if (state == FEED_OPEN || state == FEED_OPENING)
		feed->state = FEED_PARKING;
	pthread_mutex_unlock(&feed->lock);
	if (state == FEED_PARKED)
		rpc_stream_unref(feed->stream);
	else if (state != FEED_PARKING)
		drop(feed);
}

/* Where the client is to go on; what it asked for stands where it has had nothing yet. */
static void read_last(struct feed *feed, grpc_slice last)
{
	Indexerd__V1__StreamLogsResponse *message;
	struct log_mark after;

	if (GRPC_SLICE_LENGTH(last) == 0)
		return;
	message = indexerd__v1__stream_logs_response__unpack(NULL, GRPC_SLICE_LENGTH(last),
							     GRPC_SLICE_START_PTR(last));
	if (message && log_cursor_parse(message->cursor, feed->query.uid, &after) == 0) {
		feed->query.after = after;
		feed->query.since = 0;
		feed->query.tail = 0;
	}
	indexerd__v1__stream_logs_response__free_unpacked(message, NULL);
}

static void on_stalled(grpc_slice last, void *userdata)
{
	struct feed *feed = userdata;
	bool parks;

	pthread_mutex_lock(&feed->lock);
	parks = feed->state == FEED_OPEN || feed->state == FEED_OPENING;
	if (parks) {
		read_last(feed, last);
		feed->state = FEED_PARKING;
	}
	pthread_mutex_unlock(&feed->lock);
	if (parks)
		drop(feed);
}

static void on_removed(const char *uid, void *userdata)
{
	struct feed *feed = userdata;
	bool held;

	if (!streq(uid, feed->query.uid))
		return;
	pthread_mutex_lock(&feed->lock);
	note_removal_locked(feed);
	held = hold_locked(feed);
	pthread_mutex_unlock(&feed->lock);
	if (held) {
		log_stream_finish(feed->source, feed->removed, feed->removed_since);
		drop(feed);
	}
}

static void feed_free(void *userdata)
{
	struct feed *feed = userdata;

	pthread_mutex_destroy(&feed->lock);
	free(feed);
}

static const struct stream_handler handler = {
	.room = on_room,
	.stalled = on_stalled,
	.closed = on_closed,
	.removed = on_removed,
	.free = feed_free,
};

/* --- what the journal gives ------------------------------------------------------------------- */

static int on_record(const struct log_record *record, void *userdata)
{
	struct feed *feed = userdata;

	if (!rpc_stream_has_room(feed->stream))
		return -EAGAIN;
	rpc_stream_put(feed->stream, log_message_pack(record, feed->query.uid));
	return 0;
}

static int refuse_journal(int error, struct refusal *refusal)
{
	const char *words = strerrordesc_np(-error);

	if (error == -EACCES || error == -EPERM)
		return refuse(refusal, CODE_UNAVAILABLE, "JOURNAL_UNREADABLE", NULL,
			      "the journal cannot be read: %s; indexerd must run as root, or as a "
			      "member of the group systemd-journal",
			      words);
	if (error == -EMFILE)
		return refuse(refusal, CODE_UNAVAILABLE, "JOURNAL_UNREADABLE", NULL,
			      "the journal cannot be read: %s; root's inotify instances are all "
			      "taken, as by many journalctl -f (sysctl "
			      "fs.inotify.max_user_instances), or the daemon's LimitNOFILE=",
			      words);
	return refuse(refusal, CODE_UNAVAILABLE, "JOURNAL_UNREADABLE", NULL,
		      "the journal cannot be read: %s; see journalctl --verify and "
		      "systemctl status systemd-journald",
		      words);
}

static void on_end(int error, void *userdata)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct feed *feed = userdata;
	int r = error < 0 ? refuse_journal(error, &refusal) : 0;

	rpc_stream_end(feed->stream, r == REFUSED ? &refusal : NULL);
}

static void on_flush(void *userdata)
{
	struct feed *feed = userdata;

	rpc_stream_flush(feed->stream);
}

static const struct log_sink sink = { .record = on_record, .end = on_end, .flush = on_flush };

/* --- opening ---------------------------------------------------------------------------------- */

/* Whether the indexer has been removed, perhaps before the stream could be told. */
static bool is_removed(const struct feed *feed)
{
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot =
		snapshot_box_get(call_core(rpc_stream_call(feed->stream))->snapshots);
	const struct view *view = snapshot_find(snapshot, feed->query.id);

	return !view || !streq(view->definition->uid, feed->query.uid);
}

/* Opens the source, of which the caller has a hold, and does what came up meanwhile. */
static void open_source(struct feed *feed)
{
	struct journal *journal = call_core(rpc_stream_call(feed->stream))->journal;
	struct log_stream *source = NULL;
	bool room, removed;

	rpc_stream_restart(feed->stream);
	if (log_stream_open(journal, &feed->query, &sink, feed, &source) < 0) {
		rpc_stream_end(feed->stream, &refusal_out_of_memory);
		drop(feed);
		return;
	}
	removed = is_removed(feed);
	pthread_mutex_lock(&feed->lock);
	feed->source = source;
	room = feed->room && feed->state == FEED_OPENING;
	if (feed->state == FEED_OPENING) {
		feed->state = FEED_OPEN;
		feed->room = false;
	} /* else it has stalled again: room is for the next source */
	if (removed)
		note_removal_locked(feed);
	removed = feed->removed > 0;
	pthread_mutex_unlock(&feed->lock);
	if (removed)
		log_stream_finish(source, feed->removed, feed->removed_since);
	if (room)
		log_stream_resume(source);
	drop(feed);
}

int log_feed_open(struct call *call, const struct log_query *query)
{
	struct feed *feed = calloc(1, sizeof(*feed));
	int r;

	if (!feed)
		return -ENOMEM;
	feed->query = *query;
	begin_opening_locked(feed);
	pthread_mutex_init(&feed->lock, NULL);
	r = rpc_stream_open(call, &handler, feed, &feed->stream);
	if (r < 0) {
		feed_free(feed);
		return r;
	}
	open_source(feed);
	return 0;
}
