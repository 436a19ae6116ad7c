/*
 * One position in the journal; see reader.h.
 *
 * All fields of a record are gone through once: that is faster than two sd_journal_get_data(), each
 * of which goes through them from the first, and shows also who wrote it. Any process can put
 * INDEXER_UID= into a record of its own, so the field alone proves nothing. journald adds the
 * unit's own INDEXER_UID= to every record from indexer.slice (LogExtraFields=), and _SYSTEMD_SLICE=
 * cannot be made up: a record of that slice with one value is true, with two it is forged and
 * dropped.
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
#include "journal/reader.h"
#include "model/names.h"

/* So many steps at most between two looks at the directory: a busy reader lets go of removed files.
 */
#define STEPS_BETWEEN_PROCESS 1024

/* sd_journal drops a damaged file by itself; a series of errors is something else. */
#define ERRORS_IN_A_ROW_MAX 16

/* What one writer can make a reader hold. indexer-exec splits lines long before. */
#define CONTENT_MAX (1024 * 1024)

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
	char *content;
	size_t content_size, content_allocated;
};

/* Of a line's number. What has more is no number of indexer-exec's. */
#define LINE_DIGITS_MAX 14

/* --- the fields of a record ---------------------------------------------------------------- */

struct fields {
	bool has_message, in_slice, is_trace;
	int priority; /* -1: none */
	unsigned n_uids, n_lines;
	uint64_t invocation, line;
	char uid[ID128_TEXT_MAX];
};

static int take_message(struct reader *reader, const char *value, size_t size,
			struct fields *fields)
{
	if (fields->has_message)
		return 0;
	size = MIN(size, (size_t)CONTENT_MAX);
	if (size > reader->content_allocated) {
		size_t n = MAX(size, (size_t)4096);
		char *content = realloc(reader->content, n);

		if (!content)
			return -ENOMEM;
		reader->content = content;
		reader->content_allocated = n;
	}
	if (size > 0)
		memcpy(reader->content, value, size);
	reader->content_size = size;
	fields->has_message = true;
	return 0;
}

static int take_priority(struct reader *reader, const char *value, size_t size,
			 struct fields *fields)
{
	(void)reader;
	if (size == 1 && *value >= '0' && *value <= '7')
		fields->priority = *value - '0';
	return 0;
}

static int take_level(struct reader *reader, const char *value, size_t size, struct fields *fields)
{
	(void)reader;
	fields->is_trace = size == strlen(INDEXER_LEVEL_TRACE) &&
			   memcmp(value, INDEXER_LEVEL_TRACE, size) == 0;
	return 0;
}

static int take_uid(struct reader *reader, const char *value, size_t size, struct fields *fields)
{
	(void)reader;
	fields->n_uids++;
	if (size == sizeof(fields->uid) - 1) {
		memcpy(fields->uid, value, size);
		fields->uid[size] = '\0';
	}
	return 0;
}

static int take_slice(struct reader *reader, const char *value, size_t size, struct fields *fields)
{
	(void)reader;
	fields->in_slice = size == strlen(INDEXER_SLICE) && memcmp(value, INDEXER_SLICE, size) == 0;
	return 0;
}

static int take_line(struct reader *reader, const char *value, size_t size, struct fields *fields)
{
	uint64_t line = 0;

	(void)reader;
	fields->n_lines++;
	for (size_t i = 0; i < size; i++) {
		if (value[i] < '0' || value[i] > '9' || i >= LINE_DIGITS_MAX)
			return 0;
		line = line * 10 + (uint64_t)(value[i] - '0');
	}
	fields->line = line;
	return 0;
}

static int take_invocation(struct reader *reader, const char *value, size_t size,
			   struct fields *fields)
{
	(void)reader;
	fields->invocation = log_invocation(value, size);
	return 0;
}

#define FIELD(name, take)                                                                          \
	{                                                                                          \
		name "=", sizeof(name "=") - 1, take                                               \
	}
static const struct {
	const char *name;
	size_t size;
	int (*take)(struct reader *reader, const char *value, size_t size, struct fields *fields);
} wanted_fields[] = {
	FIELD("MESSAGE", take_message),
	FIELD("PRIORITY", take_priority),
	FIELD(INDEXER_FIELD_LEVEL, take_level),
	FIELD(INDEXER_FIELD_UID, take_uid),
	FIELD("_SYSTEMD_SLICE", take_slice),
	FIELD(INDEXER_FIELD_LINE, take_line),
	FIELD("_SYSTEMD_INVOCATION_ID", take_invocation),
};

static int take_field(struct reader *reader, const char *data, size_t size, struct fields *fields)
{
	for (size_t i = 0; i < ELEMENTSOF(wanted_fields); i++) {
		size_t n = wanted_fields[i].size;

		/* The '=' first: most fields are none of ours, and this is asked for each of them.
		 */
		if (size >= n && data[n - 1] == '=' && memcmp(data, wanted_fields[i].name, n) == 0)
			return wanted_fields[i].take(reader, data + n, size - n, fields);
	}
	return 0;
}

