/*
 * What a recursive stream has been given of each member; see counts.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <search.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/util.h"
#include "journal/counts.h"

struct counts {
	void *by_uid;		 /* of tsearch(3) */
	TAILQ_HEAD(, count) all; /* the one that was not asked for the longest first */
	size_t n;
	bool forgot; /* one that may come back */
	atomic_size_t *memory;
};

int counts_new(atomic_size_t *memory, struct counts **ret)
{
	struct counts *counts = calloc(1, sizeof(*counts));

	if (!counts)
		return -ENOMEM;
	TAILQ_INIT(&counts->all);
	counts->memory = memory;
	*ret = counts;
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct count *one = a, *other = b;

	return memcmp(one->uid, other->uid, sizeof(one->uid));
}

static void drop(struct counts *counts, struct count *count)
{
	TAILQ_REMOVE(&counts->all, count, link);
	tdelete(count, &counts->by_uid, compare);
	free(count);
	counts->n--;
	atomic_fetch_sub(counts->memory, COUNT_MEMORY);
}

struct counts *counts_free(struct counts *counts)
{
	struct count *count;

	while (counts && (count = TAILQ_FIRST(&counts->all)))
		drop(counts, count);
	free(counts);
	return NULL;
}

static struct count *find(struct counts *counts, const char *uid)
{
	struct count key = { 0 }, **at;

	strcpy(key.uid, uid);
	at = tfind(&key, &counts->by_uid, compare);
	return at ? *at : NULL;
}

static bool is_full(const struct counts *counts)
{
	return counts->n >= COUNTS_MAX ||
	       (counts->n >= COUNTS_LEAST &&
		atomic_load(counts->memory) + COUNT_MEMORY > COUNTS_MEMORY_MAX);
}

static struct count *add(struct counts *counts, const char *uid)
{
	struct count *count = calloc(1, sizeof(*count));

	if (!count)
		return NULL;
	strcpy(count->uid, uid);
	if (!tsearch(count, &counts->by_uid, compare)) {
		free(count);
		return NULL;
	}
	TAILQ_INSERT_TAIL(&counts->all, count, link);
	counts->n++;
	atomic_fetch_add(counts->memory, COUNT_MEMORY);
	return count;
}

struct count *counts_get(struct counts *counts, const char *uid, bool *is_new)
{
	struct count *count = find(counts, uid);

	*is_new = false;
	if (count) {
		TAILQ_REMOVE(&counts->all, count, link);
		TAILQ_INSERT_TAIL(&counts->all, count, link);
		return count;
	}
	if (is_full(counts)) {
		drop(counts, TAILQ_FIRST(&counts->all));
		counts->forgot = true;
	}
	*is_new = !counts->forgot;
	return add(counts, uid);
}

void counts_drop(struct counts *counts, const char *uid)
{
	struct count *count = find(counts, uid);

	if (count)
		drop(counts, count);
}
