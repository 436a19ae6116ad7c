/*
 * Field masks; see field_mask.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/field_mask.h"

#define FIELD "update_mask"

static const struct {
	const char *path;
	unsigned fields; /* 0: the server's own, passed over */
} rows[] = {
	{ "*", MASK_ALL },
	{ "labels", MASK_LABELS },
	{ "environment", MASK_ENVIRONMENT },
	{ "project_source", MASK_PROJECT_SOURCE },
	{ "project_dir", MASK_PROJECT_DIR },
	{ "script", MASK_SCRIPT },
	{ "runtime", MASK_RUNTIME },
	{ "preset", MASK_PRESET },
	{ "args", MASK_ARGS },
	{ "resources", MASK_MEMORY_MAX | MASK_CPU_PERCENT | MASK_TASKS_MAX },
	{ "resources.memory_max_bytes", MASK_MEMORY_MAX },
	{ "resources.cpu_percent", MASK_CPU_PERCENT },
	{ "resources.tasks_max", MASK_TASKS_MAX },
	{ "tree_resources", MASK_TREE_MEMORY_MAX | MASK_TREE_CPU_PERCENT | MASK_TREE_TASKS_MAX },
	{ "tree_resources.memory_max_bytes", MASK_TREE_MEMORY_MAX },
	{ "tree_resources.cpu_percent", MASK_TREE_CPU_PERCENT },
	{ "tree_resources.tasks_max", MASK_TREE_TASKS_MAX },
	{ "restart", MASK_RESTART_POLICY | MASK_INITIAL_BACKOFF | MASK_MAX_BACKOFF },
	{ "restart.policy", MASK_RESTART_POLICY },
	{ "restart.initial_backoff", MASK_INITIAL_BACKOFF },
	{ "restart.max_backoff", MASK_MAX_BACKOFF },
	{ "spawned_by", MASK_SPAWNED_BY },
	{ "name", 0 },
	{ "status", 0 },
	{ "uid", 0 },
	{ "etag", 0 },
	{ "create_time", 0 },
	{ "update_time", 0 },
};

static int refuse_path(struct refusal *refusal, const char *path, const char *why)
{
	return refuse(refusal, CODE_INVALID_ARGUMENT, "MASK_INVALID", FIELD, FIELD ": '%s' %s",
		      path, why);
}

/* A key behind "labels." or "environment.", which may stand in backquotes. */
static int read_key(const char *path, const char *key, struct kv_list *keys,
		    struct refusal *refusal)
{
	char bare[MASK_PATH_MAX];
	size_t n = strlen(key);

	if (key[0] == '`') {
		if (n < 3 || key[n - 1] != '`')
			return refuse_path(refusal, path, "has a backquote without its other one");
		key++;
		n -= 2;
	} else if (n == 0 || key[strcspn(key, ".`*")] != '\0') {
		return refuse_path(refusal, path,
				   "names no key; one with other characters stands in backquotes");
	}
	memcpy(bare, key, n);
	bare[n] = '\0';
	return kv_list_set(keys, bare, "");
}

static int read_path(const char *path, struct field_mask *mask, struct refusal *refusal)
{
	const char *key;

	if (strlen(path) >= MASK_PATH_MAX)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "MASK_INVALID", FIELD,
			      FIELD ": '%.64s...' is longer than %d bytes", path,
			      MASK_PATH_MAX - 1);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		if (streq(rows[i].path, path)) {
			mask->fields |= rows[i].fields;
			return 0;
		}
	if ((key = startswith(path, "labels.")))
		return read_key(path, key, &mask->labels, refusal);
	if ((key = startswith(path, "environment.")))
		return read_key(path, key, &mask->environment, refusal);
	if (startswith(path, "status."))
		return 0;
	return refuse_path(refusal, path, "is no field of an indexer");
}

int field_mask_read(char *const *paths, size_t n, struct field_mask *mask, struct refusal *refusal)
{
	int r = 0;

	if (n > MASK_PATHS_MAX)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "MASK_INVALID", FIELD,
			      FIELD ": %zu paths are more than %d", n, MASK_PATHS_MAX);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = read_path(paths[i], mask, refusal);
	return r;
}

void field_mask_populated(const struct definition *definition, struct field_mask *mask)
{
	const struct {
		unsigned field;
		bool set;
	} populated[] = {
		{ MASK_LABELS, definition->labels.n > 0 },
		{ MASK_ENVIRONMENT, definition->environment.n > 0 },
		{ MASK_PROJECT_SOURCE, !isempty(definition->project_source) },
		{ MASK_PROJECT_DIR, !isempty(definition->project_dir) },
		{ MASK_SCRIPT, !isempty(definition->script) },
		{ MASK_RUNTIME, !isempty(definition->runtime) },
		{ MASK_PRESET, !isempty(definition->preset) },
		{ MASK_ARGS, definition->n_args > 0 },
		{ MASK_MEMORY_MAX, definition->resources.memory_max_bytes > 0 },
		{ MASK_CPU_PERCENT, definition->resources.cpu_percent > 0 },
		{ MASK_TASKS_MAX, definition->resources.tasks_max > 0 },
		{ MASK_TREE_MEMORY_MAX, definition->tree_resources.memory_max_bytes > 0 },
		{ MASK_TREE_CPU_PERCENT, definition->tree_resources.cpu_percent > 0 },
		{ MASK_TREE_TASKS_MAX, definition->tree_resources.tasks_max > 0 },
		{ MASK_RESTART_POLICY, definition->restart != RESTART_UNSPECIFIED },
		{ MASK_INITIAL_BACKOFF, definition->backoff.initial > 0 },
		{ MASK_MAX_BACKOFF, definition->backoff.max > 0 },
		{ MASK_SPAWNED_BY, !isempty(definition->spawned_by) },
	};

	*mask = (struct field_mask){};
	for (size_t i = 0; i < ELEMENTSOF(populated); i++)
		if (populated[i].set)
			mask->fields |= populated[i].field;
}

void field_mask_clear(struct field_mask *mask)
{
	kv_list_clear(&mask->labels);
	kv_list_clear(&mask->environment);
	*mask = (struct field_mask){};
}
