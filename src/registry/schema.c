/*
 * Numbered forward migrations: number N makes version N out of N - 1, and PRAGMA user_version says
 * where a file stands. A migration that was released is never changed; a new one is added below it.
 *
 * Main loop's thread only, at start.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/schema.h"

#include <errno.h>
#include <inttypes.h>

#include "common/log.h"
#include "common/util.h"

/* "idxd": tells a registry from other SQLite files, also to file(1). Migration 1 writes it. */
#define APPLICATION_ID 0x69647864

/*
 * Times are microseconds since the epoch, 0 for none. Unsigned 64-bit numbers are stored as the
 * signed ones of the same bits. An indexer's row is found by uid, by id, and by its parent.
 */
static const char migration_1[] =
	"CREATE TABLE indexers ("
	" key INTEGER PRIMARY KEY,"
	" parent INTEGER REFERENCES indexers (key) ON DELETE RESTRICT,"
	" uid TEXT NOT NULL UNIQUE,"
	" id TEXT NOT NULL UNIQUE,"
	" project_source TEXT NOT NULL,"
	" project_dir TEXT NOT NULL,"
	" script TEXT NOT NULL,"
	" runtime TEXT NOT NULL,"
	" preset TEXT NOT NULL,"
	" memory_max_bytes INTEGER NOT NULL,"
	" cpu_percent INTEGER NOT NULL,"
	" tasks_max INTEGER NOT NULL,"
	" restart INTEGER NOT NULL,"
	" create_time INTEGER NOT NULL,"
	" update_time INTEGER NOT NULL,"
	" generation INTEGER NOT NULL,"
	" tombstone INTEGER NOT NULL DEFAULT 0 CHECK (tombstone IN (0, 1)),"
	" boot_id TEXT NOT NULL DEFAULT '',"
	" invocation_id TEXT NOT NULL DEFAULT '',"
	" stopped INTEGER NOT NULL DEFAULT 0 CHECK (stopped IN (0, 1)),"
	" start_time INTEGER NOT NULL DEFAULT 0,"
	" restart_count INTEGER NOT NULL DEFAULT 0,"
	" exit_time INTEGER NOT NULL DEFAULT 0,"
	" exit_code INTEGER NOT NULL DEFAULT 0,"
	" exit_signal INTEGER NOT NULL DEFAULT 0,"
	" exit_reason INTEGER NOT NULL DEFAULT 0,"
	" message TEXT"
	") STRICT;"
	"CREATE INDEX indexers_parent ON indexers (parent);"
	"CREATE TABLE labels ("
	" indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE,"
	" name TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" PRIMARY KEY (indexer, name)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE environment ("
	" indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE,"
	" name TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" PRIMARY KEY (indexer, name)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE args ("
	" indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE,"
	" position INTEGER NOT NULL,"
	" value TEXT NOT NULL,"
	" PRIMARY KEY (indexer, position)"
	") STRICT, WITHOUT ROWID;"
	"PRAGMA application_id = 0x69647864;"
	"PRAGMA user_version = 1;";

/*
 * `halted` is StopIndexer's word, over reboots; `run` counts the starts that were asked for, and
 * started_run says which of them the last start was. Version 1 knew one run of each indexer.
 */
static const char migration_2[] =
	"ALTER TABLE indexers ADD COLUMN halted INTEGER NOT NULL DEFAULT 0"
	" CHECK (halted IN (0, 1));"
	"ALTER TABLE indexers ADD COLUMN run INTEGER NOT NULL DEFAULT 1;"
	"ALTER TABLE indexers ADD COLUMN started_run INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE indexers ADD COLUMN cpu_usage INTEGER NOT NULL DEFAULT 0;"
	"UPDATE indexers SET started_run = 1 WHERE boot_id <> '';"
	"PRAGMA user_version = 2;";

/*
 * Pages of a list under a filter: each index ends with the id, so that what it finds for one value
 * comes in the order of the list, and a page begins behind the last id of the one before. Labels
 * have a copy of their indexer's id for that; an id never changes.
 */
static const char migration_3[] =
	"CREATE TABLE labels_with_id ("
	" indexer INTEGER NOT NULL REFERENCES indexers (key) ON DELETE CASCADE,"
	" id TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" value TEXT NOT NULL,"
	" PRIMARY KEY (indexer, name)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO labels_with_id (indexer, id, name, value)"
	" SELECT indexer, indexers.id, name, value FROM labels"
	" JOIN indexers ON indexers.key = labels.indexer;"
	"DROP TABLE labels;"
	"ALTER TABLE labels_with_id RENAME TO labels;"
	"CREATE INDEX labels_name ON labels (name, id);"
	"CREATE INDEX labels_value ON labels (name, value, id);"
	"DROP INDEX indexers_parent;"
	"CREATE INDEX indexers_parent ON indexers (parent, id);"
	"CREATE INDEX indexers_runtime ON indexers (runtime, id);"
	"CREATE INDEX indexers_script ON indexers (script, id);"
	"PRAGMA user_version = 3;";

/* Whom an indexer is charged to; of those that were there before nobody is known. */
static const char migration_4[] =
	"ALTER TABLE indexers ADD COLUMN creator TEXT NOT NULL DEFAULT '';"
	"PRAGMA user_version = 4;";

/* Where the state is kept: see persistence_parse(). Before this, it was none of indexerd's
 * business. */
static const char migration_5[] =
	"ALTER TABLE indexers ADD COLUMN persistence TEXT NOT NULL DEFAULT '';"
	"PRAGMA user_version = 5;";

/* The restart back-off, in microseconds: 1 s and 5 min, which are the defaults. */
static const char migration_6[] =
	"ALTER TABLE indexers ADD COLUMN initial_backoff INTEGER NOT NULL DEFAULT 1000000;"
	"ALTER TABLE indexers ADD COLUMN max_backoff INTEGER NOT NULL DEFAULT 300000000;"
	"PRAGMA user_version = 6;";

/* What a tree may have together: its root's. */
static const char migration_7[] =
	"ALTER TABLE indexers ADD COLUMN tree_memory_max_bytes INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE indexers ADD COLUMN tree_cpu_percent INTEGER NOT NULL DEFAULT 0;"
	"ALTER TABLE indexers ADD COLUMN tree_tasks_max INTEGER NOT NULL DEFAULT 0;"
	"PRAGMA user_version = 7;";

/* What has been fetched of a project that is not a directory, and the fetch that is under way. */
static const char migration_8[] =
	"ALTER TABLE indexers ADD COLUMN source_commit TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE indexers ADD COLUMN source_key TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE indexers ADD COLUMN source_fetch TEXT NOT NULL DEFAULT '';"
	"PRAGMA user_version = 8;";

static const char *const migrations[] = { migration_1, migration_2, migration_3, migration_4,
					  migration_5, migration_6, migration_7, migration_8 };

#define SCHEMA_VERSION ((int64_t)ELEMENTSOF(migrations))

static int foreign(struct db *db)
{
	log_error("registry %s: the file is another program's database; it is left untouched, "
		  "give indexerd another path",
		  db_path(db));
	return -EUCLEAN;
}

int schema_check(struct db *db)
{
	int64_t application, version, tables;
	int r;

	r = db_run_int64(db, "PRAGMA application_id", &application);
	if (r < 0)
		return r;
	r = db_run_int64(db, "PRAGMA user_version", &version);
	if (r < 0)
		return r;
	if (application == 0) {
		r = db_run_int64(db, "SELECT count(*) FROM sqlite_schema", &tables);
		if (r < 0)
			return r;
		return tables == 0 && version == 0 ? 0 : foreign(db);
	}
	if (application != APPLICATION_ID || version < 1)
		return foreign(db);
	if (version > SCHEMA_VERSION) {
		log_error("registry %s: its schema is version %" PRId64 ", this indexerd knows up "
			  "to %" PRId64 "; it is left untouched, install the newer indexerd again",
			  db_path(db), version, SCHEMA_VERSION);
		return -EUCLEAN;
	}
	return 0;
}

static int migrate_one(struct db *db, const char *sql)
{
	_cleanup_transaction_ struct db *transaction = NULL;
	int r;

	r = db_begin(db, &transaction);
	if (r < 0)
		return r;
	r = db_run(db, sql);
	if (r < 0)
		return r;
	return db_commit(&transaction);
}

int schema_migrate(struct db *db)
{
	int64_t version, now;
	int r;

	r = db_run_int64(db, "PRAGMA user_version", &version);
	if (r < 0)
		return r;
	for (; version < SCHEMA_VERSION; version++) {
		r = migrate_one(db, migrations[version]);
		if (r < 0)
			return r;
		r = db_run_int64(db, "PRAGMA user_version", &now);
		if (r < 0)
			return r;
		assert(now == version + 1);
	}
	return 0;
}
