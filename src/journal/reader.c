/*
 * One position in the journal; see reader.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#include "common/util.h"
#include "journal/access.h"
#include "journal/notice.h"
#include "journal/owner.h"
#include "journal/reader.h"
#include "model/names.h"

/* So many steps at most between two looks at the directory: a busy reader lets go of removed files.
 */
#define STEPS_BETWEEN_PROCESS 1024

/* sd_journal drops a damaged file by itself; a series of errors is something else. */
#define ERRORS_IN_A_ROW_MAX 16

/* How long after its receipt a record may still be linked into lists, by a journald that is slow.
 */
#define FRESH_USEC (10 * USEC_PER_SEC)

/* Invocations that may end at one time: of one indexer, and of many. */
#define ENDINGS	     1
#define ENDINGS_MANY 64

struct reader {
	sd_journal *j;
	const struct log_query *query; /* NULL: the live reader */
	bool on_record;		       /* the current record is to be given before any step */
	struct place place;	       /* where the seek went, later the last place known */
	bool skipping;		       /* records up to that place have been given, */
	bool covering;		       /* and perhaps lines of the same moment behind it */
	bool moved;		       /* the current record is behind place.at */
	struct position moment;	       /* of the first of the lines that were taken in together, */
	uint64_t moment_invocation, moment_line; /* and which line that is */
	unsigned steps, errors;
	struct record_reader record;
	struct owner_finder *owners;
	struct kin kin; /* whose the last event was */

	bool sparse; /* only lines of the query's level are matched */

	uint64_t settle;    /* how old a record has to be, in microseconds; 0: of any age, */
	uint64_t horizon;   /* so it is of before this time (CLOCK_MONOTONIC), */
	uint64_t held_time; /* and the current one, which is held back, is of this time; 0: it is
			       not */

	/* Of fresh records only; see look_back(). */
	struct position last; /* of the last record read, */
	bool last_unread;     /* or it has not been read, and is the first to be, */
	uint64_t last_invocation, last_line;
	struct position looked; /* up to here nothing has been passed over */
};

bool query_wants(const struct log_query *query, const struct log_record *record)
{
	return (record->event != LOG_LINE || record->level >= query->level) &&
	       record->time >= query->since;
}

bool query_is_about(const struct log_query *query, const struct reader_record *record)
{
	bool own = streq(record->uid, query->uid);

	/* The end of the one that the stream is about is the end of the stream. */
	if (record->log.event == LOG_DELETED && own)
		return false;
	if (!query->recursive)
		return own && record->log.event != LOG_DELETED;
	return *record->id && lineage_has(record->lineage, query->uid);
}

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

/* As record_read(), of what the query is about. */
static int read_current(struct reader *reader, struct reader_record *ret)
{
	int r = record_read(&reader->record, reader->j, ret);

	if (r != READER_RECORD)
		return r;
	if (is_of_manager(ret) && !attribute(reader, ret))
		return READER_PASSED;
	return !reader->query || query_is_about(reader->query, ret) ? r : READER_PASSED;
}

/* --- places -------------------------------------------------------------------------------- */

static int current_position(struct reader *reader, struct position *ret)
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

	if (!reader->moved || current_position(reader, &at) < 0)
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
		(void)current_position(reader, &at);
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

	if (!reader->skipping || current_position(reader, &at) < 0)
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

	if (!reader->covering || current_position(reader, &at) < 0)
		return false;
	reader->covering = position_same_moment(&at, &reader->place.at);
	return place_covers(&reader->place, &at, record);
}

/* --- steps --------------------------------------------------------------------------------- */

int reader_process(struct reader *reader)
{
	int r;

	note_position(reader);
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
	if (r > 0)
		reader->moved = true;
	return r;
}

/* The count backwards is over: reading begins with the current record, if there is one. */
static void end_of_back(struct reader *reader, bool on_record)
{
	reader->place.back = 0;
	reader->on_record = on_record;
	reader->skipping = false;
	if (current_position(reader, &reader->last) == 0)
		reader->last_unread = on_record;
}

