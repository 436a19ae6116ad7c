/*
 * Pages of the registry under a filter: every page is found in an index and costs at the end what
 * it does at the beginning; and a registry that is older than these indexes gets them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "registry-helper.h"
#include "registry/filter-sql.h"

#define ROWS 3000
#define PAGE 50

static sqlite3 *db;

/* What SQLite does first, and whether it reads a table as a whole or sorts anything. */
static const char *explain(const char *text, bool *ret_slow)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;
	_cleanup_(filter_sql_clear) struct filter_sql sql = {};
	static char line[256];
	char statement[8192];
	sqlite3_stmt *plan = NULL;

	*ret_slow = true;
	if (filter_parse(text, &filter, NULL) != 0 || filter_sql_make(filter, "m", &sql) < 0)
		return "refused";
	snprintf(statement, sizeof(statement), "EXPLAIN QUERY PLAN %s", sql.text);
	if (sqlite3_prepare_v2(db, statement, -1, &plan, NULL) != SQLITE_OK)
		return sqlite3_errmsg(db);
	*line = '\0';
	*ret_slow = false;
	while (sqlite3_step(plan) == SQLITE_ROW) {
		const char *detail = (const char *)sqlite3_column_text(plan, 3);

		if (!*line)
			snprintf(line, sizeof(line), "%s", detail);
		if (startswith(detail, "SCAN") || strstr(detail, "TEMP B-TREE"))
			*ret_slow = true;
	}
	sqlite3_finalize(plan);
	return line;
}

#define INDEXERS  "SEARCH indexers USING "
#define LABELS	  "SEARCH driver USING COVERING INDEX "
#define BY_ID	  INDEXERS "COVERING INDEX sqlite_autoindex_indexers_2 (id>?)"
#define ROW_BY_ID INDEXERS "INDEX sqlite_autoindex_indexers_2 (id>?)"
#define ID_RANGE  INDEXERS "COVERING INDEX sqlite_autoindex_indexers_2 (id>? AND id<?)"
#define BY_PARENT INDEXERS "COVERING INDEX indexers_parent (parent=? AND id>?)"
#define BY_LABEL  LABELS "labels_value (name=? AND value=? AND id>?)"
#define BY_KEY	  LABELS "labels_name (name=? AND id>?)"

static void test_plans(void)
{
	static const char *const cases[][2] = {
		{ "", BY_ID },
		{ "labels.a = \"x\"", BY_LABEL },
		{ "labels.a = x labels:b runtime = node spawned_by = indexers/x", BY_LABEL },
		{ "spawned_by = \"indexers/x\"", BY_PARENT },
		{ "spawned_by = ''", BY_PARENT },
		{ "name = \"indexers/x*\"", ID_RANGE },
		{ "name = \"indexers/x\"", ID_RANGE },
		{ "status.state = RUNNING AND labels:a", BY_KEY },
		{ "labels.a = x*", BY_KEY },
		{ "labels:a runtime = node", BY_KEY },
		{ "runtime = node",
		  INDEXERS "COVERING INDEX indexers_runtime (runtime=? AND id>?)" },
		{ "script = x", INDEXERS "COVERING INDEX indexers_script (script=? AND id>?)" },
		{ "script = x OR runtime = node", ROW_BY_ID },
		{ "labels.a = x OR labels.b = y", BY_ID },
		{ "-labels.a = x", BY_ID },
		{ "create_time > 2026-01-31T12:00:00Z", ROW_BY_ID },
		{ "pool", ROW_BY_ID },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		bool slow;

		is_str(explain(cases[i][0], &slow), cases[i][1], "plan of '%s'", cases[i][0]);
		ok(!slow, "it reads no table as a whole and sorts nothing");
	}
}

/* Every third row is of the label x, has the label b, and is a child of i00001. */
static void fill(void)
{
	char sql[1024];

	snprintf(
		sql, sizeof(sql),
		"BEGIN;"
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
		"INSERT INTO indexers (key, parent, uid, id, project_source, project_dir, script,"
		" runtime, preset, memory_max_bytes, cpu_percent, tasks_max, restart, create_time,"
		" update_time, generation) SELECT i, iif(i %% 3 = 0, 1, NULL), printf('%%032x', i),"
		" printf('i%%05d', i), '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0 FROM n;"
		"INSERT INTO labels SELECT key, id, 'a', iif(key %% 3 = 0, 'x', 'y')"
		" FROM indexers;"
		"INSERT INTO labels SELECT key, id, 'b', '' FROM indexers WHERE key %% 3 = 0;"
		"COMMIT",
		ROWS);
	ok(sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK, "%d rows: %s", ROWS,
	   sqlite3_errmsg(db));
}

