/*
 * Pages of a list: one statement, made of the filter and walked as far as the caller wants.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/page.h"

#include <errno.h>

#include "common/log.h"
#include "registry/filter-sql.h"

/* One or two milliseconds: the main loop has other work. */
#define PAGE_INSTRUCTIONS_MAX 100000

static int bind_values(struct db *db, sqlite3_stmt *statement, const struct filter_sql *sql)
{
	for (size_t i = 0; i < sql->n_values; i++) {
		const struct filter_sql_value *value = &sql->values[i];
		int r = value->text ? db_bind_text(db, statement, (int)i + 1, value->text)
				    : db_bind_int64(db, statement, (int)i + 1, value->number);

		if (r < 0)
			return r;
	}
	return 0;
}

static int walk(struct db *db, sqlite3_stmt *statement, int (*each)(const char *id, void *userdata),
		void *userdata)
{
	int r;

	while ((r = db_step(db, statement)) > 0) {
		const char *id = (const char *)sqlite3_column_text(statement, 0);

		if (!id_valid(id)) {
			log_error("registry %s: a row has an id that no indexerd wrote",
				  db_path(db));
			return -EIO;
		}
		r = each(id, userdata);
		if (r != 0)
			return r;
	}
	return r;
}

int page_walk(struct db *db, const struct filter *filter, const char *after,
	      int (*each)(const char *id, void *userdata), void *userdata)
{
	_cleanup_(db_finalizep) sqlite3_stmt *statement = NULL;
	_cleanup_(filter_sql_clear) struct filter_sql sql = {};
	int r;

	r = filter_sql_make(filter, after, &sql);
	if (r < 0)
		return r;
	r = db_prepare(db, sql.text, &statement);
	if (r < 0)
		return r;
	r = bind_values(db, statement, &sql);
	if (r < 0)
		return r;
	db_bound_work(db, PAGE_INSTRUCTIONS_MAX);
	r = walk(db, statement, each, userdata);
	db_bound_work(db, 0);
	return r;
}
