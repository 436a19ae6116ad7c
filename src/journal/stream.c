/*
 * Streams: what their owners call, and how threads pass them on; see stream.h for the states and
 * locks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "journal/query.h"
#include "journal/stream.h"

void stream_unref(struct log_stream *stream)
{
	if (atomic_fetch_sub(&stream->references, 1) > 1)
		return;
	stream_close_reader(stream);
	counts_free(stream->counts);
	pthread_mutex_destroy(&stream->callback);
	free(stream);
}

/* --- callbacks ----------------------------------------------------------------------------- */

int stream_deliver(struct log_stream *stream, const struct log_record *record)
{
	int r = -ECANCELED;

	pthread_mutex_lock(&stream->callback);
	if (!atomic_load(&stream->closed))
		r = stream->sink.record(record, stream->userdata);
	pthread_mutex_unlock(&stream->callback);
	if (r == 0)
		stream->unflushed = true;
	return r;
}

void stream_flush(struct log_stream *stream)
{
	if (!stream->unflushed)
		return;
	stream->unflushed = false;
	pthread_mutex_lock(&stream->callback);
	if (!atomic_load(&stream->closed) && stream->sink.flush)
		stream->sink.flush(stream->userdata);
	pthread_mutex_unlock(&stream->callback);
}

void stream_end(struct log_stream *stream, int error)
{
	stream_flush(stream);
	pthread_mutex_lock(&stream->callback);
	if (!atomic_load(&stream->closed))
		stream->sink.end(error, stream->userdata);
	pthread_mutex_unlock(&stream->callback);
	stream_close_reader(stream);
	stream_release(stream, STREAM_ENDED);
}

/* --- passing on ---------------------------------------------------------------------------- */

/* All below up to next_state(): with the lock held. */

static void push_queue(struct log_stream *stream)
{
	stream->state = STREAM_QUEUED;
	TAILQ_INSERT_TAIL(&stream->journal->queue, stream, queue_link);
	pthread_cond_signal(&stream->journal->work);
}

static void push_inbox(struct log_stream *stream)
{
	if (stream->in_inbox)
		return;
	stream->in_inbox = true;
	TAILQ_INSERT_TAIL(&stream->journal->inbox, stream, inbox_link);
	live_wake(stream->journal);
}

/* One that waits for its sink keeps its reader for a while: the sink may be quick. */
static void push_parked(struct log_stream *stream)
{
	if (!stream->reader)
		return;
	stream->idle_at = now_usec(CLOCK_MONOTONIC) + PARKED_READER_USEC;
	stream->in_parked = true;
	TAILQ_INSERT_TAIL(&stream->journal->parked, stream, queue_link);
	/* The live thread may have parked it, and the workers sleep without an end. */
	pthread_cond_signal(&stream->journal->work);
}

static void leave_parked(struct log_stream *stream)
{
	if (!stream->in_parked)
		return;
	stream->in_parked = false;
	TAILQ_REMOVE(&stream->journal->parked, stream, queue_link);
}

static enum stream_state next_state(struct log_stream *stream, enum stream_state wanted)
{
	if (atomic_load(&stream->closed))
		return STREAM_ENDED;
	if (wanted != STREAM_PARKED || !stream->resumed)
		return wanted;
	/* The sink has found room between its refusal and now. */
	stream->resumed = false;
	return STREAM_QUEUED;
}

void stream_release(struct log_stream *stream, enum stream_state next)
{
	struct journal *journal = stream->journal;

	pthread_mutex_lock(&journal->lock);
	next = next_state(stream, next);
	stream->state = next;
	if (stream->in_inbox) { /* it has gone while it was asked to go */
		TAILQ_REMOVE(&journal->inbox, stream, inbox_link);
		stream->in_inbox = false;
	}
	if (next == STREAM_QUEUED)
		push_queue(stream);
	else if (next == STREAM_JOINING)
		push_inbox(stream);
	else if (next == STREAM_PARKED)
		push_parked(stream);
	pthread_mutex_unlock(&journal->lock);
	if (next == STREAM_PARKED || next == STREAM_ENDED)
		stream_unref(stream);
}

bool stream_is_finishing(struct log_stream *stream)
{
	bool finishing;

	pthread_mutex_lock(&stream->journal->lock);
	finishing = stream->finishing;
	pthread_mutex_unlock(&stream->journal->lock);
	return finishing;
}

/* --- the owner's calls --------------------------------------------------------------------- */

int log_stream_open(struct journal *journal, const struct log_query *query,
		    const struct log_sink *sink, void *userdata, struct log_stream **ret)
{
	struct log_stream *stream = calloc(1, sizeof(*stream));

	if (!stream)
		return -ENOMEM;
	stream->journal = journal;
	stream->query = *query;
	stream->sink = *sink;
	stream->userdata = userdata;
	stream->opened = now_usec(CLOCK_MONOTONIC);
	atomic_init(&stream->removed, UINT64_MAX);
	stream->given.numbers = stream->place.numbers = query_numbers(query);
	if (query->after.at.is_set)
		stream->place = (struct place){ .at = query->after.at,
						.inclusive = query->after.inclusive,
						.started = true,
						.numbers = query->after.numbers };
	pthread_mutex_init(&stream->callback, NULL);
	atomic_init(&stream->references, 2);
	*ret = stream; /* callbacks may come before this function returns */
	pthread_mutex_lock(&journal->lock);
	push_queue(stream);
	pthread_mutex_unlock(&journal->lock);
	return 0;
}

void log_stream_resume(struct log_stream *stream)
{
	pthread_mutex_lock(&stream->journal->lock);
	if (stream->state == STREAM_PARKED) {
		atomic_fetch_add(&stream->references, 1);
		leave_parked(stream);
		push_queue(stream);
	} else {
		stream->resumed = true;
	}
	pthread_mutex_unlock(&stream->journal->lock);
}

void log_stream_finish(struct log_stream *stream, uint64_t removed, uint64_t since)
{
	pthread_mutex_lock(&stream->journal->lock);
	if (!stream->finishing) {
		stream->finishing = true;
		stream->finished = since;
		atomic_store(&stream->removed, removed);
		if (stream->state == STREAM_LIVE)
			push_inbox(stream);
	}
	pthread_mutex_unlock(&stream->journal->lock);
}

struct log_stream *log_stream_close(struct log_stream *stream)
{
	struct journal *journal;
	bool was_queued;

	if (!stream)
		return NULL;
	journal = stream->journal;
	pthread_mutex_lock(&stream->callback);
	atomic_store(&stream->closed, true);
	pthread_mutex_unlock(&stream->callback);

	pthread_mutex_lock(&journal->lock);
	was_queued = stream->state == STREAM_QUEUED;
	if (was_queued) {
		TAILQ_REMOVE(&journal->queue, stream, queue_link);
		stream->state = STREAM_ENDED;
	} else if (stream->state == STREAM_LIVE) {
		push_inbox(stream);
	}
	leave_parked(stream);
	pthread_mutex_unlock(&journal->lock);
	if (was_queued)
		stream_unref(stream);
	stream_unref(stream);
	return NULL;
}
