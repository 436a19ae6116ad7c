/*
 * Which fields of an indexer an UpdateIndexer is about: google.protobuf.FieldMask, by AIP-134 and
 * AIP-161.
 *
 * A path is the name of a field ("labels"), of a field in resources, tree_resources or restart
 * ("resources.cpu_percent"), or of one key of a map ("labels.team", "environment.RPC_URL"; a key
 * with other characters in backquotes: "labels.`a.b`"). "*" is every field that can be changed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/indexer.h"
#include "model/refusal.h"

enum {
	MASK_LABELS = 1 << 0,
	MASK_ENVIRONMENT = 1 << 1,
	MASK_PROJECT_SOURCE = 1 << 2,
	MASK_PROJECT_DIR = 1 << 3,
	MASK_SCRIPT = 1 << 4,
	MASK_RUNTIME = 1 << 5,
	MASK_PRESET = 1 << 6,
	MASK_ARGS = 1 << 7,
	MASK_MEMORY_MAX = 1 << 8,
	MASK_CPU_PERCENT = 1 << 9,
	MASK_TASKS_MAX = 1 << 10,
	MASK_RESTART_POLICY = 1 << 11,
	MASK_INITIAL_BACKOFF = 1 << 12,
	MASK_MAX_BACKOFF = 1 << 13,
	MASK_TREE_MEMORY_MAX = 1 << 14,
	MASK_TREE_CPU_PERCENT = 1 << 15,
	MASK_TREE_TASKS_MAX = 1 << 16,
	MASK_ALL = (1 << 17) - 1,
	MASK_SPAWNED_BY = 1 << 17, /* cannot be changed; it is only compared */
};

/* One path of a mask may be so long, and a mask have so many. */
#define MASK_PATH_MAX  512
#define MASK_PATHS_MAX 512

struct field_mask {
	unsigned fields;
	/* Single keys, as keys of lists without values; a key of a map that is in `fields` as a
	   whole counts for nothing. */
	struct kv_list labels, environment;
};

/*
 * Reads n paths. Fields that the server sets (uid, status, ...) are passed over. REFUSED
 * (INVALID_ARGUMENT, MASK_INVALID) names the path. The mask is owned by the caller, also where it
 * is refused.
 */
int field_mask_read(char *const *paths, size_t n, struct field_mask *mask, struct refusal *refusal);

/* The mask that an absent one stands for: the fields that are set in the definition. */
void field_mask_populated(const struct definition *definition, struct field_mask *mask);

void field_mask_clear(struct field_mask *mask);

#define _cleanup_field_mask_ _cleanup_(field_mask_clear)
