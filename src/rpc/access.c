/*
 * Access to what is read; see access.h. Changes are judged by the manager.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "rpc/access.h"

bool access_allows(const struct caller *caller, const struct snapshot *snapshot, const char *id)
{
	return !caller_is_indexer(caller) || snapshot_is_within(snapshot, id, caller->indexer_uid);
}

int access_find(const struct caller *caller, const struct snapshot *snapshot, const char *name,
		const char *field, struct view **ret, struct refusal *refusal)
{
	const char *id;
	struct view *view;
	int r;

	r = id_from_name(name, field, &id, refusal);
	if (r != 0)
		return r;
	if (!access_allows(caller, snapshot, id))
		return refuse_indexer(refusal, CODE_PERMISSION_DENIED, "OUTSIDE_SUBTREE", id,
				      "an indexer may see itself and its descendants only: "
				      "indexers/%s is neither",
				      id);
	view = snapshot_find(snapshot, id);
	if (!view)
		return refuse_not_found(refusal, id);
	*ret = view;
	return 0;
}
