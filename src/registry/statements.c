/*
 * The SQL of the registry's daily work. The order of columns and parameters is that of the tables
 * in rows.c and of the calls in registry.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/statements.h"

const char *const statement_sql[STATEMENTS] = {
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
	[STATEMENT_COUNT] = "SELECT count(*) FROM indexers",
	[STATEMENT_FIND] = "SELECT key, tombstone FROM indexers WHERE id = ?1",
	[STATEMENT_INSERT] =
		"INSERT INTO indexers (parent, uid, id, project_source, project_dir, script,"
		" runtime, preset, memory_max_bytes, cpu_percent, tasks_max, restart, create_time,"
		" update_time, generation, creator, persistence, initial_backoff, max_backoff,"
		" tree_memory_max_bytes, tree_cpu_percent, tree_tasks_max, source_commit,"
		" source_key)"
		" VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16,"
		" ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24)",
	[STATEMENT_INSERT_LABEL] = "INSERT INTO labels (indexer, id, name, value)"
				   " SELECT key, id, ?2, ?3 FROM indexers WHERE key = ?1",
	[STATEMENT_INSERT_ENVIRONMENT] =
		"INSERT INTO environment (indexer, name, value) VALUES (?1, ?2, ?3)",
	[STATEMENT_INSERT_ARG] = "INSERT INTO args (indexer, position, value) VALUES (?1, ?2, ?3)",
	/* The order is asked for outside: SQLite drops an ORDER BY inside of a recursion that is
	   joined. */
	[STATEMENT_LOAD] =
		"WITH RECURSIVE tree (key, id, depth, parent_id) AS ("
		" SELECT key, id, 0, NULL FROM indexers WHERE parent IS NULL"
		" UNION ALL"
		" SELECT child.key, child.id, tree.depth + 1, tree.id"
		" FROM tree CROSS JOIN indexers AS child ON child.parent = tree.key)"
		" SELECT tree.key, tree.parent_id,"
		" uid, tree.id, project_source, project_dir, script, runtime, preset,"
		" memory_max_bytes, cpu_percent, tasks_max, restart, create_time, update_time,"
		" generation, creator, persistence, initial_backoff, max_backoff,"
		" tree_memory_max_bytes, tree_cpu_percent, tree_tasks_max, source_commit,"
		" source_key,"
		" boot_id, invocation_id, start_time, restart_count, tombstone, stopped,"
		" exit_time, exit_code, exit_signal, exit_reason, cpu_usage, message,"
		" halted, run, started_run, source_fetch"
		" FROM tree CROSS JOIN indexers ON indexers.key = tree.key"
		" ORDER BY tree.depth, tree.id",
	[STATEMENT_LOAD_LABELS] = "SELECT name, value FROM labels WHERE indexer = ?1 ORDER BY name",
	[STATEMENT_LOAD_ENVIRONMENT] =
		"SELECT name, value FROM environment WHERE indexer = ?1 ORDER BY name",
	[STATEMENT_LOAD_ARGS] = "SELECT value FROM args WHERE indexer = ?1 ORDER BY position",
	[STATEMENT_TOMBSTONE] = "WITH RECURSIVE subtree (key) AS ("
				" SELECT ?1"
				" UNION"
				" SELECT indexers.key FROM subtree CROSS JOIN indexers"
				" ON indexers.parent = subtree.key)"
				" UPDATE indexers SET tombstone = 1"
				" WHERE tombstone = 0 AND key IN (SELECT key FROM subtree)",
	[STATEMENT_REMOVE] = "DELETE FROM indexers WHERE uid = ?1 AND tombstone = 1 AND NOT EXISTS"
			     " (SELECT 1 FROM indexers AS child WHERE child.parent = indexers.key)",
	[STATEMENT_EXISTS] = "SELECT 1 FROM indexers WHERE uid = ?1",
	[STATEMENT_UPDATE] =
		"UPDATE indexers SET project_source = ?4, project_dir = ?5, script = ?6,"
		" runtime = ?7, preset = ?8, memory_max_bytes = ?9, cpu_percent = ?10,"
		" tasks_max = ?11, restart = ?12, update_time = ?14, generation = ?15,"
		" persistence = ?17, initial_backoff = ?18, max_backoff = ?19,"
		" tree_memory_max_bytes = ?20, tree_cpu_percent = ?21, tree_tasks_max = ?22,"
		" source_commit = ?23, source_key = ?24, run = ?25"
		" WHERE uid = ?2 AND tombstone = 0 RETURNING key",
	[STATEMENT_DELETE_LABELS] = "DELETE FROM labels WHERE indexer = ?1",
	[STATEMENT_DELETE_ENVIRONMENT] = "DELETE FROM environment WHERE indexer = ?1",
	[STATEMENT_DELETE_ARGS] = "DELETE FROM args WHERE indexer = ?1",
	[STATEMENT_WANT] = "UPDATE indexers SET halted = ?2, run = ?3, stopped = stopped AND ?2"
			   " WHERE uid = ?1 AND tombstone = 0",
	[STATEMENT_FETCH] = "UPDATE indexers SET source_fetch = ?2 WHERE uid = ?1",
	[STATEMENT_RECORD] = "UPDATE indexers SET boot_id = ?2, invocation_id = ?3,"
			     " started_run = ?4, start_time = ?5, stopped = ?6, restart_count = ?7,"
			     " exit_time = ?8, exit_code = ?9, exit_signal = ?10,"
			     " exit_reason = ?11, cpu_usage = ?12, message = ?13 WHERE uid = ?1",
};
