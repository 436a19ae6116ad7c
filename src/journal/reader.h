/*
 * One position in the journal that moves forward: an sd_journal with its matches, and the records
 * that it yields.
 *
 * A reader belongs to whoever made it and is used by one thread at a time; it may change threads.
 * It holds descriptors and mappings of every journal file, so that one that only waits is closed
 * and its place kept.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "journal/family.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "journal/record.h"

struct reader;

/* Where a closed reader was, so that another one can go on there. All zero: nothing read yet. */
struct place {
	struct position at; /* a record, or not set: from the query's start */
	bool inclusive;	    /* that record has not been given yet */
	bool started;	    /* `back` is valid; the query's tail is not looked at again */
	int32_t back;	    /* records still to be counted backwards before reading begins */
	/* The last line given. The stream's; a reader only compares what it finds at the place. */
	struct log_numbers numbers;
};

/*
 * Opens the journal for a stream, at the place. Source and query are not copied; they and the
 * family must outlive the reader. Returns 0 or a negative errno; -EACCES where the journal is there
 * and cannot be read. No journal at all is not an error.
 */
int reader_new(const struct journal_source *source, struct family *family,
	       const struct log_query *query, const struct place *place, struct reader **ret);

/* Opens the journal for the records of all indexers, at its last one. As reader_new(). */
int reader_new_live(const struct journal_source *source, struct family *family,
		    struct reader **ret);

struct reader *reader_free(struct reader *reader);
DEFINE_CLEANUP(struct reader, reader_free);

/*
 * Makes one step. Returns one of the values in record.h, 0 at the end of what is there for now, or
 * a negative errno; -ENOTRECOVERABLE where libsystemd has given up (step.h), and the reader is only
 * to be freed. The record's content is valid until the next call.
 */
int reader_next(struct reader *reader, struct reader_record *ret);

/* The record of the last step is given once more by the next one: nobody took it. */
void reader_refuse(struct reader *reader);

/*
 * The position of the record of the last step, for a cursor. Lines that journald took in at one
 * moment may share the first one's: the cursor has their number, too, and the price is paid once.
 */
void reader_locate(struct reader *reader, const struct reader_record *record, struct position *ret);

/* Whether the place is behind a line although it was noted before it; `at` is the line's. */
bool place_covers(const struct place *place, const struct position *at,
		  const struct reader_record *record);

/*
 * Where the reader is: behind the record of the last step, or, with `refused`, before it. Returns
 * 0, or -ESTALE where the record's file has been removed meanwhile. What of the place is the
 * stream's stays as it is.
 */
int reader_place(struct reader *reader, bool refused, struct place *ret);

/*
 * From now on, records that journald has taken in less than so long before this call are not given
 * yet; reader_timeout() says when the next one may be. Two journalds write side by side where
 * indexers have a namespace, and sd_journal reads by time: a record that one of them is still
 * writing, behind a later one of the other that has been read, would never be seen. 0: no wait.
 */
void reader_let_settle(struct reader *reader, uint64_t usec);

/* Whether the reader stands before a record that is not to be given yet, and not on the last one.
 */
bool reader_is_holding(const struct reader *reader);

/* What to poll for POLLIN, and until when (CLOCK_MONOTONIC, microseconds; UINT64_MAX: no end). */
int reader_fd(struct reader *reader);
uint64_t reader_timeout(struct reader *reader);

/* Takes notice of new, renamed and removed files: when the descriptor is readable. */
int reader_process(struct reader *reader);
