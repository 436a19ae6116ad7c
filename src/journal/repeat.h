/*
 * Whether the record of a deletion (notice.h) repeats an earlier one. A daemon that finishes what
 * another one began cannot know whether that one had it written down, and says so in the record.
 *
 * The journal itself tells, so that it is the same for each stream, wherever that begins, and costs
 * no memory: of all records about the indexer the first one counts. Where the journal has lost that
 * one and kept a later, a stream that goes on behind the first is given the later, too.
 *
 * A reader's own, on one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

#include "common/cleanup.h"
#include "journal/position.h"

struct repeat_finder;

/* `directory` as in struct journal_source, lent. 0 or -ENOMEM. */
int repeat_finder_new(const char *directory, struct repeat_finder **ret);
struct repeat_finder *repeat_finder_free(struct repeat_finder *finder);
DEFINE_CLEANUP(struct repeat_finder, repeat_finder_free);

/*
 * Whether the current record of `j`, which is a deletion's and at this position, is a repetition of
 * the indexer's. False also where the journal cannot be asked: twice is better than never.
 */
bool repeat_find(struct repeat_finder *finder, sd_journal *j, const char *uid,
		 const struct position *at);

/* Closes the journal that it asks, which keeps files open; the next question opens it again. */
void repeat_finder_rest(struct repeat_finder *finder);
