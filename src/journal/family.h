/*
 * Whose a unit is: PID 1's records say only its name, and an id may have had several indexers, one
 * after the other.
 *
 * Filled by the manager, asked by the journal's threads; it has a lock of its own, held for a look.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"
#include "model/id.h"
#include "model/indexer.h"
#include "model/lineage.h"

/* Deleted ones that are remembered: all that one call can delete, while a reader lags behind. */
#define FAMILY_FORMER_MAX INDEXERS_MOST

struct kin {
	char id[ID_MAX];
	char lineage[LINEAGE_MAX];
	uint64_t created; /* microseconds since the epoch */
};

struct family;

int family_new(struct family **ret);
struct family *family_free(struct family *family);
DEFINE_CLEANUP(struct family, family_free);

/* An indexer is there. 0 or -ENOMEM. */
int family_add(struct family *family, const struct kin *kin);

/*
 * It is deleted; whether it was there. It is remembered for a while, since the last records about
 * its unit may not have been read yet.
 */
bool family_remove(struct family *family, const char *id);

/*
 * Who had the id at the time. False where that is not known: it is free, or an indexer's that was
 * deleted long ago.
 */
bool family_find(struct family *family, const char *id, uint64_t time, struct kin *ret);
