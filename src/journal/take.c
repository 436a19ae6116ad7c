/*
 * What a stream takes of the records that are read: it gives them on, tells what is missing between
 * two of them, and remembers what it has given. See stream.h.
 *
 * On the thread that has the stream.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "journal/numbers.h"
#include "journal/query.h"
#include "journal/stream.h"

/*
 * Times that a gap is read anew before it is told. Each can miss a file that is being renamed just
 * then, and on a busy machine two in a row did.
 */
#define DOUBTS_MAX 3

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

/* --- whose numbers ------------------------------------------------------------------------- */

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
		*ret = query_numbers(&stream->query);
	else if (record->log.event == LOG_STARTED || record->log.event == LOG_DELETED)
		*ret = (struct log_numbers){ 0 };
	else if (may_recount(stream))
		return recount_before(stream, record, ret);
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
	if (!stream->counts && counts_new(&stream->journal->counts_memory, &stream->counts) < 0)
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
	struct log_record out = { .event = LOG_LOST, .lost = lost };
	char content[48];
	int r;

	out.content_size = (size_t)snprintf(content, sizeof(content), "%" PRIu64 " line%s lost",
					    lost, lost == 1 ? "" : "s");
	out.content = content;

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

/*
 * Of a tree, lines that were passed over can only be given behind what came instead: the stream is
 * before the record that its own reader is at, to the exact place, since the numbers are not those
 * of what was given before that.
 */
int stream_take_late(struct log_stream *stream, struct reader *reader, struct log_mark *given,
		     const struct reader_record *record)
{
	struct log_record out = record->log;
	struct place here = stream->place;
	int r;

	(void)reader_place(stream->reader, true, &here);
	out.id = id_of(stream, record);
	out.mark = (struct log_mark){ .at = here.at,
				      .inclusive = here.inclusive,
				      .numbers = numbers_with(&given->numbers, stream->query.level,
							      record) };
	r = pass(stream, &out);
	if (r < 0)
		return r;
	given->numbers = out.mark.numbers;
	reader_locate(reader, record, &given->at);
	given->inclusive = false;
	return 0;
}

/* The lines before this one are missing: they are looked for, and what is not there is told. */
static int fill_gap(struct log_stream *stream, struct reader *reader,
		    const struct reader_record *record, struct log_mark *given)
{
	const enum level level = stream->query.level;
	struct gaps *gaps = stream->journal->gaps;
	const uint64_t now = now_usec(CLOCK_MONOTONIC);
	const bool doubted = gaps_are_doubted(gaps, record->uid, now);
	uint64_t lost;
	int r = 0;

	if (doubted && stream->query.recursive && may_recount(stream))
		r = recount_missing(stream, given, record);
	else if (doubted && doubt(stream, record))
		r = -ESTALE;
	lost = numbers_gap(&given->numbers, level, record);
	if (r < 0 || lost == 0)
		return r;
	gaps_note_true(gaps, record->uid, record->invocation, record->numbers.n[CLASS_ALL], now);
	return pass_lost(stream, reader, record, given, lost);
}

static int take(struct log_stream *stream, struct reader *reader,
		const struct reader_record *record, struct log_mark *given)
{
	const enum level level = stream->query.level;
	struct log_record out = record->log;
	int r = 0;

	if (record->log.event == LOG_EXITED && !numbers_end(&given->numbers, record))
		return 0;
	if (numbers_have(&given->numbers, record))
		return 0;
	if (numbers_gap(&given->numbers, level, record) > 0)
		r = fill_gap(stream, reader, record, given);
	if (r < 0)
		return r;
	out.id = id_of(stream, record);
	out.mark = (struct log_mark){ .numbers = numbers_with(&given->numbers, level, record) };
	if (!query_wants(&stream->query, &record->log)) {
		given->numbers = out.mark.numbers;
		if (stream->query.recursive) { /* see recount_missing() */
			reader_locate(reader, record, &given->at);
			given->inclusive = false;
		} else {
			stream->place.numbers = out.mark.numbers;
		}
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
	struct log_record record = { .id = stream->query.id,
				     .event = LOG_DELETED,
				     .content = RECORD_DELETED_TEXT,
				     .content_size = strlen(RECORD_DELETED_TEXT),
				     .time = atomic_load(&stream->removed) };

	stream_close_reader(stream);
	record.mark = (struct log_mark){ .at = stream->place.at,
					 .inclusive = stream->place.inclusive,
					 .numbers = stream->place.numbers };
	return pass(stream, &record);
}
