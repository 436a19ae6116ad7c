/*
 * Definitions and results to and from SQLite, driven by one table for each.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/rows.h"

#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "common/util.h"
#include "model/persistence.h"

enum type {
	TYPE_BUFFER,	  /* char[size] */
	TYPE_ID128,	  /* char[ID128_TEXT_MAX], or "" */
	TYPE_HASH,	  /* char[size] of 40 or 64 digits, or "" */
	TYPE_STRING,	  /* char *, never NULL */
	TYPE_STRING_NULL, /* char *, or NULL */
	TYPE_BOOL,
	TYPE_INT, /* int32_t, uint32_t or an enum, between minimum and maximum */
	TYPE_UINT64,
};

struct column {
	enum type type;
	size_t offset, size;
	int64_t minimum, maximum;
};

#define COLUMN(type_, struct_, member)                                                             \
	{                                                                                          \
		.type = (type_), .offset = offsetof(struct_, member),                              \
		.size = sizeof(((struct_ *)0)->member)                                             \
	}
#define COLUMN_INT(struct_, member, minimum_, maximum_)                                            \
	{                                                                                          \
		.type = TYPE_INT, .offset = offsetof(struct_, member),                             \
		.size = sizeof(((struct_ *)0)->member), .minimum = (minimum_),                     \
		.maximum = (maximum_)                                                              \
	}

/* An id of git's, beside the longer ones. */
#define SHA1_DIGITS 40

/* In the order of STATEMENT_INSERT, STATEMENT_UPDATE and STATEMENT_LOAD. */
static const struct column definition_columns[] = {
	COLUMN(TYPE_ID128, struct definition, uid),
	COLUMN(TYPE_BUFFER, struct definition, id),
	COLUMN(TYPE_STRING, struct definition, project_source),
	COLUMN(TYPE_STRING, struct definition, project_dir),
	COLUMN(TYPE_STRING, struct definition, script),
	COLUMN(TYPE_STRING, struct definition, runtime),
	COLUMN(TYPE_STRING, struct definition, preset),
	COLUMN(TYPE_UINT64, struct definition, resources.memory_max_bytes),
	COLUMN_INT(struct definition, resources.cpu_percent, 0, UINT32_MAX),
	COLUMN(TYPE_UINT64, struct definition, resources.tasks_max),
	COLUMN_INT(struct definition, restart, RESTART_UNSPECIFIED, RESTART_NEVER),
	COLUMN(TYPE_UINT64, struct definition, create_time),
	COLUMN(TYPE_UINT64, struct definition, update_time),
	COLUMN(TYPE_UINT64, struct definition, generation),
	COLUMN(TYPE_STRING, struct definition, creator),
	COLUMN(TYPE_STRING, struct definition, persistence),
	COLUMN(TYPE_UINT64, struct definition, backoff.initial),
	COLUMN(TYPE_UINT64, struct definition, backoff.max),
	COLUMN(TYPE_UINT64, struct definition, tree_resources.memory_max_bytes),
	COLUMN_INT(struct definition, tree_resources.cpu_percent, 0, UINT32_MAX),
	COLUMN(TYPE_UINT64, struct definition, tree_resources.tasks_max),
	COLUMN(TYPE_HASH, struct definition, checkout.commit),
	COLUMN(TYPE_HASH, struct definition, checkout.key),
};

/* In the order of STATEMENT_LOAD, after the definition's. */
static const struct column row_columns[] = {
	COLUMN(TYPE_ID128, struct registry_row, boot_id),
	COLUMN(TYPE_ID128, struct registry_row, invocation_id),
	COLUMN(TYPE_UINT64, struct registry_row, start_time),
	COLUMN_INT(struct registry_row, restart_count, INT32_MIN, INT32_MAX),
	COLUMN(TYPE_BOOL, struct registry_row, tombstone),
	COLUMN(TYPE_BOOL, struct registry_row, stopped),
	COLUMN(TYPE_UINT64, struct registry_row, last_exit.time),
	COLUMN_INT(struct registry_row, last_exit.code, INT32_MIN, INT32_MAX),
	COLUMN_INT(struct registry_row, last_exit.signal, INT32_MIN, INT32_MAX),
	COLUMN_INT(struct registry_row, last_exit.reason, EXIT_REASON_UNSPECIFIED,
		   EXIT_REASON_START_FAILED),
	COLUMN(TYPE_UINT64, struct registry_row, cpu_usage),
	COLUMN(TYPE_STRING_NULL, struct registry_row, message),
	COLUMN(TYPE_BOOL, struct registry_row, halted),
	COLUMN(TYPE_UINT64, struct registry_row, run),
	COLUMN(TYPE_UINT64, struct registry_row, started_run),
	COLUMN(TYPE_ID128, struct registry_row, fetch),
};

