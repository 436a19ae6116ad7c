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

/* Deleted ones that are remembered: more than are deleted while a reader lags behind. */
#define FORMER_MAX 1024

struct member {
	LIST_ENTRY(member) link;	 /* of its bucket; the last one created first */
	TAILQ_ENTRY(member) former_link; /* of those deleted, the first deleted first */
	bool former;
	uint64_t created;
	char id[ID_MAX];
	char lineage[];
};

struct family {
	pthread_mutex_t lock;
	LIST_HEAD(, member) buckets[BUCKETS];
	TAILQ_HEAD(, member) former;
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
	struct member *member;

	if (!family)
		return NULL;
	for (size_t i = 0; i < BUCKETS; i++)
		while ((member = LIST_FIRST(&family->buckets[i]))) {
			LIST_REMOVE(member, link);
			free(member);
		}
	pthread_mutex_destroy(&family->lock);
	free(family);
	return NULL;
}

static size_t bucket_of(const char *id)
{
	uint32_t hash = 2166136261U; /* FNV-1a */

	for (; *id; id++)
		hash = (hash ^ (unsigned char)*id) * 16777619U;
	return hash % BUCKETS;
}

static void copy(const struct member *member, struct kin *ret)
{
	strcpy(ret->id, member->id);
	strcpy(ret->lineage, member->lineage);
	ret->created = member->created;
}

int family_add(struct family *family, const struct kin *kin)
{
	struct member *member = malloc(sizeof(*member) + strlen(kin->lineage) + 1);

	if (!member)
		return -ENOMEM;
	*member = (struct member){ .created = kin->created };
	strcpy(member->id, kin->id);
	strcpy(member->lineage, kin->lineage);
	pthread_mutex_lock(&family->lock);
	LIST_INSERT_HEAD(&family->buckets[bucket_of(kin->id)], member, link);
	pthread_mutex_unlock(&family->lock);
	return 0;
}

/* With the lock held. */
static void forget_oldest(struct family *family)
{
	struct member *oldest = TAILQ_FIRST(&family->former);

	TAILQ_REMOVE(&family->former, oldest, former_link);
	LIST_REMOVE(oldest, link);
	free(oldest);
	family->n_former--;
}

bool family_remove(struct family *family, const char *id, struct kin *ret)
{
	struct member *member;

	pthread_mutex_lock(&family->lock);
	LIST_FOREACH(member, &family->buckets[bucket_of(id)], link)
	if (!member->former && streq(member->id, id))
		break;
	if (member) {
		copy(member, ret);
		member->former = true;
		TAILQ_INSERT_TAIL(&family->former, member, former_link);
		if (++family->n_former > FORMER_MAX)
			forget_oldest(family);
	}
	pthread_mutex_unlock(&family->lock);
	return member != NULL;
}

bool family_find(struct family *family, const char *id, uint64_t time, struct kin *ret)
{
	struct member *member;

	pthread_mutex_lock(&family->lock);
	/*
	 * The time of a deletion does not count: a journald that is busy takes the last records in
	 * later than that.
	 */
	LIST_FOREACH(member, &family->buckets[bucket_of(id)], link)
	if (member->created <= time && streq(member->id, id))
		break;
	if (member)
		copy(member, ret);
	pthread_mutex_unlock(&family->lock);
	return member != NULL;
}
