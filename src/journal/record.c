/*
 * The fields of a record; see record.h.
 *
 * All fields of a record are gone through once: that is faster than two sd_journal_get_data(), each
 * of which goes through them from the first, and shows also who wrote it. Any process can put
 * INDEXER_UID= into a record of its own, so the field alone proves nothing. journald adds the
 * unit's own INDEXER_UID= to every record from indexer.slice and the slices of trees in it
 * (LogExtraFields=), and _SYSTEMD_SLICE= cannot be made up: a record of such a slice with one value
 * is true, with two it is forged and dropped. So it is with INDEXER_ID= and INDEXER_LINEAGE=.
 * INDEXER_TREE= is there to be matched, and is not looked at. Nor can _PID= and _SYSTEMD_UNIT= be
 * made up, by which PID 1's own records and the daemon's (notice.h) are known.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "journal/notice.h"
#include "journal/record.h"
#include "model/names.h"

/* Of a line's numbers. What has more is none of indexer-exec's. */
#define LINE_DIGITS_MAX 14

struct fields {
	bool has_message, in_slice, in_tree, is_trace, is_deletion;
	int priority; /* -1: none */
	unsigned n_uids, n_ids, n_lineages;
	uint64_t invocation;
	unsigned n_numbers[CLASS_N];
	struct line_numbers numbers;
	bool of_init, of_pid_1, of_daemon, of_fetch;
	char uid[ID128_TEXT_MAX], id[ID_MAX];
};

static int take_message(struct record_reader *reader, const char *value, size_t size,
			struct fields *fields)
{
	if (fields->has_message)
		return 0;
	size = MIN(size, (size_t)LOG_CONTENT_MAX);
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

static int take_priority(struct record_reader *reader, const char *value, size_t size,
			 struct fields *fields)
{
	(void)reader;
	if (size == 1 && *value >= '0' && *value <= '7')
		fields->priority = *value - '0';
	return 0;
}

static bool is_value(const char *value, size_t size, const char *want)
{
	return size == strlen(want) && memcmp(value, want, size) == 0;
}

static int take_level(struct record_reader *reader, const char *value, size_t size,
		      struct fields *fields)
{
	(void)reader;
	fields->is_trace = is_value(value, size, INDEXER_LEVEL_TRACE);
	return 0;
}

static int take_uid(struct record_reader *reader, const char *value, size_t size,
		    struct fields *fields)
{
	(void)reader;
	fields->n_uids++;
	if (size == sizeof(fields->uid) - 1) {
		memcpy(fields->uid, value, size);
		fields->uid[size] = '\0';
	}
	return 0;
}

static int take_slice(struct record_reader *reader, const char *value, size_t size,
		      struct fields *fields)
{
	(void)reader;
	fields->in_tree = slice_is_tree(value, size, NULL);
	fields->in_slice = fields->in_tree || is_value(value, size, INDEXER_SLICE);
	return 0;
}

static int take_pid(struct record_reader *reader, const char *value, size_t size,
		    struct fields *fields)
{
	(void)reader;
	fields->of_pid_1 = is_value(value, size, "1");
	return 0;
}

static int take_unit(struct record_reader *reader, const char *value, size_t size,
		     struct fields *fields)
{
	(void)reader;
	fields->of_init = is_value(value, size, "init.scope");
	fields->of_daemon = is_value(value, size, DAEMON_UNIT);
	fields->of_fetch = size > strlen(FETCH_UNIT_PREFIX) &&
			   memcmp(value, FETCH_UNIT_PREFIX, strlen(FETCH_UNIT_PREFIX)) == 0;
	return 0;
}

static int take_message_id(struct record_reader *reader, const char *value, size_t size,
			   struct fields *fields)
{
	(void)reader;
	fields->is_deletion = is_value(value, size, NOTICE_DELETED_ID);
	return 0;
}

static int take_id(struct record_reader *reader, const char *value, size_t size,
		   struct fields *fields)
{
	(void)reader;
	fields->n_ids++;
	if (size < sizeof(fields->id)) {
		memcpy(fields->id, value, size);
		fields->id[size] = '\0';
	}
	return 0;
}

static int take_lineage(struct record_reader *reader, const char *value, size_t size,
			struct fields *fields)
{
	fields->n_lineages++;
	if (reader->wants_lineage)
		(void)lineage_parse(value, size, reader->lineage);
	return 0;
}

static void take_number(enum level_class class, const char *value, size_t size,
			struct fields *fields)
{
	uint64_t number = 0;