/* The parameter of STATEMENT_UPDATE behind the definition's. */
#define UPDATE_RUN (2 + (int)ELEMENTSOF(definition_columns))

/* Columns of STATEMENT_LOAD that belong to neither. */
enum {
	LOAD_KEY,
	LOAD_PARENT_ID,
	LOAD_DEFINITION,
	LOAD_ROW = LOAD_DEFINITION + ELEMENTSOF(definition_columns),
};

/* The number of a TYPE_INT: its member's sign is told by the limits in the table. */
static int64_t int_get(const struct column *column, const void *member)
{
	if (column->minimum < 0)
		return *(const int32_t *)member;
	return *(const uint32_t *)member;
}

static int column_bind(struct db *db, sqlite3_stmt *statement, int parameter,
		       const struct column *column, const void *object)
{
	const void *member = (const char *)object + column->offset;

	switch (column->type) {
	case TYPE_BUFFER:
	case TYPE_ID128:
	case TYPE_HASH:
		return db_bind_text(db, statement, parameter, member);
	case TYPE_STRING:
	case TYPE_STRING_NULL:
		return db_bind_text(db, statement, parameter, *(char *const *)member);
	case TYPE_BOOL:
		return db_bind_int64(db, statement, parameter, *(const bool *)member);
	case TYPE_INT:
		return db_bind_int64(db, statement, parameter, int_get(column, member));
	case TYPE_UINT64:
		return db_bind_int64(db, statement, parameter,
				     (int64_t) * (const uint64_t *)member);
	}
	assert(false);
}

/* A text that is the column's until the next step, or an errno: -EINVAL where a NUL is inside. */
static int text_get(sqlite3_stmt *statement, int i, const char **ret)
{
	const char *text = (const char *)sqlite3_column_text(statement, i);

	if (!text)
		return sqlite3_column_type(statement, i) == SQLITE_NULL ? -EINVAL : -ENOMEM;
	if (strlen(text) != (size_t)sqlite3_column_bytes(statement, i))
		return -EINVAL;
	*ret = text;
	return 0;
}

/* These become parts of file names, so nothing but digits may come back. */
static bool digits_valid(enum type type, const char *text)
{
	size_t n = strlen(text);

	if (strspn(text, "0123456789abcdef") != n)
		return false;
	return n == 0 || n == (type == TYPE_ID128 ? ID128_TEXT_MAX : HASH_TEXT_MAX) - 1 ||
	       (type == TYPE_HASH && n == SHA1_DIGITS);
}

static int text_read(sqlite3_stmt *statement, int i, const struct column *column, void *member)
{
	const char *text = NULL;
	int r;

	if (column->type == TYPE_STRING_NULL && sqlite3_column_type(statement, i) == SQLITE_NULL)
		return 0;
	r = text_get(statement, i, &text);
	if (r < 0)
		return r;
	if (column->type == TYPE_STRING || column->type == TYPE_STRING_NULL)
		return string_set(member, text);
	if (strlen(text) >= column->size)
		return -EINVAL;
	if (column->type != TYPE_BUFFER && !digits_valid(column->type, text))
		return -EINVAL;
	memcpy(member, text, strlen(text) + 1);
	return 0;
}

