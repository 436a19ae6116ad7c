/*
 * One member of a recursive stream, with a reader of its own: what was given of it before the
 * stream began, and what the stream's reader has missed. See stream.h.
 *
 * On a worker. Both are rare, unless an indexer numbers lines by itself to make them necessary.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "journal/numbers.h"
#include "journal/query.h"
#include "journal/stream.h"

/* Records that are gone through at most, of one indexer; what is not found by then is lost. */
#define RECORDS_MAX 4096

/* Opens a reader of the record's indexer alone, at the place. The query is filled. */
static int open_alone(const struct log_stream *stream, const struct reader_record *record,
		      const struct place *place, struct log_query *query, struct reader **ret)
{
	const struct journal *journal = stream->journal;

	*query = (struct log_query){ .level = stream->query.level };
	strcpy(query->uid, record->uid);
	strcpy(query->id, record->id);
	return reader_new(&journal->source, journal->family, query, place, ret);
}

/* Whether the reader's last record is one that the mark says has been given. */
static bool is_within(const struct log_mark *mark, struct reader *reader,
		      const struct reader_record *record)
{
	struct position at;
	int order;

	reader_locate(reader, record, &at);
	order = position_compare(&at, &mark->at);
	return order < 0 || (order == 0 && !mark->inclusive);
}

int recount_before(struct log_stream *stream, const struct reader_record *record,
		   struct log_numbers *ret)
{
	const struct log_mark *after = &stream->query.after;
	/* From the last line before it on, since events follow that. */
	const struct place place = { .at = after->at, .started = true, .back = 1 };
	_cleanup_(reader_freep) struct reader *reader = NULL;
	struct reader_record before;
	struct log_query query;
	int r;

	*ret = (struct log_numbers){ 0 };
	r = open_alone(stream, record, &place, &query, &reader);
	for (unsigned i = 0; r >= 0 && i < RECORDS_MAX; i++) {
		r = reader_next(reader, &before);
		if (r <= 0 || (r == READER_RECORD && !is_within(after, reader, &before)))
			break;
		if (r == READER_RECORD)
			*ret = numbers_with(ret, query.level, &before);
	}
	return MIN(r, 0);
}

/* Whether the line is before the other one, of a later number, and behind those given. */
static bool is_missing(const struct log_numbers *given, enum level level,
		       const struct reader_record *line)
{
	enum level_class class = class_of_level(level);

	return line->log.event == LOG_LINE && line->numbers.n[class] > 0 &&
	       (line->invocation != given->invocation ||
		line->numbers.n[class] > given->last.n[class]);
}

int recount_missing(struct log_stream *stream, struct log_mark *given,
		    const struct reader_record *record)
{
	const enum level level = stream->query.level;
	const enum level_class class = class_of_level(level);
	struct place place = { .at = given->at, .inclusive = given->inclusive, .started = true };
	_cleanup_(reader_freep) struct reader *reader = NULL;
	struct reader_record line;
	struct log_query query;
	int r;

	if (!place.at.is_set) {
		place.at = stream->query.after.at;
		place.inclusive = stream->query.after.inclusive;
	}
	r = open_alone(stream, record, &place, &query, &reader);
	for (unsigned i = 0; r >= 0 && i < RECORDS_MAX && !atomic_load(&stream->closed); i++) {
		r = reader_next(reader, &line);
		if (r <= 0)
			break;
		if (r == READER_PASSED)
			continue;
		if (line.invocation == record->invocation &&
		    line.numbers.n[class] >= record->numbers.n[class])
			break;
		if (is_missing(&given->numbers, level, &line) &&
		    query_wants(&stream->query, &line.log))
			r = stream_take_late(stream, reader, given, &line);
	}
	return MIN(r, 0);
}