	fields->n_numbers[class]++;
	if (size <= LINE_DIGITS_MAX && decimal_read(value, value + size, &number) == value + size)
		fields->numbers.n[class] = number;
}

static int take_line(struct record_reader *reader, const char *value, size_t size,
		     struct fields *fields)
{
	(void)reader;
	take_number(CLASS_ALL, value, size, fields);
	return 0;
}

static int take_warnings(struct record_reader *reader, const char *value, size_t size,
			 struct fields *fields)
{
	(void)reader;
	take_number(CLASS_WARNING, value, size, fields);
	return 0;
}

static int take_errors(struct record_reader *reader, const char *value, size_t size,
		       struct fields *fields)
{
	(void)reader;
	take_number(CLASS_ERROR, value, size, fields);
	return 0;
}

static int take_invocation(struct record_reader *reader, const char *value, size_t size,
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
	int (*take)(struct record_reader *reader, const char *value, size_t size,
		    struct fields *fields);
} wanted_fields[] = {
	FIELD("MESSAGE", take_message),
	FIELD("PRIORITY", take_priority),
	FIELD(INDEXER_FIELD_LEVEL, take_level),
	FIELD(INDEXER_FIELD_UID, take_uid),
	FIELD(INDEXER_FIELD_ID, take_id),
	FIELD(INDEXER_FIELD_LINEAGE, take_lineage),
	FIELD("MESSAGE_ID", take_message_id),
	FIELD("_SYSTEMD_SLICE", take_slice),
	FIELD(INDEXER_FIELD_LINE, take_line),
	FIELD(INDEXER_FIELD_WARNINGS, take_warnings),
	FIELD(INDEXER_FIELD_ERRORS, take_errors),
	FIELD("_SYSTEMD_INVOCATION_ID", take_invocation),
	FIELD("_PID", take_pid),
	FIELD("_SYSTEMD_UNIT", take_unit),
};

static int take_field(struct record_reader *reader, const char *data, size_t size,
		      struct fields *fields)
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

/* What PID 1 says. */
static int read_event(struct record_reader *reader, sd_journal *j, struct reader_record *ret)
{
	struct unit_event *event = &reader->event;
	int r = reader->wants_lines ? 0 : event_read(reader->events, j, event);

	if (r <= 0)
		return r < 0 ? r : READER_PASSED;
	ret->log.event = event->kind;
	ret->log.level = LEVEL_UNKNOWN;
	ret->log.content = event->text;
	ret->log.content_size = strlen(event->text);
	strcpy(ret->id, event->id);
	ret->invocation = event->invocation;
	return READER_RECORD;
}

/* Whether what the record says of its indexer is one's word who may say it. */
static bool is_true(const struct fields *fields)
{
	return fields->has_message && (fields->in_slice || fields->of_daemon) &&
	       fields->n_uids == 1 && fields->n_ids <= 1 && fields->n_lineages <= 1;
}

/* What the daemon says. */
static int read_notice(const struct fields *fields, struct reader_record *ret)
{
	if (!fields->is_deletion)
		return READER_PASSED;
	ret->log.event = LOG_DELETED;
	ret->log.content = RECORD_DELETED_TEXT;
	ret->log.content_size = strlen(RECORD_DELETED_TEXT);
	return READER_RECORD;
}

static void read_line(const struct record_reader *reader, const struct fields *fields,
		      struct reader_record *ret)
{
	ret->invocation = fields->invocation;
	/*
	 * Two are of the program's own making. Those of a fetch come between lines of the process
	 * that goes on meanwhile: they would be taken for a change of its invocation, and back.
	 */
	for (int i = 0; i < CLASS_N && !fields->of_fetch; i++)
		ret->numbers.n[i] = fields->n_numbers[i] == 1 ? fields->numbers.n[i] : 0;
	ret->log.level = level_from_priority(fields->priority, fields->is_trace);
	ret->log.content = reader->content_size ? reader->content : "";
	ret->log.content_size = reader->content_size;
}

static int read_record(struct record_reader *reader, sd_journal *j, struct reader_record *ret)
{
	struct fields fields = { .priority = -1 };
	const void *data;
	size_t size;
	int r;

	*ret = (struct reader_record){ 0 };
	ret->lineage = reader->lineage;
	reader->lineage[0] = '\0';
	reader->of_unit = true;
	reader->of_tree = false;
	if (sd_journal_get_realtime_usec(j, &ret->log.time) < 0)
		return READER_PASSED;
	sd_journal_restart_data(j);
	while ((r = sd_journal_enumerate_available_data(j, &data, &size)) > 0) {
		r = take_field(reader, data, size, &fields);
		if (r < 0)
			return r;
	}
	reader->of_unit = !fields.of_daemon && !(fields.of_init && fields.of_pid_1);
	reader->of_tree = fields.in_tree;
	if (r == 0 && fields.of_init && fields.of_pid_1)
		return read_event(reader, j, ret);
	/* A damaged record, or one that does not unpack, is passed over: the next may be whole. */
	if (r < 0 || !is_true(&fields))
		return r == -ENOMEM ? r : READER_PASSED;
	memcpy(ret->uid, fields.uid, sizeof(ret->uid));
	memcpy(ret->id, fields.id, sizeof(ret->id));
	if (fields.of_daemon)
		return read_notice(&fields, ret);
	read_line(reader, &fields, ret);
	return READER_RECORD;
}

/*
 * Whether the record is still there. A file that is removed is emptied under its readers, all of it
 * at once (systemd's unlinkat_deallocate()), and sd_journal passes over the fields that it finds
 * gone and says nothing: what has been read may lack any of them, its number for one. Then the
 * record itself is gone, too.
 */
static bool is_there(sd_journal *j)
{
	uint64_t time;

	return sd_journal_get_realtime_usec(j, &time) >= 0;
}

int record_read(struct record_reader *reader, sd_journal *j, struct reader_record *ret)
{
	int r = read_record(reader, j, ret);

	return r == READER_RECORD && !is_there(j) ? READER_PASSED : r;
}

void record_reader_clear(struct record_reader *reader)
{
	free(reader->content);
	event_reader_free(reader->events);
	*reader = (struct record_reader){ 0 };
}