static int column_read(sqlite3_stmt *statement, int i, const struct column *column, void *object)
{
	void *member = (char *)object + column->offset;
	int64_t number = sqlite3_column_int64(statement, i);

	switch (column->type) {
	case TYPE_BUFFER:
	case TYPE_ID128:
	case TYPE_HASH:
	case TYPE_STRING:
	case TYPE_STRING_NULL:
		return text_read(statement, i, column, member);
	case TYPE_BOOL:
		*(bool *)member = number != 0;
		return 0;
	case TYPE_INT:
		if (number < column->minimum || number > column->maximum)
			return -EINVAL;
		*(uint32_t *)member = (uint32_t)number;
		return 0;
	case TYPE_UINT64:
		*(uint64_t *)member = (uint64_t)number;
		return 0;
	}
	assert(false);
}

static int insert_kv(struct db *db, enum statement which, int64_t key, const struct kv_list *list)
{
	for (size_t i = 0; i < list->n; i++) {
		_cleanup_statement_ sqlite3_stmt *statement = NULL;
		int r;

		r = db_statement(db, which, &statement);
		if (r < 0)
			return r;
		if ((r = db_bind_int64(db, statement, 1, key)) < 0 ||
		    (r = db_bind_text(db, statement, 2, list->items[i].key)) < 0 ||
		    (r = db_bind_text(db, statement, 3, list->items[i].value)) < 0 ||
		    (r = db_step(db, statement)) < 0)
			return r;
	}
	return 0;
}

static int insert_args(struct db *db, int64_t key, const struct definition *definition)
{
	for (size_t i = 0; i < definition->n_args; i++) {
		_cleanup_statement_ sqlite3_stmt *statement = NULL;
		int r;

		r = db_statement(db, STATEMENT_INSERT_ARG, &statement);
		if (r < 0)
			return r;
		if ((r = db_bind_int64(db, statement, 1, key)) < 0 ||
		    (r = db_bind_int64(db, statement, 2, (int64_t)i)) < 0 ||
		    (r = db_bind_text(db, statement, 3, definition->args[i])) < 0 ||
		    (r = db_step(db, statement)) < 0)
			return r;
	}
	return 0;
}

/* The definition's columns, from the second parameter on. */
static int bind_definition(struct db *db, sqlite3_stmt *statement,
			   const struct definition *definition)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(definition_columns); i++)
		r = column_bind(db, statement, (int)i + 2, &definition_columns[i], definition);
	return r;
}

static int insert_indexer(struct db *db, const struct definition *definition, int64_t parent)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, STATEMENT_INSERT, &statement);
	if (r < 0)
		return r;
	if (parent != 0) {
		r = db_bind_int64(db, statement, 1, parent);
		if (r < 0)
			return r;
	}
	r = bind_definition(db, statement, definition);
	return r < 0 ? r : db_step(db, statement);
}

/* Labels, environment and arguments. */
static int insert_lists(struct db *db, int64_t key, const struct definition *definition)
{
	int r = insert_kv(db, STATEMENT_INSERT_LABEL, key, &definition->labels);

	if (r < 0)
		return r;
	r = insert_kv(db, STATEMENT_INSERT_ENVIRONMENT, key, &definition->environment);
	if (r < 0)
		return r;
	return insert_args(db, key, definition);
}

int rows_insert(struct db *db, const struct definition *definition, int64_t parent)
{
	int r = insert_indexer(db, definition, parent);

	return r < 0 ? r : insert_lists(db, db_last_key(db), definition);
}

/* Finds the row by its uid and writes the columns: its key, or -ENOENT. */
static int update_indexer(struct db *db, const struct definition *definition, uint64_t run,
			  int64_t *ret_key)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r = db_statement(db, STATEMENT_UPDATE, &statement);

	r = r < 0 ? r : bind_definition(db, statement, definition);
	r = r < 0 ? r : db_bind_int64(db, statement, UPDATE_RUN, (int64_t)run);
	r = r < 0 ? r : db_step(db, statement);
	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	*ret_key = sqlite3_column_int64(statement, 0);
	return db_step(db, statement);
}

