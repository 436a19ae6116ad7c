/*
 * The live reader: one thread that follows the journal for all streams that have caught up.
 *
 * Everything here is this thread's own; others reach it through the journal's inbox. Without a
 * stream it has no journal open and sleeps.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "journal/query.h"
#include "journal/stream.h"

#define BUCKETS 256

/* Records between two flushes of a busy journal. */
#define BATCH_RECORDS 1024

struct live {
	struct journal *journal;
	struct reader *reader;	   /* NULL while there is no stream */
	struct reader_record last; /* the one of the last step, */
	bool has_last;		   /* if that yielded one */
	unsigned n_streams, n_recursive;
	struct stream_list buckets[BUCKETS]; /* by uid */
	struct stream_list unflushed;
};

/* A write into an eventfd fails only where its counter is full, and then the thread is awake. */
void live_wake(struct journal *journal)
{
	const uint64_t one = 1;
	ssize_t n;

	atomic_store(&journal->inbox_filled, true);
	n = write(journal->inbox_fd, &one, sizeof(one));
	(void)n;
}

static struct stream_list *find(struct live *live, const char *uid)
{
	return &live->buckets[text_hash(uid) % BUCKETS];
}

static void flush_one(struct live *live, struct log_stream *stream)
{
	if (!stream->unflushed)
		return;
	TAILQ_REMOVE(&live->unflushed, stream, flush_link);
	stream_flush(stream);
}

static void flush_all(struct live *live)
{
	struct log_stream *stream;

	while ((stream = TAILQ_FIRST(&live->unflushed)))
		flush_one(live, stream);
}

/* --- leaving ---------------------------------------------------------------------- */

static void detach(struct live *live, struct log_stream *stream)
{
	flush_one(live, stream);
	TAILQ_REMOVE(find(live, stream->query.uid), stream, live_link);
	live->n_streams--;
	live->n_recursive -= stream->query.recursive;
}

/*
 * Takes a stream out and lets it catch up by itself from here. `refused`: its sink did not take the
 * current record.
 */
static void leave(struct live *live, struct log_stream *stream, bool refused,
		  enum stream_state next)
{
	struct place here;

	detach(live, stream);
	/* One that has had nothing from us yet goes on where its own reader ended. */
	if (refused || !stream->skipping) {
		if (reader_place(live->reader, refused, &here) == 0 && here.at.is_set) {
			stream->place.at = here.at;
			stream->place.inclusive = here.inclusive;
		}
	}
	stream_release(stream, next);
}

/* Lets a stream catch up from behind the last record that it was given. */
static void leave_behind(struct live *live, struct log_stream *stream)
{
	detach(live, stream);
	stream_release(stream, STREAM_QUEUED);
}

/* --- dispatching --------------------------------------------------------------------------- */

/*
 * True where the stream's own reader has been at the current record. Where that one's file has been
 * removed meanwhile, its place cannot be had any more, and its time must do.
 */
static bool is_given(struct live *live, struct log_stream *stream,
		     const struct reader_record *record)
{
	const struct position *given = &stream->place.at;
	struct place here;
	bool behind;

	if (!stream->skipping)
		return false;
	if (reader_place(live->reader, false, &here) == 0)
		behind = position_compare(&here.at, given) > 0 &&
			 !place_covers(&stream->place, &here.at, record);
	else
		behind = record->log.time > given->realtime;
	stream->skipping = given->is_set && !behind;
	return stream->skipping;
}

static void give(struct live *live, struct log_stream *stream, const struct reader_record *record)
{
	bool was_unflushed = stream->unflushed;
	int r;

	if (is_given(live, stream, record))
		return;
	r = stream_take(stream, live->reader, record);
	if (r == -ESTALE || r == -ENOMEM)
		leave_behind(live, stream);
	else if (r == -EAGAIN)
		leave(live, stream, true, STREAM_PARKED);
	else if (r < 0)
		leave(live, stream, true, STREAM_ENDED);
	else if (stream->unflushed && !was_unflushed)
		TAILQ_INSERT_TAIL(&live->unflushed, stream, flush_link);
}

static void dispatch_to(struct live *live, const char *uid, const struct reader_record *record)
{
	struct stream_list *list = find(live, uid);
	struct log_stream *stream, *next;

	for (stream = TAILQ_FIRST(list); stream; stream = next) {
		next = TAILQ_NEXT(stream, live_link);
		if (streq(stream->query.uid, uid) && query_is_about(&stream->query, record))
			give(live, stream, record);
	}
}

/* To the streams about the indexer itself, and to the recursive ones of those above it. */
static void dispatch(struct live *live, const struct reader_record *record)
{
	char uid[ID128_TEXT_MAX] = "";
	size_t n_above;

	dispatch_to(live, record->uid, record);
	if (live->n_recursive == 0)
		return;
	n_above = lineage_levels(record->lineage);
	for (size_t i = 0; i + 1 < n_above; i++) {
		memcpy(uid, lineage_at(record->lineage, i), sizeof(uid) - 1);
		dispatch_to(live, uid, record);
	}
}

/* --- joining ------------------------------------------------------------------------------- */

