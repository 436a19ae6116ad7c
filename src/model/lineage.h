/*
 * Where an indexer stands in its tree, as one text: the uids from the root down to its own, with a
 * '/' between two. It never changes, since spawned_by does not.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"

/* Levels of a tree at most: each record in the journal has the uids of all above its indexer. */
#define LINEAGE_LEVELS_MAX 64

/* Each uid with its '/', and the last one with the NUL. */
#define LINEAGE_MAX (LINEAGE_LEVELS_MAX * ID128_TEXT_MAX)

/*
 * Copies a text of `size` bytes, with a NUL. False where it is no lineage: *ret is then "".
 */
bool lineage_parse(const char *text, size_t size, char ret[LINEAGE_MAX]);

/* How many uids it has. */
size_t lineage_levels(const char *lineage);

/* The i-th uid, from the root's on; ID128_TEXT_MAX - 1 characters, and no NUL behind them. */
const char *lineage_at(const char *lineage, size_t i);

/* The indexer's own uid, with the NUL. */
const char *lineage_own(const char *lineage);

/* Whether the uid is in it: the indexer's own or that of one above it. */
bool lineage_has(const char *lineage, const char *uid);
