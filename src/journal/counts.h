/*
 * What a recursive stream has been given of each member of its tree: each numbers its lines for
 * itself.
 *
 * A stream's own, on one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "journal/cursor.h"

/* So many members are remembered at most; of one that is forgotten no gap is told. */
#define COUNTS_MAX INDEXERS_MOST

struct count {
	struct count *next;
	char uid[ID128_TEXT_MAX];
	struct log_mark given; /* the last record; the numbers also of lines passed by */
};

struct counts;

int counts_new(struct counts **ret);
struct counts *counts_free(struct counts *counts);
DEFINE_CLEANUP(struct counts, counts_free);

/*
 * The member of this uid. One that is new has all zero, and *is_new is set. NULL where there is no
 * memory. Valid until counts_drop() of it, or until another new one is asked for.
 */
struct count *counts_get(struct counts *counts, const char *uid, bool *is_new);

/* No more will come of it. */
void counts_drop(struct counts *counts, const char *uid);
