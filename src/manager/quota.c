/*
 * What one more indexer is charged to: the tree that it grows, and the user who has created its
 * root, whether the tree was then grown by that user or by its own indexers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager/private.h"

const struct manager_quotas manager_quotas_default = {
	.per_user = SIZE_MAX, /* MaxIndexers= is the limit */
	.descendants = 2000,
	.depth = 8,
};

/* How many levels there are from its root to the entry; 0 for NULL. */
static size_t level_of(const struct entry *entry)
{
	size_t level = 0;

	for (; entry; entry = entry->parent)
		level++;
	return level;
}

static int check_depth(const struct entry *parent, size_t limit, struct refusal *refusal)
{
	size_t level = level_of(parent);
	char name[NAME_MAX_SIZE];

	if (level < limit)
		return 0;
	name_from_id(parent->row.definition->id, name);
	return refuse_quota(refusal, "DEPTH_LIMIT", name,
			    "%s is at level %zu of its tree, and MaxDepth= in indexerd.conf allows "
			    "%zu levels",
			    name, level, limit);
}

static int check_descendants(const struct entry *parent, size_t limit, struct refusal *refusal)
{
	const struct entry *full = parent;
	char name[NAME_MAX_SIZE];

	while (full && full->n_descendants < limit)
		full = full->parent;
	if (!full)
		return 0;
	name_from_id(full->row.definition->id, name);
	return refuse_quota(refusal, "DESCENDANT_LIMIT", name,
			    "%s has %zu indexers below it, and MaxDescendants= in indexerd.conf "
			    "allows %zu",
			    name, full->n_descendants, limit);
}

static int check_creator(const struct manager *manager, const char *creator, size_t limit,
			 struct refusal *refusal)
{
	size_t n = 0;

	/* Nobody is known for what an earlier version has created. */
	if (isempty(creator) || streq(creator, CALLER_ACCOUNT_ROOT))
		return 0;
	for (size_t i = 0; i < manager->n_entries; i++)
		n += streq(manager->entries[i]->row.definition->creator, creator);
	if (n < limit)
		return 0;
	return refuse_quota(refusal, "USER_INDEXER_LIMIT", creator,
			    "%s has %zu indexers, with those that its own have created, and "
			    "MaxIndexersPerUser= in indexerd.conf allows %zu",
			    creator, n, limit);
}

int check_quotas(const struct manager *manager, const struct definition *definition,
		 const struct entry *parent, struct refusal *refusal)
{
	const struct manager_quotas *quotas = &manager->config.quotas;
	int r = check_depth(parent, quotas->depth, refusal);

	r = r != 0 ? r : check_descendants(parent, quotas->descendants, refusal);
	return r != 0 ? r : check_creator(manager, definition->creator, quotas->per_user, refusal);
}
