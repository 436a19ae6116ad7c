/*
 * Indexers as rows of the tables, there and back.
 *
 * Main loop's thread only. What is read is checked like a stranger's input: a file that was edited
 * by hand gives -EIO and a line in the log, never a definition that the rest of the program trusts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "registry/db.h"
#include "registry/registry.h"

/* Puts in a definition under a parent's key (0: none), with its labels, environment and arguments.
 */
int rows_insert(struct db *db, const struct definition *definition, int64_t parent);

/* Writes a definition over the one of the same uid, with the run. -ENOENT where it is not there, or
 * is being deleted. */
int rows_update(struct db *db, const struct definition *definition, uint64_t run);

/* Reads the row that a STATEMENT_LOAD stands on, with all that belongs to it. *ret is the caller's.
 */
int rows_read(struct db *db, sqlite3_stmt *statement, struct registry_row *ret);
