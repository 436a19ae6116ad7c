/*
 * All indexers at one moment, sorted by id: what pure reads are answered from.
 *
 * The main loop publishes a new snapshot after each change; any thread takes the present one and
 * keeps it as long as it likes. A snapshot is immutable and holds its views.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "model/indexer.h"

struct snapshot;

/* Takes over an array of n views sorted by id, and their references. 0 or -ENOMEM (nothing taken).
 */
int snapshot_new(struct view **views, size_t n, struct snapshot **ret);
struct snapshot *snapshot_ref(struct snapshot *snapshot);
struct snapshot *snapshot_unref(struct snapshot *snapshot);
DEFINE_CLEANUP(struct snapshot, snapshot_unref);

/* The view of an id or NULL; valid as long as the snapshot. */
struct view *snapshot_find(const struct snapshot *snapshot, const char *id);

size_t snapshot_size(const struct snapshot *snapshot);
struct view *snapshot_at(const struct snapshot *snapshot, size_t i);

/* The index of the first view whose id is greater than `id`; 0 for "". */
size_t snapshot_after(const struct snapshot *snapshot, const char *id);

/*
 * Whether the indexer `id` is `ancestor_uid` itself or one of its descendants, by following
 * spawned_by upwards. A missing link ends the search with false.
 */
bool snapshot_is_within(const struct snapshot *snapshot, const char *id, const char *ancestor_uid);

/* Where the present snapshot stands: one for the process, safe from any thread. */
struct snapshot_box;
int snapshot_box_new(struct snapshot_box **ret); /* holds an empty snapshot */
struct snapshot_box *snapshot_box_free(struct snapshot_box *box);
/* Puts a snapshot in, taking its reference. */
void snapshot_box_put(struct snapshot_box *box, struct snapshot *snapshot);
/* The present snapshot, referenced. Never NULL. */
struct snapshot *snapshot_box_get(struct snapshot_box *box);