static int delete_lists(struct db *db, int64_t key)
{
	static const enum statement deletes[] = { STATEMENT_DELETE_LABELS,
						  STATEMENT_DELETE_ENVIRONMENT,
						  STATEMENT_DELETE_ARGS };

	for (size_t i = 0; i < ELEMENTSOF(deletes); i++) {
		_cleanup_statement_ sqlite3_stmt *statement = NULL;
		int r = db_statement(db, deletes[i], &statement);

		r = r < 0 ? r : db_bind_int64(db, statement, 1, key);
		r = r < 0 ? r : db_step(db, statement);
		if (r < 0)
			return r;
	}
	return 0;
}

int rows_update(struct db *db, const struct definition *definition, uint64_t run)
{
	int64_t key;
	int r = update_indexer(db, definition, run, &key);

	r = r < 0 ? r : delete_lists(db, key);
	return r < 0 ? r : insert_lists(db, key, definition);
}

/* Calls `take` for each row of a statement about the indexer with that key. */
static int each_of(struct db *db, enum statement which, int64_t key,
		   int (*take)(sqlite3_stmt *statement, void *target), void *target)
{
	_cleanup_statement_ sqlite3_stmt *statement = NULL;
	int r;

	r = db_statement(db, which, &statement);
	if (r < 0)
		return r;
	r = db_bind_int64(db, statement, 1, key);
	if (r < 0)
		return r;
	while ((r = db_step(db, statement)) > 0) {
		r = take(statement, target);
		if (r < 0)
			return r;
	}
	return r;
}

static int take_kv(sqlite3_stmt *statement, void *target)
{
	const char *name, *value;
	int r;

	if ((r = text_get(statement, 0, &name)) < 0 || (r = text_get(statement, 1, &value)) < 0)
		return r;
	return kv_list_set(target, name, value);
}

static int take_arg(sqlite3_stmt *statement, void *target)
{
	const char *value;
	int r;

	r = text_get(statement, 0, &value);
	if (r < 0)
		return r;
	return definition_add_arg(target, value);
}

static int read_definition(struct db *db, sqlite3_stmt *statement, struct definition *definition)
{
	int64_t key = sqlite3_column_int64(statement, LOAD_KEY);
	struct persistence persistence;
	int r;

	for (size_t i = 0; i < ELEMENTSOF(definition_columns); i++) {
		r = column_read(statement, LOAD_DEFINITION + (int)i, &definition_columns[i],
				definition);
		if (r < 0)
			return r;
	}
	if (!id_valid(definition->id) || isempty(definition->uid))
		return -EINVAL;
	r = persistence_parse(definition->persistence, &persistence);
	if (r < 0)
		return r;
	persistence_clear(&persistence);
	if (sqlite3_column_type(statement, LOAD_PARENT_ID) != SQLITE_NULL) {
		const char *parent;

		r = text_get(statement, LOAD_PARENT_ID, &parent);
		if (r < 0)
			return r;
		r = string_set(&definition->spawned_by, parent);
		if (r < 0)
			return r;
	}
	if ((r = each_of(db, STATEMENT_LOAD_LABELS, key, take_kv, &definition->labels)) < 0 ||
	    (r = each_of(db, STATEMENT_LOAD_ENVIRONMENT, key, take_kv, &definition->environment)) <
		    0)
		return r;
	return each_of(db, STATEMENT_LOAD_ARGS, key, take_arg, definition);
}

static int read_row(struct db *db, sqlite3_stmt *statement, struct registry_row *row)
{
	int r;

	r = definition_new(&row->definition);
	if (r < 0)
		return r;
	r = read_definition(db, statement, row->definition);
	if (r < 0)
		return r;
	for (size_t i = 0; i < ELEMENTSOF(row_columns); i++) {
		r = column_read(statement, LOAD_ROW + (int)i, &row_columns[i], row);
		if (r < 0)
			return r;
	}
	return 0;
}

int rows_read(struct db *db, sqlite3_stmt *statement, struct registry_row *ret)
{
	_cleanup_(registry_row_clear) struct registry_row row = {};
	int r;

	r = read_row(db, statement, &row);
	if (r == -EINVAL) {
		log_error("registry %s: the row with key %lld has a value that no indexerd wrote",
			  db_path(db), (long long)sqlite3_column_int64(statement, LOAD_KEY));
		return -EIO;
	}
	if (r < 0)
		return r;
	*ret = row;
	row = (struct registry_row){};
	return 0;
}
