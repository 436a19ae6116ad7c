/*
 * What a record of the journal tells about an indexer: a line of its output, or an event of its
 * unit.
 *
 * A reader's own, on one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/event.h"
#include "model/lineage.h"

/* What LOG_DELETED says, in words. */
#define RECORD_DELETED_TEXT "deleted"

/* What reader_next() returns above 0. */
enum {
	READER_RECORD = 1, /* a record of the indexer, or of any one; of any level and time */
	READER_PASSED = 2, /* one step was made, but there is nothing to give */
};

struct reader_record {
	struct log_record log;	     /* without its mark and its id; level only of a line */
	char uid[ID128_TEXT_MAX];    /* the indexer's; "" of an event as record_read() gives it */
	char id[ID_MAX];	     /* "" where a line does not tell it */
	const char *lineage;	     /* the indexer's; "" where it is not told, or not wanted */
	uint64_t invocation;	     /* as in struct log_numbers */
	struct line_numbers numbers; /* 0 where indexer-exec has not numbered it */
};

/* What the last record read has lent out. All zero but for `events`, which it owns, and
 * what the reader says. */
struct record_reader {
	char *content;
	size_t content_size, content_allocated;
	struct event_reader *events;
	struct unit_event event;
	bool of_unit;	    /* the last one was neither PID 1's nor the daemon's, */
	bool of_tree;	    /* and from a slice of a tree */
	bool wants_lineage; /* the reader's to say, */
	bool wants_lines;   /* as that events are passed over */
	char lineage[LINEAGE_MAX];
};

/*
 * Reads the current record. Returns READER_RECORD with *ret filled, READER_PASSED where it is none
 * of an indexer's, or -ENOMEM.
 */
int record_read(struct record_reader *reader, sd_journal *j, struct reader_record *ret);

void record_reader_clear(struct record_reader *reader);
