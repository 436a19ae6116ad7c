/*
 * What every call that changes something asks first: who calls, what is theirs, and whether it can
 * be done now at all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager/private.h"

int caller_entry(struct manager *manager, const struct caller *caller, struct entry **ret,
		 struct refusal *refusal)
{
	struct entry *entry = NULL;

	if (caller_is_indexer(caller)) {
		entry = entry_find(manager, caller->indexer_id);
		if (!entry || !streq(entry->row.definition->uid, caller->indexer_uid))
			return refuse(refusal, CODE_PERMISSION_DENIED, "CALLER_GONE", NULL,
				      "the calling indexer %s is deleted", caller->indexer_id);
	}
	*ret = entry;
	return 0;
}

int refuse_outside(struct refusal *refusal, const char *id, const struct entry *caller)
{
	return refuse_indexer(refusal, CODE_PERMISSION_DENIED, "OUTSIDE_SUBTREE", id,
			      "indexers/%s is not among those that indexers/%s spawned", id,
			      caller->row.definition->id);
}

int check_ready(const struct manager *manager, struct refusal *refusal)
{
	int r = 0;

	if (!systemd_is_connected(manager->systemd))
		r = refuse(
			refusal, CODE_UNAVAILABLE, "SYSTEMD_UNREACHABLE", NULL,
			"systemd cannot be reached over the bus; indexers keep running, but none "
			"can be created, changed or deleted now");
	else if (manager->n_waiters >= MANAGER_PENDING_MAX)
		r = refuse(refusal, CODE_RESOURCE_EXHAUSTED, "TOO_MANY_CALLS", NULL,
			   "%d calls wait already", MANAGER_PENDING_MAX);
	if (r == REFUSED)
		refusal->retry_after_usec = RETRY_SOON_USEC;
	return r;
}

int refuse_being_deleted(struct refusal *refusal, const char *id)
{
	int r = refuse_indexer(refusal, CODE_ABORTED, "BEING_DELETED", id,
			       "indexers/%s is being deleted; try again when it is gone", id);

	if (r == REFUSED)
		refusal->retry_after_usec = RETRY_SOON_USEC;
	return r;
}

int find_to_change(struct manager *manager, const struct caller *caller, const char *id,
		   struct entry **ret, struct refusal *refusal)
{
	struct entry *own = NULL, *entry;
	int r = caller_entry(manager, caller, &own, refusal);

	if (r != 0)
		return r;
	entry = entry_find(manager, id);
	if (own && (!entry || !entry_is_within(entry, own)))
		return refuse_outside(refusal, id, own);
	if (!entry)
		return refuse_not_found(refusal, id);
	if (entry->row.tombstone)
		return refuse_being_deleted(refusal, id);
	r = check_ready(manager, refusal);
	if (r == 0)
		*ret = entry;
	return r;
}
