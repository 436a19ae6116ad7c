/*
 * What the daemon itself writes into the journal to be read there again: that an indexer is
 * deleted, with the fields of its own records. Such a record has its place between those of the
 * tree that the indexer was in.
 *
 * It is written before the indexer's row is removed, so that a daemon which is killed in between
 * writes it once more; of several records of one indexer, the first counts (repeat.h).
 *
 * Sent by a thread of its own, since a journald that is busy lets who writes wait. journald must be
 * at it when this process is killed: whose a record is, it learns from the living.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

#include "common/loop_queue.h"
#include "journal/family.h"

/* MESSAGE_ID= of such a record. */
#define NOTICE_DELETED_ID "9a8b7dedf07c41709d7194ca1a18a90e"

/* Its field with the time of the indexer's creation, in microseconds since the epoch. */
#define NOTICE_FIELD_CREATED "INDEXER_CREATED"

/* And the one, "1", of a record that may not be the first one about the indexer. */
#define NOTICE_FIELD_AGAIN "INDEXER_AGAIN"

struct notices;

/* Starts the thread. 0 or a negative errno. */
int notices_new(struct notices **ret);
struct notices *notices_free(struct notices *notices);
DEFINE_CLEANUP(struct notices, notices_free);

/*
 * Has the deletion written down, `is_again` where it may have been before. The item is posted to
 * the queue when journald has taken the record in, or has not for 5 s, which is logged: then no
 * later one waits until it takes something. 0 or -ENOMEM, and then nothing is posted. Any thread;
 * does not block.
 */
int notices_put_deleted(struct notices *notices, const struct kin *kin, bool is_again,
			struct loop_queue *queue, struct loop_item *item);

/* Stops the thread, within the 5 s: nothing is posted after that. What has not been sent is not. */
void notices_stop(struct notices *notices);

/* Adds the matches for such records of the daemon's. 0 or a negative errno. */
int notice_match(sd_journal *j);
