/*
 * Rows that no indexerd wrote: each line "TARGET=VALUE" of the input goes into a registry behind
 * its back; what is then loaded is either refused as damage or fit for the rest of the program.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/log.h"
#include "common/util.h"
#include "../unit/registry-helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct {
	const char *name, *sql;
} targets[] = {
	{ "uid", "UPDATE indexers SET uid = ?1 WHERE key = 2" },
	{ "id", "UPDATE indexers SET id = ?1 WHERE key = 2" },
	{ "parent", "UPDATE indexers SET parent = ?1 WHERE key = 2" },
	{ "project_source", "UPDATE indexers SET project_source = ?1" },
	{ "script", "UPDATE indexers SET script = ?1" },
	{ "preset", "UPDATE indexers SET preset = ?1" },
	{ "memory_max_bytes", "UPDATE indexers SET memory_max_bytes = ?1" },
	{ "cpu_percent", "UPDATE indexers SET cpu_percent = ?1" },
	{ "tree_cpu_percent", "UPDATE indexers SET tree_cpu_percent = ?1" },
	{ "restart", "UPDATE indexers SET restart = ?1" },
	{ "create_time", "UPDATE indexers SET create_time = ?1" },
	{ "boot_id", "UPDATE indexers SET boot_id = ?1" },
	{ "invocation_id", "UPDATE indexers SET invocation_id = ?1" },
	{ "tombstone", "UPDATE indexers SET tombstone = ?1" },
	{ "restart_count", "UPDATE indexers SET restart_count = ?1" },
	{ "exit_code", "UPDATE indexers SET exit_code = ?1" },
	{ "exit_reason", "UPDATE indexers SET exit_reason = ?1" },
	{ "message", "UPDATE indexers SET message = ?1" },
	{ "label", "INSERT OR REPLACE INTO labels VALUES (2, 'child', ?1, ?1)" },
	{ "environment", "INSERT OR REPLACE INTO environment VALUES (2, 'A', ?1)" },
	{ "arg", "INSERT OR REPLACE INTO args VALUES (2, 0, ?1)" },
};

static char *pristine;
static size_t pristine_size;

/* Makes a registry of a parent and its child, and keeps its bytes. */
static void make_pristine(void)
{
	struct registry *registry = NULL;
	FILE *file;

	log_set_max_priority(LOG_CRIT);
	test_begin();
	atexit(test_end);
	assert(registry_open(test_file("rows.db"), &registry) == 0);
	assert(test_create(registry, "parent", 1, NULL, 10, NULL) == 0);
	assert(test_create(registry, "child", 2, "parent", 10, NULL) == 0);
	registry_close(registry);
	file = fopen(test_path, "re");
	pristine = malloc(1 << 20);
	assert(file && pristine);
	pristine_size = fread(pristine, 1, 1 << 20, file);
	fclose(file);
}

static void write_pristine(void)
{
	FILE *file = fopen(test_path, "we");

	assert(file && fwrite(pristine, 1, pristine_size, file) == pristine_size);
	fclose(file);
}

/* What SQLite itself refuses (a text in a number's column, say) is left out. */
static void apply(sqlite3 *db, const char *line, size_t n)
{
	const char *equals = memchr(line, '=', n);

	for (size_t i = 0; equals && i < ELEMENTSOF(targets); i++) {
		sqlite3_stmt *statement = NULL;
		size_t name = (size_t)(equals - line);

		if (strlen(targets[i].name) != name || memcmp(targets[i].name, line, name) != 0)
			continue;
		assert(sqlite3_prepare_v2(db, targets[i].sql, -1, &statement, NULL) == SQLITE_OK);
		sqlite3_bind_text(statement, 1, equals + 1, (int)(n - name - 1), SQLITE_STATIC);
		(void)sqlite3_step(statement);
		sqlite3_finalize(statement);
	}
}

static bool is_id128(const char *text)
{
	return strlen(text) == 32 && strspn(text, "0123456789abcdef") == 32;
}

static int check(struct registry_row *row, void *userdata)
{
	const struct definition *d = row->definition;

	(void)userdata;
	assert(id_valid(d->id) && is_id128(d->uid));
	assert(d->project_source && d->project_dir && d->script && d->runtime && d->preset);
	assert(!d->spawned_by || id_valid(d->spawned_by));
	assert(d->restart <= RESTART_NEVER);
	assert(!*row->boot_id || is_id128(row->boot_id));
	assert(!*row->invocation_id || is_id128(row->invocation_id));
	assert(row->last_exit.reason <= EXIT_REASON_START_FAILED);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(registry_closep) struct registry *registry = NULL;
	const char *line = (const char *)data, *end = line + size;
	sqlite3 *db = NULL;
	int r;

	if (!pristine)
		make_pristine();
	write_pristine();
	assert(sqlite3_open(test_path, &db) == SQLITE_OK);
	sqlite3_exec(db, "PRAGMA synchronous = OFF", NULL, NULL, NULL);
	while (line < end) {
		const char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((newline ? newline : end) - line);

		apply(db, line, n);
		line += n + 1;
	}
	sqlite3_close(db);

	r = registry_open(test_path, &registry);
	assert(r == 0 || r == -EIO);
	if (r == 0) {
		r = registry_load(registry, check, NULL);
		assert(r == 0 || r == -EIO);
	}
	return 0;
}
