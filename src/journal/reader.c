/*
 * From record to record; see reader.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "journal/query.h"
#include "journal/reader-private.h"
#include "journal/step.h"

/* So many steps at most between two looks at the directory: a busy reader lets go of removed files.
 */
#define STEPS_BETWEEN_PROCESS 1024

/* sd_journal drops a damaged file by itself; a series of errors is something else. */
#define ERRORS_IN_A_ROW_MAX 16

/* --- records ------------------------------------------------------------------------------- */

static bool is_of_manager(const struct reader_record *record)
{
	return record->log.event == LOG_STARTED || record->log.event == LOG_EXITED;
}

/* Finds out whose the event is, which says only the unit's name. */
static bool attribute(struct reader *reader, struct reader_record *record)
{
	if (!owner_find(reader->owners, record->id, record->log.time, &reader->kin))
		return false;
	(void)snprintf(record->uid, sizeof(record->uid), "%s", lineage_own(reader->kin.lineage));
	record->lineage = reader->kin.lineage;
	return true;
}

/* One deletion is one event, however often the daemon had to write it. */
static bool is_repeated(struct reader *reader, const struct reader_record *record)
{
	struct position at;

	return record->log.event == LOG_DELETED && reader_position(reader, &at) == 0 &&
	       repeat_find(reader->repeats, reader->j, record->uid, &at);
}

int reader_read(struct reader *reader, struct reader_record *ret)
{
	int r = record_read(&reader->record, reader->j, ret);

	if (r != READER_RECORD)
		return r;
	if (is_of_manager(ret) && !attribute(reader, ret))
		return READER_PASSED;
	if (reader->query && !query_is_about(reader->query, ret))
		return READER_PASSED;
	return is_repeated(reader, ret) ? READER_PASSED : r;
}

/* --- places -------------------------------------------------------------------------------- */

int reader_position(struct reader *reader, struct position *ret)
{
	_cleanup_free_ char *cursor = NULL;
	int r = sd_journal_get_cursor(reader->j, &cursor);

	return r < 0 ? r : position_parse(cursor, ret);
}

/*
 * Remembers where the reader is. Before sd_journal_process(), which may let go of the file that the
 * current record is in; the cursor cannot be had after that.
 */
static void note_position(struct reader *reader)
{
	struct position at;

	if (!reader->moved || reader->given_up || reader_position(reader, &at) < 0)
		return;
	reader->place.at = at;
	reader->place.inclusive = reader->on_record;
	reader->moved = false;
}

void reader_refuse(struct reader *reader)
{
	reader->on_record = true;
}

int reader_place(struct reader *reader, bool refused, struct place *ret)
{
	note_position(reader);
	if (reader->moved)
		return -ESTALE;
	ret->at = reader->place.at;
	ret->inclusive = reader->place.inclusive || refused;
	ret->started = reader->place.started;
	ret->back = reader->place.back;
	return 0;
}

void reader_locate(struct reader *reader, const struct reader_record *record, struct position *ret)
{
	/* Without the number, which only the text of a cursor tells, if that cannot be had. */
	struct position at = { .is_set = true, .realtime = record->log.time };
	uint64_t line = record->numbers.n[CLASS_ALL];

	(void)sd_journal_get_monotonic_usec(reader->j, &at.monotonic, &at.boot_id);
	if (line == 0 || line < reader->moment_line ||
	    record->invocation != reader->moment_invocation || !reader->moment.is_set ||
	    !position_same_moment(&at, &reader->moment)) {
		(void)reader_position(reader, &at);
		reader->moment = at;
		reader->moment_invocation = record->invocation;
		reader->moment_line = line;
	}
	*ret = reader->moment;
}

bool place_covers(const struct place *place, const struct position *at,
		  const struct reader_record *record)
{
	const struct log_numbers *numbers = &place->numbers;
	uint64_t line = record->numbers.n[CLASS_ALL];

	return numbers->known[CLASS_ALL] && line > 0 && record->invocation == numbers->invocation &&
	       line <= numbers->last.n[CLASS_ALL] && position_same_moment(at, &place->at);
}

/*
 * After a seek the first records may be ones from before the place: sd_journal compares other
 * files' records by time only. True for such a record.
 */
static bool is_before_place(struct reader *reader)
{
	struct position at;
	int order;

	if (!reader->skipping || reader_position(reader, &at) < 0)
		return false;
	order = position_compare(&at, &reader->place.at);
	if (reader->place.back > 0)
		order = -order;
	if (order < 0 || (order == 0 && !reader->place.inclusive))
		return true;
	reader->skipping = false;
	return false;
}

