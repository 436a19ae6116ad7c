/*
 * What the tests of the registry share: a directory of their own, definitions, and a look at the
 * rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <errno.h>
#include <ftw.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "registry/registry.h"
#include "tap.h"

/* The most rows that a test puts in. */
#define SEEN_MAX 5000

static char test_directory[] = "/tmp/test-registry-XXXXXX";
static char test_path[sizeof(test_directory) + 32];

static inline int test_remove(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static inline void test_begin(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (!mkdtemp(test_directory)) {
		printf("Bail out! no directory for the test\n");
		exit(1);
	}
}

static inline void test_end(void)
{
	nftw(test_directory, test_remove, 8, FTW_DEPTH | FTW_PHYS);
}

/* Names the file of the next test. */
static inline const char *test_file(const char *name)
{
	snprintf(test_path, sizeof(test_path), "%s/%s", test_directory, name);
	return test_path;
}

/* A definition whose uid is made of its number. */
static inline struct definition *test_definition(const char *id, unsigned number,
						 const char *parent)
{
	struct definition *definition = NULL;

	if (definition_new(&definition) < 0)
		abort();
	snprintf(definition->id, sizeof(definition->id), "%s", id);
	snprintf(definition->uid, sizeof(definition->uid), "%032x", number);
	if (parent && string_set(&definition->spawned_by, parent) < 0)
		abort();
	return definition;
}

/* Creates an indexer; returns what registry_create() does, and the refusal where it is wanted. */
static inline int test_create(struct registry *registry, const char *id, unsigned number,
			      const char *parent, size_t limit, struct refusal *ret)
{
	_cleanup_(definition_unrefp) struct definition *definition =
		test_definition(id, number, parent);
	_cleanup_refusal_ struct refusal refusal = {};
	int r = registry_create(registry, definition, limit, &refusal);

	if (ret) {
		*ret = refusal;
		refusal = (struct refusal){};
	}
	return r;
}

/* All rows in the order of registry_load(). */
struct seen {
	size_t n;
	struct registry_row rows[SEEN_MAX];
};

static inline int test_see(struct registry_row *row, void *userdata)
{
	struct seen *seen = userdata;

	if (seen->n == SEEN_MAX)
		return -E2BIG;
	seen->rows[seen->n++] = *row;
	*row = (struct registry_row){};
	return 0;
}

static inline void test_forget(struct seen *seen)
{
	for (size_t i = 0; i < seen->n; i++)
		registry_row_clear(&seen->rows[i]);
	seen->n = 0;
}

static inline int test_load(struct registry *registry, struct seen *seen)
{
	test_forget(seen);
	return registry_load(registry, test_see, seen);
}

static inline const struct registry_row *test_find(const struct seen *seen, const char *id)
{
	for (size_t i = 0; i < seen->n; i++)
		if (strcmp(seen->rows[i].definition->id, id) == 0)
			return &seen->rows[i];
	return NULL;
}

/* Runs SQL on a file that nobody has open, and returns its first number. */
static inline long long test_sql(const char *path, const char *sql)
{
	sqlite3 *db = NULL;
	sqlite3_stmt *statement = NULL;
	long long value = -1;

	if (sqlite3_open(path, &db) == SQLITE_OK &&
	    sqlite3_prepare_v2(db, sql, -1, &statement, NULL) == SQLITE_OK) {
		if (sqlite3_step(statement) == SQLITE_ROW)
			value = sqlite3_column_int64(statement, 0);
		if (sqlite3_errcode(db) >= SQLITE_ERROR && sqlite3_errcode(db) < SQLITE_ROW)
			printf("# %s: %s\n", sql, sqlite3_errmsg(db));
	}
	sqlite3_finalize(statement);
	sqlite3_close(db);
	return value;
}
