/*
 * What a recursive stream has been given of each member; see counts.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "journal/counts.h"

#define BUCKETS 64

struct counts {
	size_t n;
	unsigned forgetting; /* the bucket that loses one next */
	struct count *buckets[BUCKETS];
};

int counts_new(struct counts **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

static void drop_first(struct counts *counts, struct count **at)
{
	struct count *count = *at;

	*at = count->next;
	free(count);
	counts->n--;
}

struct counts *counts_free(struct counts *counts)
{
	for (size_t i = 0; counts && i < BUCKETS; i++)
		while (counts->buckets[i])
			drop_first(counts, &counts->buckets[i]);
	free(counts);
	return NULL;
}

/* Where the pointer to it is, or is to be. */
static struct count **find(struct counts *counts, const char *uid)
{
	struct count **at = &counts->buckets[text_hash(uid) % BUCKETS];

	while (*at && !streq((*at)->uid, uid))
		at = &(*at)->next;
	return at;
}

static void forget_one(struct counts *counts)
{
	while (!counts->buckets[counts->forgetting % BUCKETS])
		counts->forgetting++;
	drop_first(counts, &counts->buckets[counts->forgetting++ % BUCKETS]);
}

struct count *counts_get(struct counts *counts, const char *uid, bool *is_new)
{
	struct count **at = find(counts, uid);

	*is_new = !*at;
	if (*at)
		return *at;
	if (counts->n >= COUNTS_MAX) {
		forget_one(counts);
		at = find(counts, uid);
	}
	*at = calloc(1, sizeof(**at));
	if (!*at)
		return NULL;
	strcpy((*at)->uid, uid);
	counts->n++;
	return *at;
}

void counts_drop(struct counts *counts, const char *uid)
{
	struct count **at = find(counts, uid);

	if (*at)
		drop_first(counts, at);
}
