/*
 * Catching up: streams that start in the past or have fallen behind, each with a reader of its own.
 *
 * The worker threads take turns at them, a slice of records each time, so that many long ones do
 * not hold up a short one. stream_catch_up() runs also on the live thread, for the last bit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/condition.h"
#include "journal/stream.h"
#include "journal/sync.h"

void stream_drop_reader(struct log_stream *stream)
{
	if (!stream->reader)
		return;
	stream->reader = reader_free(stream->reader);
	atomic_fetch_sub(&stream->journal->open_readers, 1);
}

void stream_close_reader(struct log_stream *stream)
{
	if (!stream->reader)
		return;
	(void)reader_place(stream->reader, false, &stream->place);
	stream_drop_reader(stream);
}

static int open_reader(struct log_stream *stream)
{
	int r;

	if (stream->reader)
		return 0;
	r = reader_new(&stream->journal->source, stream->journal->family, &stream->query,
		       &stream->place, &stream->reader);
	if (r < 0)
		return r;
	atomic_fetch_add(&stream->journal->open_readers, 1);
	stream->short_since = 0;
	return 0;
}

static int read_slice(struct log_stream *stream)
{
	struct reader_record record;
	int r;

	stream->recounts = 0;
	for (unsigned i = 0; i < SLICE_RECORDS && stream->recounts < SLICE_RECOUNTS; i++) {
		if (atomic_load_explicit(&stream->closed, memory_order_relaxed))
			return -ECANCELED;
		r = reader_next(stream->reader, &record);
		if (r <= 0)
			return r;
		if (r == READER_RECORD)
			r = stream_take(stream, stream->reader, &record);
		if (r < 0)
			return r;
	}
	return 1;
}

int stream_catch_up(struct log_stream *stream)
{
	int r = open_reader(stream);
	bool settles;

	if (r < 0)
		return r;
	/* What finishes has been synchronised, and what does not follow. */
	settles = stream->query.follow && !stream_is_finishing(stream);
	reader_let_settle(stream->reader, settles ? journal_settle_usec(stream->journal) : 0);
	r = read_slice(stream);
	stream_flush(stream);
	if (r == -ESTALE || r == -ENOTRECOVERABLE)
		stream_drop_reader(stream);
	if (r == -ESTALE)
		return 1;
	if (r == -EAGAIN) {
		/* Noted already now, so that the reader can be closed by whoever finds it idle. */
		reader_refuse(stream->reader);
		if (reader_place(stream->reader, false, &stream->place) < 0)
			stream_drop_reader(stream);
	}
	return r;
}

/*
 * Between two turns, and while it waits to join the live reader, a stream keeps its reader only
 * where few are open: each holds an inotify instance, and a user has 128 of them.
 */
static void let_go(struct log_stream *stream)
{
	if (atomic_load(&stream->journal->open_readers) > OPEN_READERS_MAX)
		stream_close_reader(stream);
}

void stream_try_later(struct log_stream *stream)
{
	stream->not_before = now_usec(CLOCK_MONOTONIC) + GIVEN_UP_RETRY_USEC;
}

/* Whether the stream is to wait for what others take now: its client is not to be sent away. */
static bool waits_for_descriptors(struct log_stream *stream, int result)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	if ((result != -EMFILE && result != -ENFILE) || !stream->place.started)
		return false;
	if (stream->short_since == 0)
		stream->short_since = now;
	stream->not_before = now + SHORT_RETRY_USEC;
	return now - stream->short_since < SHORT_MAX_USEC;
}

void stream_settle(struct log_stream *stream, int result)
{
	if (result == -ECANCELED) {
		stream_release(stream, STREAM_ENDED);
	} else if (waits_for_descriptors(stream, result)) {
		stream_release(stream, STREAM_QUEUED);
	} else if (result == -ENOTRECOVERABLE) {
		stream_try_later(stream);
		stream_release(stream, STREAM_QUEUED);
	} else if (result != 1 && result != -EAGAIN) {
		stream_end(stream, result);
	} else {
		let_go(stream);
		stream_release(stream, result == 1 ? STREAM_QUEUED : STREAM_PARKED);
	}
}

/* One turn of a stream that the calling worker has taken from the queue. */
static void run(struct log_stream *stream)
{
	/*
	 * What finishes must be synchronised before its last look at the journal; both are asked
	 * before that look, since finish may be called at any time.
	 */
	bool finishing = stream_is_finishing(stream);
	int r;

	if (finishing)
		journal_synchronize(stream->journal, stream->finished);
	else if (!stream->query.follow && journal_settle_usec(stream->journal) > 0)
		journal_synchronize(stream->journal, stream->opened);
	r = stream_catch_up(stream);
	if (r == 0 && finishing)
		r = stream_take_deleted(stream);
	if (r != 0) {
		stream_settle(stream, r);
	} else if (finishing || !stream->query.follow) {
		stream_end(stream, 0);
	} else if (stream_is_finishing(stream)) {
		stream_release(stream, STREAM_QUEUED);
	} else {
		let_go(stream);
		stream_release(stream, STREAM_JOINING);
	}
}

/* With the lock held. Returns the reader of a stream that has been parked for long, or NULL. */
static struct reader *take_idle_reader(struct journal *journal)
{
	struct log_stream *stream = TAILQ_FIRST(&journal->parked);

	if (!stream || stream->idle_at > now_usec(CLOCK_MONOTONIC))
		return NULL;
	TAILQ_REMOVE(&journal->parked, stream, queue_link);
	stream->in_parked = false;
	atomic_fetch_sub(&journal->open_readers, 1);
	return TAKE(stream->reader);
}

/* With the lock held. The first one whose time has come, or NULL with the time of the next. */
static struct log_stream *find_due(struct journal *journal, uint64_t *next)
{
	struct log_stream *stream;
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	*next = UINT64_MAX;
	TAILQ_FOREACH(stream, &journal->queue, queue_link)
	{
		if (stream->not_before <= now)
			break;
		*next = MIN(*next, stream->not_before);
	}
	return stream;
}

/* With the lock held. Until there may be something to do. */
static void wait_for_work(struct journal *journal, uint64_t next)
{
	const struct log_stream *parked = TAILQ_FIRST(&journal->parked);

	condition_wait(&journal->work, &journal->lock, parked ? MIN(parked->idle_at, next) : next);
}

/* Takes a stream from the queue, and closes idle readers while there is none. NULL at the end. */
static struct log_stream *take(struct journal *journal)
{
	struct log_stream *stream = NULL;
	struct reader *idle;
	uint64_t next;

	pthread_mutex_lock(&journal->lock);
	while (!atomic_load(&journal->stopping) && !stream) {
		idle = take_idle_reader(journal);
		if (idle) {
			pthread_mutex_unlock(&journal->lock);
			reader_free(idle);
			pthread_mutex_lock(&journal->lock);
			continue;
		}
		stream = find_due(journal, &next);
		if (!stream)
			wait_for_work(journal, next);
	}
	if (stream) {
		TAILQ_REMOVE(&journal->queue, stream, queue_link);
		stream->state = STREAM_RUNNING;
		stream->not_before = 0;
	}
	pthread_mutex_unlock(&journal->lock);
	return stream;
}

void *worker_thread(void *userdata)
{
	struct journal *journal = userdata;
	struct log_stream *stream;

	while ((stream = take(journal)))
		run(stream);
	return NULL;
}
