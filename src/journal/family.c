/*
 * Whose a unit is; see family.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "journal/family.h"

#define BUCKETS 1024

struct relative {
	LIST_ENTRY(relative) link;	   /* of its bucket; the last one created first */
	TAILQ_ENTRY(relative) former_link; /* of those deleted, the first deleted first */
	bool former;
	uint64_t created;
	char id[ID_MAX];
	char lineage[];
};

struct family {
	pthread_mutex_t lock;
	LIST_HEAD(, relative) buckets[BUCKETS];
	TAILQ_HEAD(, relative) former;
	size_t n_former;
};

int family_new(struct family **ret)
{
	struct family *family = calloc(1, sizeof(*family));

	if (!family)
		return -ENOMEM;
	pthread_mutex_init(&family->lock, NULL);
	TAILQ_INIT(&family->former);
	*ret = family;
	return 0;
}

struct family *family_free(struct family *family)
{
	struct relative *relative;

	if (!family)
		return NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((relative = LIST_FIRST(&family->buckets[i]))) {
			LIST_REMOVE(relative, link);
			free(relative);
		}
	pthread_mutex_destroy(&family->lock);
	free(family);
	return NULL;
}

static void copy(const struct relative *relative, struct kin *ret)
{
	strcpy(ret->id, relative->id);
	strcpy(ret->lineage, relative->lineage);
	ret->created = relative->created;
}

int family_add(struct family *family, const struct kin *kin)
{
	struct relative *relative = malloc(sizeof(*relative) + strlen(kin->lineage) + 1);

	if (!relative)
		return -ENOMEM;
	*relative = (struct relative){ .created = kin->created };
	strcpy(relative->id, kin->id);
	strcpy(relative->lineage, kin->lineage);
	pthread_mutex_lock(&family->lock);
	LIST_INSERT_HEAD(&family->buckets[text_hash(kin->id) % BUCKETS], relative, link);
	pthread_mutex_unlock(&family->lock);
	return 0;
}

/* With the lock held. */
static void forget_oldest(struct family *family)
{
	struct relative *oldest = TAILQ_FIRST(&family->former);

	TAILQ_REMOVE(&family->former, oldest, former_link);
	LIST_REMOVE(oldest, link);
	free(oldest);
	family->n_former--;
}

bool family_remove(struct family *family, const char *id)
{
	struct relative *relative;

	pthread_mutex_lock(&family->lock);
	relative = LIST_FIRST(&family->buckets[text_hash(id) % BUCKETS]);
	while (relative && (relative->former || !streq(relative->id, id)))
		relative = LIST_NEXT(relative, link);
	if (relative) {
		relative->former = true;
		TAILQ_INSERT_TAIL(&family->former, relative, former_link);
		if (++family->n_former > FAMILY_FORMER_MAX)
			forget_oldest(family);
	}
	pthread_mutex_unlock(&family->lock);
	return relative != NULL;
}

bool family_find(struct family *family, const char *id, uint64_t time, struct kin *ret)
{
	struct relative *relative;

	pthread_mutex_lock(&family->lock);
	/*
	 * The time of a deletion does not count: a journald that is busy takes the last records in
	 * later than that.
	 */
	relative = LIST_FIRST(&family->buckets[text_hash(id) % BUCKETS]);
	while (relative && (relative->created > time || !streq(relative->id, id)))
		relative = LIST_NEXT(relative, link);
	if (relative)
		copy(relative, ret);
	pthread_mutex_unlock(&family->lock);
	return relative != NULL;
}
