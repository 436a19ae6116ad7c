/*
 * Streams: what their owners call, and how threads pass them on; see stream.h for the states and
 * locks.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/*
 * Whether it is the end of an invocation. systemctl clean ends with "Deactivated successfully.",
 * too, which is no end of anything.
 */
static bool is_end(const struct log_numbers *given, const struct reader_record *record)
{
	return given->invocation == 0 || (record->invocation == given->invocation && !given->ended);
}

/* How many lines are missing between those given and this one. */
static uint64_t gap_before(const struct log_numbers *given, enum level level,
			   const struct reader_record *record)
{
	enum level_class class = class_of_level(level);
	uint64_t number = record->numbers.n[class], last = given->last.n[class];

	if (number == 0 || !given->known[class])
		return 0;
	if (record->invocation != given->invocation)
		return number - 1;
	return number > last ? number - last - 1 : 0;
}

/* A log helper that was killed may have sent its last batch; the next one sends it again. */
static bool is_resent(const struct log_numbers *given, const struct reader_record *record)
{
	uint64_t line = record->numbers.n[CLASS_ALL], last = given->last.n[CLASS_ALL];

	return line > 0 && given->known[CLASS_ALL] && record->invocation == given->invocation &&
	       line <= last && last - line < RESENT_MAX;
}

/* Whether to look for the lines before this one once more. */
static bool doubt(struct log_stream *stream, const struct reader_record *record)
{
	uint64_t line = record->numbers.n[CLASS_ALL];

	if (stream->doubted_invocation != record->invocation || stream->doubted_line != line) {
		stream->doubted_invocation = record->invocation;
		stream->doubted_line = line;
		stream->doubts = 0;
	}
	return stream->doubts++ < DOUBTS_MAX;
}

/* Delivers the record, whose mark is set, and remembers the place. */
static int pass(struct log_stream *stream, struct log_record *record)
{
	struct place *place = &stream->place;
	int r;

	record->mark.recursive = stream->query.recursive;
	r = stream_deliver(stream, record);
	if (r < 0)
		return r;
	place->at = record->mark.at;
	place->inclusive = record->mark.inclusive;
	place->numbers = record->mark.numbers;
	place->started = true;
	place->back = 0;
	return 0;
}

/* The numbers up to, but without, this line. */
static struct log_numbers numbers_before(const struct reader_record *record)
{
	struct log_numbers numbers = { .invocation = record->invocation };

	for (int i = 0; i < CLASS_N; i++)
		if (record->numbers.n[i] > 0) {
			numbers.last.n[i] = record->numbers.n[i] - 1;
			numbers.known[i] = true;
		}
	return numbers;
}

/* Before a line of an invocation of which nothing has been given. */
static struct log_numbers numbers_of_new(const struct reader_record *record)
{
	bool is_first = record->log.event == LOG_STARTED || record->numbers.n[CLASS_ALL] == 1;

	return (struct log_numbers){ .invocation = record->invocation,
				     .known = { is_first, is_first, is_first } };
}

/* Lines that the stream does not look at may have come, so that only its own numbers are known. */
static void forget_unseen(enum level level, struct log_numbers *numbers)
{
	enum level_class class = class_of_level(level);

	for (int i = 0; class != CLASS_ALL && i < CLASS_N; i++)
		numbers->known[i] = numbers->known[i] && i == (int)class;
}

/*
 * Whether an invocation begins with this record. One that has begun already goes on: with two
 * journalds, the first lines may come before PID 1's word for it.
 */
static bool begins(const struct log_numbers *given, const struct reader_record *record)
{
	return record->log.event == LOG_STARTED && record->invocation != given->invocation;
}

struct log_numbers stream_count(const struct log_numbers *given, enum level level,
				const struct reader_record *record)
{
	struct log_numbers numbers = *given;

	if (begins(given, record))
		return numbers_of_new(record);
	if (record->log.event == LOG_EXITED) {
		numbers.invocation = record->invocation;
		numbers.ended = true;
	}
	if (record->numbers.n[CLASS_ALL] == 0) {
		forget_unseen(level, &numbers);
		return numbers;
	}
	if (record->invocation != numbers.invocation)
		numbers = numbers_of_new(record);
	for (int i = 0; i < CLASS_N; i++)
		if (record->numbers.n[i] > 0) {
			numbers.last.n[i] = record->numbers.n[i];
			numbers.known[i] = true;
		}
	return numbers;
}

/* --- whose numbers ------------------------------------------------------------------------- */

/* Of an indexer of which the stream has had nothing yet. */
static struct log_numbers numbers_at_start(const struct log_query *query)
{
	bool all = query->since == 0 && query->tail == 0;

	/* From the indexer's first record on: its first line is number 1. */
	return query->after.at.is_set ? query->after.numbers
				      : (struct log_numbers){ .known = { all, all, all } };
}

/*
 * Whether a member may be looked at alone now: on a worker, since it takes its time, and an indexer
 * can make it necessary as often as it likes. The live thread leaves the record to one.
 */
static bool may_recount(struct log_stream *stream)
{
	if (stream->state != STREAM_RUNNING)
		return false;
	stream->recounts++;
	return true;
}

/* 0, or -ESTALE where a worker is to find it out. */
static int numbers_of_member(struct log_stream *stream, const struct reader_record *record,
			     struct log_numbers *ret)
{
	const struct log_mark *after = &stream->query.after;