/* A stream has reached the end with its own reader. See stream.h why this is right. */
static void join(struct live *live, struct log_stream *stream)
{
	struct journal *journal = live->journal;
	bool stays;
	int r = 0;

	if (!live->reader) {
		live->has_last = false;
		r = reader_new_live(&journal->source, journal->family, &live->reader);
	}
	if (r < 0) {
		stream_settle(stream, r);
		return;
	}
	r = stream_catch_up(stream);
	if (r != 0) {
		stream_settle(stream, r);
		return;
	}
	stream_close_reader(stream);
	pthread_mutex_lock(&journal->lock);
	stays = !stream->finishing && !atomic_load(&stream->closed);
	if (stays)
		stream->state = STREAM_LIVE;
	pthread_mutex_unlock(&journal->lock);
	if (!stays) {
		stream_release(stream, STREAM_QUEUED);
		return;
	}
	stream->skipping = true;
	TAILQ_INSERT_TAIL(find(live, stream->query.uid), stream, live_link);
	live->n_streams++;
	live->n_recursive += stream->query.recursive;
	if (live->has_last && query_is_about(&stream->query, &live->last))
		give(live, stream, &live->last);
}

static struct log_stream *take_inbox(struct journal *journal, enum stream_state *state)
{
	struct log_stream *stream;

	pthread_mutex_lock(&journal->lock);
	stream = TAILQ_FIRST(&journal->inbox);
	if (stream) {
		TAILQ_REMOVE(&journal->inbox, stream, inbox_link);
		stream->in_inbox = false;
		*state = stream->state;
	} else {
		atomic_store(&journal->inbox_filled, false);
	}
	pthread_mutex_unlock(&journal->lock);
	return stream;
}

static void read_inbox(struct live *live)
{
	struct log_stream *stream;
	enum stream_state state;

	while ((stream = take_inbox(live->journal, &state))) {
		if (state == STREAM_JOINING)
			join(live, stream);
		else if (state == STREAM_LIVE) /* finish or close was called */
			leave(live, stream, false, STREAM_QUEUED);
	}
}

/* --- reading ------------------------------------------------------------------------------- */

/* Reads and dispatches a batch. Returns 1 when there may be more, 0 at the end, or an error. */
static int read_batch(struct live *live)
{
	int r = 1;

	reader_let_settle(live->reader, journal_settle_usec(live->journal));
	for (unsigned i = 0; r > 0 && i < BATCH_RECORDS && live->n_streams > 0; i++) {
		if (atomic_load_explicit(&live->journal->inbox_filled, memory_order_relaxed))
			break;
		r = reader_next(live->reader, &live->last);
		/* Who stands before a record that is held back has let all that was before it
		 * settle. */
		if (r != 0 || reader_is_holding(live->reader))
			live->has_last = r == READER_RECORD;
		if (r == READER_RECORD)
			dispatch(live, &live->last);
	}
	return r;
}

/* The live reader cannot go on: everyone for himself, and it is opened anew when one has come back.
 */
static void scatter(struct live *live)
{
	struct log_stream *stream;

	for (size_t i = 0; i < BUCKETS; i++)
		while ((stream = TAILQ_FIRST(&live->buckets[i]))) {
			stream_try_later(stream);
			leave(live, stream, false, STREAM_QUEUED);
		}
}

/* --- the thread ---------------------------------------------------------------------------- */

static int poll_timeout(struct live *live)
{
	uint64_t until = live->reader ? reader_timeout(live->reader) : UINT64_MAX;
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	if (until == UINT64_MAX)
		return -1;
	return until <= now ? 0 : (int)MIN((until - now) / USEC_PER_MSEC + 1, (uint64_t)60000);
}

static void wait_for_news(struct live *live)
{
	struct pollfd fds[] = {
		{ .fd = live->journal->inbox_fd, .events = POLLIN },
		{ .fd = live->reader ? reader_fd(live->reader) : -1, .events = POLLIN },
	};
	uint64_t count;
	ssize_t n;

	if (poll(fds, ELEMENTSOF(fds), poll_timeout(live)) <= 0)
		return;
	if (fds[0].revents) {
		n = read(live->journal->inbox_fd, &count, sizeof(count));
		(void)n; /* only the waking matters */
	}
	/* It stays readable until somebody looks, and a step forward that finds a record does not.
	 */
	if (fds[1].revents)
		(void)reader_process(live->reader);
}

static void stop(struct live *live)
{
	struct log_stream *stream;
	enum stream_state state;

	for (size_t i = 0; i < BUCKETS; i++)
		while ((stream = TAILQ_FIRST(&live->buckets[i]))) {
			detach(live, stream);
			stream_release(stream, STREAM_ENDED);
		}
	while ((stream = take_inbox(live->journal, &state)))
		if (state == STREAM_JOINING)
			stream_release(stream, STREAM_ENDED);
	reader_free(live->reader);
}

void *live_thread(void *userdata)
{
	struct live live = { .journal = userdata };

	TAILQ_INIT(&live.unflushed);
	for (size_t i = 0; i < BUCKETS; i++)
		TAILQ_INIT(&live.buckets[i]);

	while (!atomic_load(&live.journal->stopping)) {
		int r = 0;

		read_inbox(&live);
		if (live.n_streams > 0)
			r = read_batch(&live);
		flush_all(&live);
		if (r < 0)
			scatter(&live);
		if (live.n_streams == 0)
			live.reader = reader_free(live.reader);
		if (r <= 0 || live.n_streams == 0)
			wait_for_news(&live);
	}
	stop(&live);
	return NULL;
}
