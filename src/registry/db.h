/*
 * SQLite, as the registry uses it: one connection that holds the file alone, statements that are
 * kept, transactions that are undone on every way out, and errors as errno.
 *
 * Main loop's thread only. An error is logged here, once, because the engine's own words for it are
 * lost above; the errno goes up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sqlite3.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "registry/statements.h"

struct db;

/*
 * Opens the file at path, makes it (mode 0600) where there is none, and takes the lock: -EBUSY
 * where another process holds it for longer than a second. Nothing is written to it before
 * db_settle().
 */
int db_open(const char *path, struct db **ret);
struct db *db_close(struct db *db);
DEFINE_CLEANUP(struct db, db_close);

/* Makes the file durable and strict (WAL, synchronous=FULL, foreign keys) and looks for damage. */
int db_settle(struct db *db);

const char *db_path(const struct db *db);

/* Maps a result code to an errno, and logs it with what was tried. */
int db_error(struct db *db, const char *what, int code);

/* Runs constant SQL without parameters. */
int db_run(struct db *db, const char *sql);

/* Runs constant SQL whose first value is a number. */
int db_run_int64(struct db *db, const char *sql, int64_t *ret);

/*
 * The kept statement, without values, to be given back by the cleanup. A statement is in use by one
 * caller at a time.
 */
int db_statement(struct db *db, enum statement statement, sqlite3_stmt **ret);
void db_statement_donep(sqlite3_stmt **statement);
#define _cleanup_statement_ _cleanup_(db_statement_donep)

/* A statement of SQL that is made for one use, to be given back by the cleanup. */
int db_prepare(struct db *db, const char *sql, sqlite3_stmt **ret);
void db_finalizep(sqlite3_stmt **statement);

/*
 * Bounds the work of the steps that follow, in instructions of SQLite's machine (the nearest
 * thousand): beyond it db_step() is -EINTR, without a word in the log. 0 is no bound.
 */
void db_bound_work(struct db *db, int instructions);

/* One step: 1 with a row, 0 at the end, or a negative errno. */
int db_step(struct db *db, sqlite3_stmt *statement);

/* Bind a value to a parameter. A text must stay as it is until the statement is given back. */
int db_bind_text(struct db *db, sqlite3_stmt *statement, int parameter, const char *text);
int db_bind_int64(struct db *db, sqlite3_stmt *statement, int parameter, int64_t value);

/* Rows that the last statement changed, and the key of the row that it put in. */
int db_changes(struct db *db);
int64_t db_last_key(struct db *db);

/*
 * A transaction: begun into a variable with the cleanup attribute, which undoes it unless it was
 * committed. After a commit that failed nothing is changed.
 */
int db_begin(struct db *db, struct db **ret_transaction);
int db_commit(struct db **transaction);
void db_rollbackp(struct db **transaction);
#define _cleanup_transaction_ _cleanup_(db_rollbackp)
