/*
 * The registry's operations. Each is one transaction on the one connection.
 *
 * Main loop's thread only: every call waits for the disk, none for another process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/registry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/util.h"
#include "registry/db.h"
#include "registry/filter-plan.h"
#include "registry/page.h"
#include "registry/rows.h"
#include "registry/schema.h"

struct registry {
	struct db *db;
};

/* What the other calls need to know of a row. */
struct found {
	int64_t key;
	bool tombstone;
};

void registry_row_clear(struct registry_row *row)
{
	definition_unref(row->definition);
	free(row->message);
	*row = (struct registry_row){};
}

int registry_open(const char *path, struct registry **ret)
{
	_cleanup_(registry_closep) struct registry *registry = calloc(1, sizeof(*registry));
	int r;

	if (!registry)
		return -ENOMEM;
	r = db_open(path, &registry->db);
	if (r < 0)
		return r;
	/* In this order: a file that is not for us is only read. */
	r = schema_check(registry->db);
	if (r < 0)
		return r;
	r = db_settle(registry->db);
	if (r < 0)
		return r;
	r = schema_migrate(registry->db);
	if (r < 0)
		return r;
	*ret = TAKE(registry);
	return 0;
}

struct registry *registry_close(struct registry *registry)
{
	if (!registry)
		return NULL;
	db_close(registry->db);
	free(registry);
	return NULL;
}

static int count(struct db *db, int64_t *ret)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, STATEMENT_COUNT, &statement);
	if (r < 0)
		return r;
	r = db_step(db, statement);
	if (r < 0)
		return r;
	*ret = sqlite3_column_int64(statement, 0);
	return 0;
}

int registry_load(struct registry *registry, int (*each)(struct registry_row *row, void *userdata),
		  void *userdata)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int64_t all, n = 0;
	int r;

	r = count(registry->db, &all);
	if (r < 0)
		return r;
	r = db_statement(registry->db, STATEMENT_LOAD, &statement);
	if (r < 0)
		return r;
	while ((r = db_step(registry->db, statement)) > 0) {
		_cleanup_(registry_row_clear) struct registry_row row = {};

		r = rows_read(registry->db, statement, &row);
		if (r < 0)
			return r;
		r = each(&row, userdata);
		if (r != 0)
			return r;
		n++;
	}
	if (r < 0)
		return r;
	if (n != all) {
		log_error("registry %s: %lld rows hang on no root of the spawn tree; put back a "
			  "copy of the file",
			  db_path(registry->db), (long long)(all - n));
		return -EIO;
	}
	return 0;
}

int registry_list(struct registry *registry, const struct filter *filter, const char *after,
		  int (*each)(const char *id, void *userdata), void *userdata)
{
	return page_walk(registry->db, filter, after, each, userdata);
}

bool registry_list_has_index(const struct filter *filter)
{
	struct filter_plan plan;

	filter_plan_make(filter, "", &plan);
	return plan.driver >= FILTER_DRIVER_LABEL_NAME;
}

/* Looks an id up: 1 where it is there, 0 where it is not. */
static int find(struct db *db, const char *id, struct found *ret)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, STATEMENT_FIND, &statement);
	if (r < 0)
		return r;
	r = db_bind_text(db, statement, 1, id);
	if (r < 0)
		return r;
	r = db_step(db, statement);
	if (r > 0)
		*ret = (struct found){
			.key = sqlite3_column_int64(statement, 0),
			.tombstone = sqlite3_column_int(statement, 1) != 0,
		};
	return r;
}

/* Refuses an id that is there already, and the row that would be one too many. */
static int check_new(struct db *db, const struct definition *definition, size_t limit,
		     struct refusal *refusal)
{
	struct found found;
	int64_t n;
	int r;

	r = find(db, definition->id, &found);
	if (r < 0)
		return r;
	if (r > 0)
		return refuse_indexer(refusal, CODE_ALREADY_EXISTS, "INDEXER_EXISTS",
				      definition->id, "indexer '%s' exists already",
				      definition->id);
	r = count(db, &n);
	if (r < 0)
		return r;
	if ((uint64_t)n >= limit)
		return refuse_quota(refusal, "INDEXER_LIMIT", "indexerd",
				    "there are %lld indexers already, and MaxIndexers= in "
				    "indexerd.conf allows %zu",
				    (long long)n, limit);
	return 0;
}

static int refuse_parent(struct refusal *refusal, const char *reason, const char *parent,
			 const char *what)
{
	int r = refuse(refusal, CODE_FAILED_PRECONDITION, reason, "indexer.spawned_by",
		       "indexer.spawned_by: '%s%s' %s", NAME_PREFIX, parent, what);

	return r == REFUSED ? refusal_set_indexer(refusal, parent) : r;
}

/* The key of the row that the new one is a child of; 0 where it has no parent. */
static int check_parent(struct db *db, const struct definition *definition, int64_t *ret,
			struct refusal *refusal)
{
	const char *parent = definition->spawned_by;
	struct found found = {};
	int r;

	if (parent) {
		r = find(db, parent, &found);
		if (r < 0)
			return r;
		if (r == 0)
			return refuse_parent(refusal, "PARENT_NOT_FOUND", parent, "does not exist");
		if (found.tombstone)
			return refuse_parent(refusal, "PARENT_DELETING", parent,
					     "is being deleted");
	}
	*ret = found.key;
	return 0;
}