	/* With a start it begins anew, with the deletion it ends. */
	if (!after->at.is_set || record->invocation == after->numbers.invocation)
		*ret = numbers_at_start(&stream->query);
	else if (record->log.event == LOG_STARTED || record->log.event == LOG_DELETED)
		*ret = (struct log_numbers){ 0 };
	else if (may_recount(stream))
		*ret = recount_before(stream, record);
	else if (doubt(stream, record))
		return -ESTALE;
	return 0;
}

/* What the stream has been given of the record's indexer. */
static int given_of(struct log_stream *stream, const struct reader_record *record,
		    struct log_mark **ret)
{
	struct count *count;
	bool is_new;
	int r = 0;

	*ret = &stream->given;
	if (!stream->query.recursive)
		return 0;
	if (!stream->counts && counts_new(&stream->counts) < 0)
		return -ENOMEM;
	count = counts_get(stream->counts, record->uid, &is_new);
	if (!count)
		return -ENOMEM;
	*ret = &count->given;
	if (is_new)
		r = numbers_of_member(stream, record, &count->given.numbers);
	if (r < 0)
		counts_drop(stream->counts, record->uid);
	return r;
}

static const char *id_of(const struct log_stream *stream, const struct reader_record *record)
{
	return stream->query.recursive ? record->id : stream->query.id;
}

/* --- taking -------------------------------------------------------------------------------- */

static int pass_lost(struct log_stream *stream, struct reader *reader,
		     const struct reader_record *record, struct log_mark *given, uint64_t lost)
{
	struct log_record out = { .event = LOG_LOST, .content = "", .lost = lost };
	int r;

	out.id = id_of(stream, record);
	out.time = record->log.time;
	out.mark.inclusive = true; /* this record comes behind the gap */
	out.mark.numbers = numbers_before(record);
	reader_locate(reader, record, &out.mark.at);
	r = pass(stream, &out);
	if (r == 0)
		*given = out.mark;
	return r;
}

/* Of a tree, lines that were passed over can only be given behind what came instead. */
int stream_take_late(struct log_stream *stream, struct reader *reader, struct log_mark *given,
		     const struct reader_record *record)
{
	struct log_record out = record->log;
	int r;

	out.id = id_of(stream, record);
	out.mark = (struct log_mark){ .at = stream->place.at,
				      .inclusive = stream->place.inclusive,
				      .numbers = stream_count(&given->numbers, stream->query.level,
							      record) };
	if (!out.mark.at.is_set)
		reader_locate(reader, record, &out.mark.at);
	r = pass(stream, &out);
	if (r == 0)
		given->numbers = out.mark.numbers;
	return r;
}

/* The lines before this one are missing: they are looked for, and what is not there is told. */
static int fill_gap(struct log_stream *stream, struct reader *reader,
		    const struct reader_record *record, struct log_mark *given)
{
	const enum level level = stream->query.level;
	uint64_t lost;
	int r = 0;

	if (stream->query.recursive && may_recount(stream))
		r = recount_missing(stream, given, record);
	else if (doubt(stream, record))
		r = -ESTALE;
	lost = gap_before(&given->numbers, level, record);
	return r < 0 || lost == 0 ? r : pass_lost(stream, reader, record, given, lost);
}

static int take(struct log_stream *stream, struct reader *reader,
		const struct reader_record *record, struct log_mark *given)
{
	const enum level level = stream->query.level;
	struct log_record out = record->log;
	int r = 0;

	if (record->log.event == LOG_EXITED && !is_end(&given->numbers, record))
		return 0;
	if (is_resent(&given->numbers, record))
		return 0;
	if (gap_before(&given->numbers, level, record) > 0)
		r = fill_gap(stream, reader, record, given);
	if (r < 0)
		return r;
	out.id = id_of(stream, record);
	out.mark = (struct log_mark){ .numbers = stream_count(&given->numbers, level, record) };
	if (!query_wants(&stream->query, &record->log)) {
		given->numbers = out.mark.numbers;
		if (!stream->query.recursive)
			stream->place.numbers = out.mark.numbers;
		return 0;
	}
	reader_locate(reader, record, &out.mark.at);
	r = pass(stream, &out);
	if (r == 0)
		*given = out.mark;
	return r;
}

int stream_take(struct log_stream *stream, struct reader *reader,
		const struct reader_record *record)
{
	struct log_mark *given;
	int r;

	/* What only the live reader sees: its numbers do not count among those of the level. */
	if (stream->query.recursive && class_of_level(stream->query.level) != CLASS_ALL &&
	    !query_wants(&stream->query, &record->log))
		return 0;
	r = given_of(stream, record, &given);
	r = r < 0 ? r : take(stream, reader, record, given);
	if (r == 0 && record->log.event == LOG_DELETED)
		counts_drop(stream->counts, record->uid);
	return r;
}

int stream_take_deleted(struct log_stream *stream)
{
	static const char content[] = "deleted";
	struct log_record record = { .id = stream->query.id,
				     .event = LOG_DELETED,
				     .content = content,
				     .content_size = strlen(content),
				     .time = atomic_load(&stream->removed) };

	stream_close_reader(stream);
	record.mark = (struct log_mark){ .at = stream->place.at,
					 .inclusive = stream->place.inclusive,
					 .numbers = stream->place.numbers };
	return pass(stream, &record);
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
	stream->given.numbers = stream->place.numbers = numbers_at_start(query);
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

void log_stream_finish(struct log_stream *stream)
{
	pthread_mutex_lock(&stream->journal->lock);
	if (!stream->finishing) {
		stream->finishing = true;
		stream->finished = now_usec(CLOCK_MONOTONIC);
		atomic_store(&stream->removed, now_usec(CLOCK_REALTIME));
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
