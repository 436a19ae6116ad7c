/*
 * What an update has done.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "indexerd/v1/indexer_runner.pb-c.h"

/*
 * Tells in words what has become of an indexer and of its process: "updated, not restarted".
 * `before` is what it was a moment ago, `after` is the answer to the update. *ret is owned by the
 * caller. 0 or a negative errno.
 */
int outcome_of_update(const Indexerd__V1__Indexer *before, const Indexerd__V1__Indexer *after,
		      char **ret);
