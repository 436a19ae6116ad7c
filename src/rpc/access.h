/*
 * What a caller may see: everything, or for an indexer its own subtree.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/caller.h"
#include "model/refusal.h"
#include "model/snapshot.h"

bool access_allows(const struct caller *caller, const struct snapshot *snapshot, const char *id);

/*
 * Finds the indexer of a request's name. On success *ret is lent by the snapshot. REFUSED:
 * INVALID_ARGUMENT names `field`; an indexer gets PERMISSION_DENIED for all that is not its own,
 * whether it exists or not (AIP-211), everybody else NOT_FOUND.
 */
int access_find(const struct caller *caller, const struct snapshot *snapshot, const char *name,
		const char *field, struct view **ret, struct refusal *refusal);
