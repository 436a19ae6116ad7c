/*
 * What PID 1 writes about the beginning and the end of an indexer's invocations, made into events.
 *
 * The records are not the unit's own, and say nothing of the indexer's uid: whose an invocation is,
 * the stream decides. They are taken only where journald says that PID 1 wrote them, since any
 * process can write UNIT=.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

#include "common/cleanup.h"
#include "journal/journal.h"
#include "model/exit.h"

struct unit_event {
	enum log_event kind; /* LOG_STARTED or LOG_EXITED */
	char id[ID_MAX];
	uint64_t invocation;	  /* as in struct log_numbers */
	char text[EXIT_TEXT_MAX]; /* what happened, in words */
};

/*
 * Reads events, and remembers what was told of invocations until their end: PID 1
 * tells how the process exited, and only some records later that the unit is down. A reader's own.
 */
struct event_reader;

/*
 * `most` is the number of invocations that may end at one time; `directory` as in struct
 * journal_source, lent.
 */
int event_reader_new(const char *directory, size_t most, struct event_reader **ret);
struct event_reader *event_reader_free(struct event_reader *reader);
DEFINE_CLEANUP(struct event_reader, event_reader_free);

/*
 * Reads the current record, which PID 1 has written. Returns 1 with *ret filled where it
 * is an event, 0 where it is none, or -ENOMEM.
 */
int event_read(struct event_reader *reader, sd_journal *j, struct unit_event *ret);

/* Adds matches for PID 1's records: of one indexer's unit, or of all units. 0 or a negative errno.
 */
int event_match_unit(sd_journal *j, const char *id);
int event_match_all(sd_journal *j);