/* Reads the current record. Returns READER_RECORD or READER_PASSED, -ENOMEM. */
static int read_record(struct reader *reader, struct reader_record *ret)
{
	struct fields fields = { .priority = -1 };
	const void *data;
	size_t size;
	int r;

	if (sd_journal_get_realtime_usec(reader->j, &ret->log.time) < 0)
		return READER_PASSED;
	sd_journal_restart_data(reader->j);
	while ((r = sd_journal_enumerate_available_data(reader->j, &data, &size)) > 0) {
		r = take_field(reader, data, size, &fields);
		if (r < 0)
			return r;
	}
	/* A damaged record, or one that does not unpack, is passed over: the next may be whole. */
	if (r < 0 || !fields.has_message || !fields.in_slice || fields.n_uids != 1)
		return r == -ENOMEM ? r : READER_PASSED;
	memcpy(ret->uid, fields.uid, sizeof(ret->uid));
	ret->invocation = fields.invocation;
	ret->line = fields.n_lines == 1 ? fields.line : 0;
	ret->log.level = level_from_priority(fields.priority, fields.is_trace);
	ret->log.content = reader->content_size ? reader->content : "";
	ret->log.content_size = reader->content_size;
	return READER_RECORD;
}

bool query_wants(const struct log_query *query, const struct log_record *record)
{
	return record->level >= query->level && record->time >= query->since;
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
		return -EBADMSG;
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

	(void)sd_journal_get_monotonic_usec(reader->j, &at.monotonic, &at.boot_id);
	if (record->line == 0 || record->line < reader->moment_line ||
	    record->invocation != reader->moment_invocation || !reader->moment.is_set ||
	    !position_same_moment(&at, &reader->moment)) {
		(void)current_position(reader, &at);
		reader->moment = at;
		reader->moment_invocation = record->invocation;
		reader->moment_line = record->line;
	}
	*ret = reader->moment;
}

bool place_covers(const struct place *place, const struct position *at,
		  const struct reader_record *record)
{
	const struct log_numbers *numbers = &place->numbers;

	return numbers->known && record->line > 0 && record->invocation == numbers->invocation &&
	       record->line <= numbers->line && position_same_moment(at, &place->at);
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
	r = read_record(reader, record);
	if (r != READER_RECORD)
		return r;
	if (record->log.time < reader->query->since)
		end_of_back(reader, false);
	else if (query_wants(reader->query, &record->log) && --reader->place.back == 0)
		end_of_back(reader, true);
	return READER_PASSED;
}

static int step_forward(struct reader *reader, struct reader_record *ret)
{
	int r;

	if (reader->on_record) {
		reader->on_record = false;
		reader->moved = true; /* from before the record to behind it */
	} else {
		r = move(reader, sd_journal_next);
		if (r <= 0)
			return r;
	}
	if (is_before_place(reader))
		return READER_PASSED;
	r = read_record(reader, ret);
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
	free(reader->content);
	free(reader);
	return NULL;
}

static int open_journal(const char *directory, struct reader **ret)
{
	_cleanup_(reader_freep) struct reader *reader = NULL;
	int r;

	r = journal_access(directory);
	if (r < 0)
		return r;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return -ENOMEM;
	r = directory ? sd_journal_open_directory(&reader->j, directory, 0)
		      : sd_journal_open(&reader->j, SD_JOURNAL_LOCAL_ONLY);
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

static int match_query(struct reader *reader, const struct log_query *query)
{
	char match[sizeof(INDEXER_FIELD_UID "=") + ID128_TEXT_MAX];
	int r;

	(void)snprintf(match, sizeof(match), INDEXER_FIELD_UID "=%s", query->uid);
	r = sd_journal_add_match(reader->j, match, 0);
	/*
	 * Matching priorities pays where they are rare. INFO cannot be matched at all: a record
	 * without a priority is INFO too.
	 */
	for (int p = 0;
	     r >= 0 && query->level > LEVEL_INFO && p <= priority_limit_of_level(query->level);
	     p++) {
		(void)snprintf(match, sizeof(match), "PRIORITY=%d", p);
		r = sd_journal_add_match(reader->j, match, 0);
	}
	return r;
}

static int seek(struct reader *reader)
{
	char text[POSITION_TEXT_MAX];

	if (reader->place.at.is_set) {
		reader->skipping = true;
		reader->covering = reader->place.back == 0 && reader->place.numbers.known;
		position_format(&reader->place.at, text);
		return sd_journal_seek_cursor(reader->j, text);
	}
	if (reader->place.back > 0)
		return sd_journal_seek_tail(reader->j);
	if (reader->query->since > 0)
		return sd_journal_seek_realtime_usec(reader->j, reader->query->since);
	return sd_journal_seek_head(reader->j);
}

int reader_new(const char *directory, const struct log_query *query, const struct place *place,
	       struct reader **ret)
{
	_cleanup_(reader_freep) struct reader *reader = NULL;
	int r = open_journal(directory, &reader);

	if (r < 0)
		return r;
	reader->query = query;
	reader->place = *place;
	if (!reader->place.started) {
		reader->place.started = true;
		reader->place.back = query->tail;
	}
	r = match_query(reader, query);
	if (r < 0)
		return r;
	r = seek(reader);
	if (r < 0)
		return r;
	*ret = TAKE(reader);
	return 0;
}

int reader_new_live(const char *directory, struct reader **ret)
{
	_cleanup_(reader_freep) struct reader *reader = NULL;
	int r = open_journal(directory, &reader);

	if (r < 0)
		return r;
	r = sd_journal_add_match(reader->j, "_SYSTEMD_SLICE=" INDEXER_SLICE, 0);
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

	return sd_journal_get_timeout(reader->j, &timeout) < 0 ? UINT64_MAX : timeout;
}
