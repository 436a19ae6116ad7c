/*
 * What a recursive stream has been given of each member of its tree: each numbers its lines for
 * itself.
 *
 * A stream's own, on one thread at a time; all streams together have so much memory for it. A
 * member that has to be forgotten goes on with its next line, and no gap is told before that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdatomic.h>
#include <sys/queue.h>

#include "common/cleanup.h"
#include "journal/cursor.h"

/* So many members a stream remembers at most, */
#define COUNTS_MAX INDEXERS_MOST

/* and so many also where the others have filled the memory, */
#define COUNTS_LEAST 8

/* which is of so many bytes. */
#define COUNTS_MEMORY_MAX (16U * 1024 * 1024)

struct count {
	TAILQ_ENTRY(count) link;
	char uid[ID128_TEXT_MAX];
	struct log_mark given; /* the last record; the numbers also of lines passed by */
};

/* What one member takes, with the allocator's share and its place in the tree of the uids. */
#define COUNT_MEMORY (sizeof(struct count) + 64)

struct counts;

/* `memory` is what all take now, in bytes; it outlives them. */
int counts_new(atomic_size_t *memory, struct counts **ret);
struct counts *counts_free(struct counts *counts);
DEFINE_CLEANUP(struct counts, counts_free);

/*
 * The member of this uid. One that is not remembered has all zero, so that no number is known; and
 * *is_new is set where the stream has not met it before. Once a member has been forgotten, that is
 * said of none any more. NULL where there is no memory. Valid until counts_drop() of it, or until
 * another one that is not remembered is asked for.
 */
struct count *counts_get(struct counts *counts, const char *uid, bool *is_new);

/* No more will come of it. */
void counts_drop(struct counts *counts, const char *uid);