/* The machine's steps for one page after an id. */
static int steps(const struct filter *filter, const char *after)
{
	_cleanup_(filter_sql_clear) struct filter_sql sql = {};
	sqlite3_stmt *statement = NULL;
	int n, rows = 0;

	if (filter_sql_make(filter, after, &sql) < 0 ||
	    sqlite3_prepare_v2(db, sql.text, -1, &statement, NULL) != SQLITE_OK)
		return -1;
	for (size_t i = 0; i < sql.n_values; i++)
		sqlite3_bind_text(statement, (int)i + 1, sql.values[i].text, -1, SQLITE_STATIC);
	while (rows < PAGE && sqlite3_step(statement) == SQLITE_ROW)
		rows++;
	n = sqlite3_stmt_status(statement, SQLITE_STMTSTATUS_VM_STEP, 0);
	sqlite3_finalize(statement);
	return rows == PAGE ? n : -1;
}

static void test_costs(void)
{
	static const char *const cases[] = {
		"",
		"labels.a = x",
		"labels:b",
		"spawned_by = indexers/i00001",
		"name = \"indexers/i0*\"",
		"status.state = RUNNING AND labels:b",
	};
	const int most = 100 + 30 * PAGE; /* for a page out of an index, wherever it is */

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_(filter_freep) struct filter *filter = NULL;
		int first, last;

		filter_parse(cases[i], &filter, NULL);
		first = steps(filter, "");
		last = steps(filter, "i02800");
		ok(first > 0 && first < most, "'%s': %d steps for the first page", cases[i], first);
		ok(last > 0 && last <= first, "and %d for one at the end", last);
	}
}

static void run_file(const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "re");
	char sql[16384];
	size_t n = file ? fread(sql, 1, sizeof(sql) - 1, file) : 0;

	sql[n] = '\0';
	if (n == 0 || sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		printf("# %s: %s\n", path, sqlite3_errmsg(db));
}

static int take(const char *id, void *userdata)
{
	strcat(strcat(userdata, id), " ");
	return 0;
}

/* What was made by version 0.1.0. */
static void test_migration(void)
{
	const char *top = getenv("srcdir");
	static struct seen seen;
	struct registry *registry = NULL;
	struct filter *filter = NULL;
	char path[4096], ids[256] = "";

	snprintf(path, sizeof(path), "%s/tests/unit/registry-1.sql", top ? top : ".");
	sqlite3_open(test_file("old.db"), &db);
	run_file(path);
	sqlite3_close(db);
	is_int(test_sql(test_path, "PRAGMA user_version"), 1, "a registry of schema 1");
	is_int(registry_open(test_path, &registry), 0, "opens");
	is_int(test_load(registry, &seen), 0, "loads");
	is_int(seen.n, 3, "has its rows");
	is_int(test_find(&seen, "child")->definition->labels.n, 2, "and their labels");
	is_str(test_find(&seen, "child")->definition->spawned_by, "parent", "and parents");
	ok(test_find(&seen, "child")->definition->backoff.initial == BACKOFF_INITIAL_USEC &&
		   test_find(&seen, "child")->definition->backoff.max == BACKOFF_MAX_USEC,
	   "and the back-off that is the default");
	filter_parse("labels.team = \"é\" AND labels:empty", &filter, NULL);
	is_int(registry_list(registry, filter, "", take, ids), 0, "a page is taken");
	is_str(ids, "child other ", "by the labels that were there");
	filter_free(filter);
	registry_close(registry);
	is_int(test_sql(test_path, "PRAGMA user_version"), 8, "it is of schema 8 now");
	is_int(test_sql(test_path, "SELECT count(*) FROM pragma_foreign_key_check"), 0,
	       "nothing dangles");
	test_forget(&seen);
}

int main(void)
{
	struct registry *registry = NULL;

	test_begin();
	registry_open(test_file("plans.db"), &registry);
	registry_close(registry);
	sqlite3_open(test_path, &db);
	test_plans();
	fill();
	test_costs();
	sqlite3_close(db);
	test_migration();
	test_end();
	return tap_done();
}
