/*
 * The order of records: what sd_journal would pass over, since journald writes while it reads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "journal/reader-private.h"
#include "journal/step.h"

/* How long after its receipt a record may still be linked into lists, by a journald that is slow.
 */
#define FRESH_USEC (10 * USEC_PER_SEC)

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
	if (!reader->last.is_set || reader_position(reader, &at) < 0)
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
 * hide lines; and of several priorities each may hide others. The live reader has two lists of
 * lines, that of the slices of trees is asked first: while there are such lines, others may hide
 * them.
 */
static bool may_hide(struct reader *reader, const struct reader_record *record)
{
	struct position at;

	if (!reader->query && reader->record.of_tree)
		reader->sees_trees = true;
	return (!reader->record.of_unit || reader->sparse ||
		(reader->sees_trees && !reader->record.of_tree)) &&
	       is_fresh(record->log.time, FRESH_USEC) && reader_position(reader, &at) == 0 &&
	       (!reader->looked.is_set || position_compare(&at, &reader->looked) > 0);
}

/*
 * Goes back to the last record read, and one step forward from there: now the lists have all up to
 * here. The current record is then the first that has not been read. 1, 0 or a negative errno.
 */
static int look_back(struct reader *reader, struct reader_record *record)
{
	int r = reader_position(reader, &reader->looked);

	while (r >= 0 && (r = journal_previous(reader->j)) > 0) {
		r = record_read(&reader->record, reader->j, record);
		if (r < 0 || is_read(reader, record))
			break;
	}
	if (r == 0) /* before the first record; a step forward would leave that one out */
		r = sd_journal_seek_head(reader->j);
	r = r < 0 ? r : journal_next(reader->j);
	return r <= 0 ? r : reader_read(reader, record);
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

bool reader_hold_back(struct reader *reader)
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

/* --- reading -------------------------------------------------------------------------------- */

int reader_read_in_order(struct reader *reader, struct reader_record *ret)
{
	int r = reader_read(reader, ret);

	if (r > 0 && (reader->held_time > 0 || may_hide(reader, ret)))
		r = look_back(reader, ret);
	if (r == 0) /* its file has gone meanwhile */
		r = READER_PASSED;
	reader->held_time = 0;
	if (r > 0 && is_fresh(ret->log.time, 2 * FRESH_USEC))
		note_last(reader, ret);
	return r;
}
