/*
 * What the daemon itself writes into the journal to be read there again: that an indexer has been
 * deleted, with the fields of its own records. Such a record has its place between those of the
 * tree that the indexer was in.
 *
 * Sent by a worker thread, since a journald that is busy lets who writes wait; and before journald
 * is asked to write down what it has received.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

#include "journal/family.h"

/* MESSAGE_ID= of such a record. */
#define NOTICE_DELETED_ID "9a8b7dedf07c41709d7194ca1a18a90e"

/* Its field with the time of the indexer's creation, in microseconds since the epoch. */
#define NOTICE_FIELD_CREATED "INDEXER_CREATED"

/* And the one, "1", of a record that may not be the first one about the indexer. */
#define NOTICE_FIELD_AGAIN "INDEXER_AGAIN"

struct notices;

int notices_new(struct notices **ret);
struct notices *notices_free(struct notices *notices);
DEFINE_CLEANUP(struct notices, notices_free);

/* Has the deletion written down. Any thread; does not block. */
void notices_put_deleted(struct notices *notices, const struct kin *kin);

/* Whether some wait to be sent. */
bool notices_wait(const struct notices *notices);

/* Returns when all that was put before has been sent, or journald did not take it in its time. */
void notices_send(struct notices *notices);

/* The same, unless another thread is at it. Whether it was done. */
bool notices_try_send(struct notices *notices);

/* Adds the matches for such records of the daemon's. 0 or a negative errno. */
int notice_match(sd_journal *j);
