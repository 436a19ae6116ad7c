/*
 * Whose an event of a unit is, also where the indexer is gone: the family knows those that are
 * there and those deleted last, the journal knows when others were created and deleted.
 *
 * A reader's own, on one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/family.h"

struct owner_finder;

/*
 * `directory` as in struct journal_source, lent; the family must outlive the finder. Without
 * `search` only the family is asked, which is enough for what happens now. 0 or -ENOMEM.
 */
int owner_finder_new(const char *directory, struct family *family, bool search,
		     struct owner_finder **ret);
struct owner_finder *owner_finder_free(struct owner_finder *finder);
DEFINE_CLEANUP(struct owner_finder, owner_finder_free);

/* Who had the id at the time (microseconds since the epoch); false where that is not known. */
bool owner_find(struct owner_finder *finder, const char *id, uint64_t time, struct kin *ret);