/* The first lines behind the place may have been given too: see struct log_mark. */
static bool is_covered(struct reader *reader, const struct reader_record *record)
{
	struct position at;

	if (!reader->covering || reader_position(reader, &at) < 0)
		return false;
	reader->covering = position_same_moment(&at, &reader->place.at);
	return place_covers(&reader->place, &at, record);
}

/* --- steps --------------------------------------------------------------------------------- */

int reader_process(struct reader *reader)
{
	int r;

	note_position(reader);
	repeat_finder_rest(reader->repeats);
	reader->steps = 0;
	r = sd_journal_process(reader->j);
	return MIN(r, 0);
}

static int move(struct reader *reader, int (*direction)(sd_journal *j))
{
	int r;

	if (++reader->steps >= STEPS_BETWEEN_PROCESS) {
		r = reader_process(reader);
		if (r < 0)
			return r;
	}
	r = direction(reader->j);
	if (r == 0) {
		r = reader_process(reader);
		if (r == 0)
			r = direction(reader->j);
	}
	if (r > 0 || r == -ENOTRECOVERABLE)
		reader->moved = true;
	return r;
}

/* The count backwards is over: reading begins with the current record, if there is one. */
static void end_of_back(struct reader *reader, bool on_record)
{
	reader->place.back = 0;
	reader->record.wants_lines = false;
	reader->on_record = on_record;
	reader->skipping = false;
	if (reader_position(reader, &reader->last) == 0)
		reader->last_unread = on_record;
}

/* One step of `tail`: N records that the query wants, or up to `since`. */
static int step_back(struct reader *reader, struct reader_record *record)
{
	int r = move(reader, journal_previous);

	/* Events do not count, and read from their end on they cannot be understood. */
	reader->record.wants_lines = true;
	if (r < 0)
		return r;
	if (r == 0) {
		end_of_back(reader, false);
		r = sd_journal_seek_head(reader->j);
		reader->moved = false;
		reader->place.at = (struct position){ 0 };
		return r < 0 ? r : READER_PASSED;
	}
	if (is_before_place(reader))
		return READER_PASSED;
	r = reader_read(reader, record);
	if (r != READER_RECORD)
		return r;
	if (record->log.event != LOG_LINE)
		return READER_PASSED;
	if (record->log.time < reader->query->since)
		end_of_back(reader, false);
	else if (query_wants(reader->query, &record->log) && --reader->place.back == 0)
		end_of_back(reader, true);
	return READER_PASSED;
}

/* --- steps forward -------------------------------------------------------------------------- */

static int step_forward(struct reader *reader, struct reader_record *ret)
{
	int r;

	if (reader->on_record) {
		if (reader_hold_back(reader))
			return 0;
		reader->on_record = false;
		reader->moved = true; /* from before the record to behind it */
	} else {
		/* Where the next one is held back, the place is behind this one and not before that
		 * one. */
		if (reader->settle > 0)
			note_position(reader);
		r = move(reader, journal_next);
		if (r <= 0)
			return r;
		if (reader_hold_back(reader)) {
			reader->moved = false;
			return 0;
		}
	}
	if (is_before_place(reader))
		return READER_PASSED;
	r = reader_read_in_order(reader, ret);
	if (r == READER_RECORD && is_covered(reader, ret))
		return READER_PASSED;
	return r;
}

int reader_next(struct reader *reader, struct reader_record *ret)
{
	int r = reader->place.back > 0 ? step_back(reader, ret) : step_forward(reader, ret);

	if (r >= 0) {
		reader->errors = 0;
		return r;
	}
	reader->given_up = r == -ENOTRECOVERABLE;
	if (r == -ENOMEM || reader->given_up || ++reader->errors >= ERRORS_IN_A_ROW_MAX)
		return r;
	/* A file that is removed is emptied under its readers, and fails until it is let go of. */
	r = reader_process(reader);
	return r < 0 ? r : READER_PASSED;
}

int reader_fd(struct reader *reader)
{
	return sd_journal_get_fd(reader->j);
}

uint64_t reader_timeout(struct reader *reader)
{
	uint64_t timeout;

	if (sd_journal_get_timeout(reader->j, &timeout) < 0)
		timeout = UINT64_MAX;
	return reader->held_time > 0 ? MIN(timeout, reader->held_time + reader->settle) : timeout;
}