/* One step of `tail`: N records that the query wants, or up to `since`. */
static int step_back(struct reader *reader, struct reader_record *record)
{
	int r = move(reader, sd_journal_previous);

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
	r = read_current(reader, record);
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

/* --- what lists hide ------------------------------------------------------------------------ */

static bool is_fresh(uint64_t time, uint64_t age)
{
	return time + age > now_usec(CLOCK_REALTIME);
}

/* Notes the record as the last one read. */
static void note_last(struct reader *reader, const struct reader_record *record)
{
	reader_locate(reader, record, &reader->last);
	reader->last_unread = false;
	reader->last_invocation = record->invocation;
	reader->last_line = record->numbers.n[CLASS_ALL];
}

/* Whether the current record is not behind the last one read. */
static bool is_read(struct reader *reader, const struct reader_record *record)
{
	uint64_t line = record->numbers.n[CLASS_ALL];
	struct position at;
	int order;

	if (!is_fresh(record->log.time, 2 * FRESH_USEC) ||
	    (reader->query && record->log.time < reader->query->since))
		return true;
	if (!reader->last.is_set || current_position(reader, &at) < 0)
		return false;
	order = position_compare(&at, &reader->last);
	return order < 0 || (order == 0 && !reader->last_unread) ||
	       (line > 0 && line <= reader->last_line &&
		record->invocation == reader->last_invocation &&
		position_same_moment(&at, &reader->last));
}

/*
 * Whether something before the current record may have been passed over. sd_journal asks the lists
 * of several matches one after the other, and journald does not wait: a record that comes when its
 * list has been asked is passed over for a later one whose list has not. The list of lines is asked
 * first (that of the match that was added last), so a line never hides an event, but an event may
 * hide lines; and of several priorities each may hide others.
 */
static bool may_hide(struct reader *reader, const struct reader_record *record)
{
	struct position at;

	return (!reader->record.of_unit || reader->sparse) &&
	       is_fresh(record->log.time, FRESH_USEC) && current_position(reader, &at) == 0 &&
	       (!reader->looked.is_set || position_compare(&at, &reader->looked) > 0);
}

/*
 * Goes back to the last record read, and one step forward from there: now the lists have all up to
 * here. The current record is then the first that has not been read. 1, 0 or a negative errno.
 */
static int look_back(struct reader *reader, struct reader_record *record)
{
	int r = current_position(reader, &reader->looked);

	while (r >= 0 && (r = sd_journal_previous(reader->j)) > 0) {
		r = record_read(&reader->record, reader->j, record);
		if (r < 0 || is_read(reader, record))
			break;
	}
	if (r == 0) /* before the first record; a step forward would leave that one out */
		r = sd_journal_seek_head(reader->j);
	r = r < 0 ? r : sd_journal_next(reader->j);
	return r <= 0 ? r : read_current(reader, record);
}

/* --- what two journalds write side by side --------------------------------------------------- */

void reader_let_settle(struct reader *reader, uint64_t usec)
{
	reader->settle = usec;
	reader->horizon = usec > 0 ? now_usec(CLOCK_MONOTONIC) - usec : UINT64_MAX;
}

bool reader_is_holding(const struct reader *reader)
{
	return reader->held_time > 0;
}

/* Whether the current record is held back. */
static bool hold_back(struct reader *reader)
{
	uint64_t usec;

	/* What is of an earlier boot is old enough. */
	if (reader->settle == 0 || sd_journal_get_monotonic_usec(reader->j, &usec, NULL) < 0 ||
	    usec < reader->horizon)
		return false;
	reader->on_record = true;
	reader->held_time = usec;
	return true;
}

/* --- steps forward -------------------------------------------------------------------------- */

/* Reads the current record, or one before it that was passed over. As record_read(). */
static int read_forward(struct reader *reader, struct reader_record *ret)
{
	int r = read_current(reader, ret);

	if (r > 0 && (reader->held_time > 0 || may_hide(reader, ret)))
		r = look_back(reader, ret);
	reader->held_time = 0;
	if (r > 0 && is_fresh(ret->log.time, 2 * FRESH_USEC))
		note_last(reader, ret);
	return r;
}

static int step_forward(struct reader *reader, struct reader_record *ret)
{
	int r;

	if (reader->on_record) {
		if (hold_back(reader))
			return 0;
		reader->on_record = false;
		reader->moved = true; /* from before the record to behind it */
	} else {
		/* Where the next one is held back, the place is behind this one and not before that
		 * one. */
		if (reader->settle > 0)
			note_position(reader);
		r = move(reader, sd_journal_next);
		if (r <= 0)
			return r;
		if (hold_back(reader)) {
			reader->moved = false;
			return 0;
		}
	}
	if (is_before_place(reader))
		return READER_PASSED;
	r = read_forward(reader, ret);
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
	if (r == -ENOMEM || ++reader->errors >= ERRORS_IN_A_ROW_MAX)
		return r;
	/* A file that is removed is emptied under its readers, and fails until it is let go of. */
	r = reader_process(reader);
	return r < 0 ? r : READER_PASSED;
}

/* --- opening ------------------------------------------------------------------------------- */

struct reader *reader_free(struct reader *reader)
{
	if (!reader)
		return NULL;
	sd_journal_close(reader->j);
	record_reader_clear(&reader->record);
	owner_finder_free(reader->owners);
	free(reader);
	return NULL;
}

static int open_journal(const struct journal_source *source, size_t endings, struct reader **ret)
{
	_cleanup_(reader_freep) struct reader *reader = NULL;
	int r;

	r = journal_access(source);
	if (r < 0)
		return r;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	r = event_reader_new(source->directory, endings, &reader->record.events);
	if (r < 0)
		return r;
	r = source->directory ? sd_journal_open_directory(&reader->j, source->directory, 0)
			      : sd_journal_open(&reader->j,
						SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_ALL_NAMESPACES);
	if (r < 0)
		return r;
	r = sd_journal_set_data_threshold(reader->j, 0);
	if (r < 0)
		return r;
	/* Before the first seek: only with the watches set are files that appear later seen. */
	r = sd_journal_get_fd(reader->j);
	if (r < 0)
		return r;
	/*
	 * A file that is renamed while its directory is listed can be missed under both names. The
	 * watches know of it; without it, what comes behind it would be given in its place.
	 */
	r = sd_journal_process(reader->j);
	if (r < 0)
		return r;
	*ret = TAKE(reader);
	return 0;
}

/*
 * Matching priorities pays where they are rare. INFO cannot be matched at all: a record without a
 * priority is INFO too.
 */
static int match_priorities(struct reader *reader)
{
	char match[32];
	int r = 0;

	for (int p = priority_limit_of_level(reader->query->level); r >= 0 && p >= 0; p--) {
		(void)snprintf(match, sizeof(match), "PRIORITY=%d", p);
		r = sd_journal_add_match(reader->j, match, 0);
	}
	return r;
}

/* All that is not in the list of lines: what PID 1 says, and of a tree what the daemon does. */
static int match_events(struct reader *reader, const struct log_query *query, const char *lines)
{
	int r;

	if (isempty(query->id))
		return 0;
	if (!query->recursive) {
		r = event_match_unit(reader->j, query->id);
		return r < 0 ? r : sd_journal_add_disjunction(reader->j);
	}
	r = event_match_all(reader->j);
	r = r < 0 ? r : sd_journal_add_disjunction(reader->j);
	r = r < 0 ? r : sd_journal_add_match(reader->j, "MESSAGE_ID=" NOTICE_DELETED_ID, 0);
	r = r < 0 ? r : sd_journal_add_match(reader->j, lines, 0);
	return r < 0 ? r : sd_journal_add_disjunction(reader->j);
}

/* The lines last: see may_hide(). */
static int match_query(struct reader *reader, const struct log_query *query)
{
	char match[sizeof(INDEXER_FIELD_TREE "=") + ID128_TEXT_MAX];
	int r;

	(void)snprintf(match, sizeof(match), "%s=%s",
		       query->recursive ? INDEXER_FIELD_TREE : INDEXER_FIELD_UID, query->uid);
	r = match_events(reader, query, match);
	r = r < 0 ? r : sd_journal_add_match(reader->j, match, 0);
	if (r >= 0 && reader->sparse)
		r = match_priorities(reader);
	return r;
}

static int seek(struct reader *reader)
{
	char text[POSITION_TEXT_MAX];

	if (reader->place.at.is_set) {
		reader->skipping = true;
		reader->covering =
			reader->place.back == 0 && reader->place.numbers.known[CLASS_ALL];
		position_format(&reader->place.at, text);
		return sd_journal_seek_cursor(reader->j, text);
	}
	if (reader->place.back > 0)
		return sd_journal_seek_tail(reader->j);
	if (reader->query->since > 0)
		return sd_journal_seek_realtime_usec(reader->j, reader->query->since);
	return sd_journal_seek_head(reader->j);
}

int reader_new(const struct journal_source *source, struct family *family,
	       const struct log_query *query, const struct place *place, struct reader **ret)
{
	_cleanup_(reader_freep) struct reader *reader = NULL;
	int r = open_journal(source, query->recursive ? ENDINGS_MANY : ENDINGS, &reader);

	r = r < 0 ? r : owner_finder_new(source->directory, family, true, &reader->owners);
	if (r < 0)
		return r;
	reader->record.wants_lineage = query->recursive;
	reader->query = query;
	reader->place = *place;
	if (!reader->place.started) {
		reader->place.started = true;
		reader->place.back = query->tail;
	}
	reader->last = place->at;
	reader->last_unread = place->inclusive;
	reader->last_invocation = place->numbers.invocation;
	reader->last_line = place->numbers.last.n[CLASS_ALL];
	reader->sparse = query->level > LEVEL_INFO;
	r = match_query(reader, query);
	if (r < 0)
		return r;
	r = seek(reader);
	if (r < 0)
		return r;
	*ret = TAKE(reader);
	return 0;
}

int reader_new_live(const struct journal_source *source, struct family *family, struct reader **ret)
{
	_cleanup_(reader_freep) struct reader *reader = NULL;
	int r = open_journal(source, ENDINGS_MANY, &reader);

	r = r < 0 ? r : owner_finder_new(source->directory, family, false, &reader->owners);
	if (r < 0)
		return r;
	/* Always: the last record may be given to a recursive stream that comes later. */
	reader->record.wants_lineage = true;
	r = event_match_all(reader->j);
	r = r < 0 ? r : sd_journal_add_disjunction(reader->j);
	r = r < 0 ? r : sd_journal_add_match(reader->j, "MESSAGE_ID=" NOTICE_DELETED_ID, 0);
	r = r < 0 ? r : sd_journal_add_disjunction(reader->j);
	r = r < 0 ? r : sd_journal_add_match(reader->j, "_SYSTEMD_SLICE=" INDEXER_SLICE, 0);
	if (r < 0)
		return r;
	/* To the last record: a seek to the tail followed by a step forward is not reliable. */
	r = sd_journal_seek_tail(reader->j);
	if (r < 0)
		return r;
	r = sd_journal_previous(reader->j);
	if (r < 0)
		return r;
	reader->moved = r > 0;
	reader->on_record = r > 0; /* see stream.h: the last record is given once more */
	if (r == 0)
		r = sd_journal_seek_head(reader->j);
	if (r < 0)
		return r;
	*ret = TAKE(reader);
	return 0;
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
