/*
 * The registry: what is wanted and the last known result, in SQLite. Each call is one whole
 * operation in one transaction; a call that has returned 0 is on disk (WAL, synchronous=FULL).
 *
 * Main loop's thread only. Errors: a negative errno (-ENOSPC: the disk is full, -EIO: the disk or
 * the file is damaged, -EBUSY: another process holds it); REFUSED with a refusal where the answer
 * is the client's. After a failed call nothing is changed and the next call works.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"
#include "model/filter.h"
#include "model/indexer.h"
#include "model/refusal.h"

struct registry;

/* One indexer as it is stored. */
struct registry_row {
	struct definition *definition;	    /* referenced */
	bool tombstone;			    /* Delete has begun; it will be finished */
	char boot_id[ID128_TEXT_MAX];	    /* of its last start; "" where it was never started */
	char invocation_id[ID128_TEXT_MAX]; /* of its last start; "" likewise */
	bool stopped;			    /* somebody stopped it: respected until the next boot */
	bool halted;	      /* StopIndexer: respected until StartIndexer, over reboots too */
	uint64_t run;	      /* counts the starts that were asked for; the first is 1 */
	uint64_t started_run; /* which of them the last start was; 0 where it was never started */
	uint64_t start_time;  /* of that invocation */
	int32_t restart_count;
	struct exit_record
		last_exit;  /* of the last invocation that has ended, this one or another */
	uint64_t cpu_usage; /* its processor time, in microseconds */
	char *message;	    /* last words of the last start; NULL where its end was not recorded */
	char fetch[ID128_TEXT_MAX]; /* the fetch of its project that is under way, or "" */
};

void registry_row_clear(struct registry_row *row);

/*
 * Opens or makes the registry at path (mode 0600), and migrates it forward to this program's
 * schema. A registry of a newer schema, or another program's database, is -EUCLEAN and left
 * untouched; a file that is damaged or no database is -EIO; one that another process holds is
 * -EBUSY, after a second. On success *ret is owned by the caller.
 */
int registry_open(const char *path, struct registry **ret);
struct registry *registry_close(struct registry *registry);
DEFINE_CLEANUP(struct registry, registry_close);

/*
 * Calls `each` for every row, parents before children, siblings by id. The row is only lent. A
 * non-zero return of `each` ends the walk and is returned. `each` must not call the registry.
 */
int registry_load(struct registry *registry, int (*each)(struct registry_row *row, void *userdata),
		  void *userdata);

/*
 * Calls `each` with the ids that a filter lets pass, in their order, from the first one after
 * `after` on ("": from the beginning). Where filter_reads_status() says so, that is every id that
 * might pass, since the status is not stored here: filter_matches() has the last word. A non-zero
 * return of `each` ends the walk, when its page is full, say, and is returned. `each` must not call
 * the registry. What a page costs depends on the rows that it goes over, not on those before it;
 * where that is more than a millisecond or two, the walk ends with -EINTR.
 */
int registry_list(struct registry *registry, const struct filter *filter, const char *after,
		  int (*each)(const char *id, void *userdata), void *userdata);

/* Whether an index leads registry_list() straight to the few rows that a filter may let pass. */
bool registry_list_has_index(const struct filter *filter);

/*
 * Puts in a new indexer. REFUSED: ALREADY_EXISTS (INDEXER_EXISTS: the id), FAILED_PRECONDITION
 * (PARENT_NOT_FOUND, PARENT_DELETING: spawned_by), RESOURCE_EXHAUSTED (INDEXER_LIMIT: `limit` rows
 * are there already).
 */
int registry_create(struct registry *registry, const struct definition *definition, size_t limit,
		    struct refusal *refusal);

/*
 * Marks an indexer and all its descendants as deleted. Idempotent. REFUSED: NOT_FOUND
 * (INDEXER_NOT_FOUND).
 */
int registry_tombstone(struct registry *registry, const char *id, struct refusal *refusal);

/*
 * Takes a tombstoned row without children out; -EBUSY where it has children or no tombstone,
 * -ENOENT where the uid is not there.
 */
int registry_remove(struct registry *registry, const char *uid);

/* Which run of another indexer is wanted. */
struct registry_run {
	const char *uid; /* lent */
	uint64_t run;
};

/*
 * Writes a new definition over the one of the same uid (its id, parent and creation stay), which
 * run of it is wanted, and with it which of n others. -ENOENT where one of the uids is not there,
 * or is being deleted.
 */
int registry_update(struct registry *registry, const struct definition *definition, uint64_t run,
		    const struct registry_run *others, size_t n);

/*
 * Notes what is wanted: that the indexer stays stopped, or which run of it; that it runs clears
 * `stopped`. -ENOENT likewise.
 */
int registry_want(struct registry *registry, const char *uid, bool halted, uint64_t run);

/* Notes which fetch of its project is under way, "" where none is. -ENOENT likewise. */
int registry_fetch(struct registry *registry, const char *uid, const char *fetch);

/*
 * Notes what happened: all of the row that is neither its definition, nor what is wanted, nor its
 * fetch. -ENOENT where the uid is not there.
 */
int registry_record(struct registry *registry, const struct registry_row *row);
