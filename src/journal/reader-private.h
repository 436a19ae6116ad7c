/*
 * What the files of the reader share: reader.c goes from record to record, reader-open.c makes a
 * reader, reader-order.c finds what would be passed over.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

#include "journal/owner.h"
#include "journal/reader.h"
#include "journal/repeat.h"

struct reader {
	sd_journal *j;
	const struct log_query *query; /* NULL: the live reader */
	bool on_record;		       /* the current record is to be given before any step */
	struct place place;	       /* where the seek went, later the last place known */
	bool skipping;		       /* records up to that place have been given, */
	bool covering;		       /* and perhaps lines of the same moment behind it */
	bool moved;		       /* the current record is behind place.at */
	bool given_up;		       /* by libsystemd: see step.h */
	struct position moment;	       /* of the first of the lines that were taken in together, */
	uint64_t moment_invocation, moment_line; /* and which line that is */
	unsigned steps, errors;
	struct record_reader record;
	struct owner_finder *owners;
	struct repeat_finder *repeats;
	struct kin kin; /* whose the last event was */

	bool sparse;	 /* only lines of the query's level are matched */
	bool sees_trees; /* the live reader has come to a line from the slice of a tree */

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

/* The current record's position. 0 or a negative errno. */
int reader_position(struct reader *reader, struct position *ret);

/* Reads the current record. As record_read(), of what the query is about. */
int reader_read(struct reader *reader, struct reader_record *ret);

/* --- reader-order.c ------------------------------------------------------------------------ */

/* Reads the current record, or one before it that was passed over. As reader_read(). */
int reader_read_in_order(struct reader *reader, struct reader_record *ret);

/* Whether the current record is too young to be given; it is then the one of the next step. */
bool reader_hold_back(struct reader *reader);
