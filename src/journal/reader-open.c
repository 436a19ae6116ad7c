/*
 * Making a reader: which journal is opened, which records of it match, and where reading begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "journal/access.h"
#include "journal/notice.h"
#include "journal/reader-private.h"
#include "journal/step.h"
#include "model/indexer.h"
#include "model/names.h"

/* Invocations that may end at one time: of one indexer, and of many. */
#define ENDINGS	     1
#define ENDINGS_MANY INDEXERS_MOST

struct reader *reader_free(struct reader *reader)
{
	if (!reader)
		return NULL;
	sd_journal_close(reader->j);
	record_reader_clear(&reader->record);
	owner_finder_free(reader->owners);
	repeat_finder_free(reader->repeats);
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
	r = r < 0 ? r : repeat_finder_new(source->directory, &reader->repeats);
	if (r < 0)
		return r;
	r = journal_open(source->directory, SD_JOURNAL_ALL_NAMESPACES, &reader->j);
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
	r = r < 0 ? r : sd_journal_add_disjunction(reader->j);
	r = r < 0 ? r : sd_journal_add_match(reader->j, INDEXER_FIELD_NESTED "=1", 0);
	if (r < 0)
		return r;
	/* To the last record: a seek to the tail followed by a step forward is not reliable. */
	r = sd_journal_seek_tail(reader->j);
	if (r < 0)
		return r;
	r = journal_previous(reader->j);
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