int registry_create(struct registry *registry, const struct definition *definition, size_t limit,
		    struct refusal *refusal)
{
	_cleanup_transaction_ struct db *transaction = NULL;
	int64_t parent = 0;
	int r;

	assert(id_valid(definition->id) && strlen(definition->uid) == ID128_TEXT_MAX - 1);
	r = db_begin(registry->db, &transaction);
	if (r < 0)
		return r;
	r = check_new(registry->db, definition, limit, refusal);
	if (r != 0)
		return r;
	r = check_parent(registry->db, definition, &parent, refusal);
	if (r != 0)
		return r;
	r = rows_insert(registry->db, definition, parent);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

static int mark_subtree(struct db *db, int64_t key)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, STATEMENT_TOMBSTONE, &statement);
	if (r < 0)
		return r;
	r = db_bind_int64(db, statement, 1, key);
	if (r < 0)
		return r;
	return db_step(db, statement);
}

int registry_tombstone(struct registry *registry, const char *id, struct refusal *refusal)
{
	_cleanup_transaction_ struct db *transaction = NULL;
	struct found found;
	int r;

	r = db_begin(registry->db, &transaction);
	if (r < 0)
		return r;
	r = find(registry->db, id, &found);
	if (r < 0)
		return r;
	if (r == 0)
		return refuse_not_found(refusal, id);
	r = mark_subtree(registry->db, found.key);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

/* Whether the uid is there: 1 or 0. */
static int exists(struct db *db, const char *uid)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, STATEMENT_EXISTS, &statement);
	if (r < 0)
		return r;
	r = db_bind_text(db, statement, 1, uid);
	if (r < 0)
		return r;
	return db_step(db, statement);
}

int registry_remove(struct registry *registry, const char *uid)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(registry->db, STATEMENT_REMOVE, &statement);
	if (r < 0)
		return r;
	r = db_bind_text(registry->db, statement, 1, uid);
	if (r < 0)
		return r;
	r = db_step(registry->db, statement);
	if (r < 0)
		return r;
	if (db_changes(registry->db) == 1)
		return 0;
	r = exists(registry->db, uid);
	if (r < 0)
		return r;
	return r > 0 ? -EBUSY : -ENOENT;
}

/* Ends an UPDATE of one row: it is a transaction by itself. */
static int update_one(struct db *db, sqlite3_stmt *statement)
{
	int r;

	r = db_step(db, statement);
	if (r < 0)
		return r;
	return db_changes(db) == 1 ? 0 : -ENOENT;
}

static int want(struct db *db, const char *uid, bool halted, uint64_t run)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r = db_statement(db, STATEMENT_WANT, &statement);

	r = r < 0 ? r : db_bind_text(db, statement, 1, uid);
	r = r < 0 ? r : db_bind_int64(db, statement, 2, halted);
	r = r < 0 ? r : db_bind_int64(db, statement, 3, (int64_t)run);
	return r < 0 ? r : update_one(db, statement);
}

int registry_update(struct registry *registry, const struct definition *definition, uint64_t run,
		    const struct registry_run *others, size_t n)
{
	_cleanup_transaction_ struct db *transaction = NULL;
	int r = db_begin(registry->db, &transaction);

	r = r < 0 ? r : rows_update(registry->db, definition, run);
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = want(registry->db, others[i].uid, false, others[i].run);
	return r < 0 ? r : db_commit(&transaction);
}

int registry_want(struct registry *registry, const char *uid, bool halted, uint64_t run)
{
	return want(registry->db, uid, halted, run);
}

int registry_fetch(struct registry *registry, const char *uid, const char *fetch)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	struct db *db = registry->db;
	int r = db_statement(db, STATEMENT_FETCH, &statement);

	r = r < 0 ? r : db_bind_text(db, statement, 1, uid);
	r = r < 0 ? r : db_bind_text(db, statement, 2, fetch);
	return r < 0 ? r : update_one(db, statement);
}

int registry_record(struct registry *registry, const struct registry_row *row)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	const struct exit_record *exit = &row->last_exit;
	struct db *db = registry->db;
	int r;

	r = db_statement(db, STATEMENT_RECORD, &statement);
	if (r < 0)
		return r;
	if ((r = db_bind_text(db, statement, 1, row->definition->uid)) < 0 ||
	    (r = db_bind_text(db, statement, 2, row->boot_id)) < 0 ||
	    (r = db_bind_text(db, statement, 3, row->invocation_id)) < 0 ||
	    (r = db_bind_int64(db, statement, 4, (int64_t)row->started_run)) < 0 ||
	    (r = db_bind_int64(db, statement, 5, (int64_t)row->start_time)) < 0 ||
	    (r = db_bind_int64(db, statement, 6, row->stopped)) < 0 ||
	    (r = db_bind_int64(db, statement, 7, row->restart_count)) < 0 ||
	    (r = db_bind_int64(db, statement, 8, (int64_t)exit->time)) < 0 ||
	    (r = db_bind_int64(db, statement, 9, exit->code)) < 0 ||
	    (r = db_bind_int64(db, statement, 10, exit->signal)) < 0 ||
	    (r = db_bind_int64(db, statement, 11, exit->reason)) < 0 ||
	    (r = db_bind_int64(db, statement, 12, (int64_t)row->cpu_usage)) < 0 ||
	    (r = db_bind_text(db, statement, 13, row->message)) < 0)
		return r;
	return update_one(db, statement);
}
