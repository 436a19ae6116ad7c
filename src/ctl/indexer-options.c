/*
 * The options that say what an indexer is; see indexer-options.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/environment-file.h"
#include "ctl/indexer-options.h"
#include "ctl/verb.h"
#include "model/validate.h"

static int take_policy(char *value, void *field)
{
	static const struct {
		const char *name;
		Indexerd__V1__Policy policy;
	} policies[] = {
		{ "always", INDEXERD__V1__POLICY__POLICY_ALWAYS },
		{ "on-failure", INDEXERD__V1__POLICY__POLICY_ON_FAILURE },
		{ "never", INDEXERD__V1__POLICY__POLICY_NEVER },
	};

	for (size_t i = 0; i < ELEMENTSOF(policies); i++)
		if (streq(value, policies[i].name)) {
			*(Indexerd__V1__Policy *)field = policies[i].policy;
			return 0;
		}
	return -EINVAL;
}

/* 0 would be no duration that can be asked for, but the default again. */
static int take_backoff(char *value, void *field)
{
	uint64_t usec;
	int r = parse_span(value, &usec);

	if (r < 0 || usec == 0)
		return r < 0 ? r : -EINVAL;
	*(uint64_t *)field = usec;
	return 0;
}

/* The last word about a key wins. */
static int take_entry(char *value, void *field)
{
	struct map_options *map = field;
	_cleanup_free_ char *key = strndup(value, strcspn(value, "="));
	int r = key ? parse_key_value(value, &map->set) : -ENOMEM;

	if (r == 0)
		kv_list_remove(&map->unset, key);
	return r;
}

static int take_environment_file(char *path, void *field)
{
	return environment_file_read(path, take_entry, field);
}

static int take_key(char *key, void *field)
{
	struct map_options *map = field;

	if (key[0] == '\0' || strchr(key, '='))
		return -EINVAL;
	kv_list_remove(&map->set, key);
	return kv_list_set(&map->unset, key, "");
}

#define AT(member)     offsetof(struct indexer_options, member)
#define CLEARS(member) sizeof(((struct indexer_options *)NULL)->member)
const struct option_row indexer_option_rows[] = {
	{ "unset-label", 0, "KEY", take_key, AT(labels), "a key", "take a label out (repeatable)" },
	{ "unset-env", 0, "KEY", take_key, AT(environment), "a key",
	  "take a variable out of the environment (repeatable)" },
	{ "unset-args", 0, NULL, take_flag, AT(no_args), NULL, "take all arguments out" },
	{ "etag", 0, "ETAG", take_string, AT(etag), NULL,
	  "change only the definition that has this etag", "indexer.etag" },

	{ "project-source", 0, "SOURCE", take_string, AT(project_source), NULL,
	  "root directory of the project, an archive, or a URL of git", "indexer.project_source" },
	{ "project-dir", 0, "DIR", take_string, AT(project_dir), NULL,
	  "the project's directory in it", "indexer.project_dir" },
	{ "script", 0, "SCRIPT", take_string, AT(script), NULL,
	  "script in that directory, or a name where the runtime says so", "indexer.script" },
	{ "runtime", 0, "NAME", take_string, AT(runtime), NULL,
	  "one that 'indexerctl runtimes' lists (chosen by what the project holds)",
	  "indexer.runtime" },
	{ "preset", 0, "NAME", take_string, AT(preset), NULL, "the project's preset",
	  "indexer.preset" },
	{ "arg", 0, "ARG", take_strings, AT(args), NULL, "one more argument (repeatable)",
	  "indexer.args" },
	{ "env", 0, "KEY=VALUE", take_entry, AT(environment), "KEY=VALUE",
	  "variable of the environment (repeatable)", "indexer.environment" },
	/* The field is --env's. */
	{ "env-file", 0, "FILE", take_environment_file, AT(environment),
	  "a file of KEY=VALUE lines",
	  "variables from a file, or - for stdin: others see the options (repeatable)" },
	{ "label", 0, "KEY=VALUE", take_entry, AT(labels), "KEY=VALUE", "label (repeatable)",
	  "indexer.labels" },
	{ "memory-max", 0, "BYTES", take_size, AT(memory_max), "a size such as 512M",
	  "limit of memory, e.g. 512M", "indexer.resources.memory_max_bytes", CLEARS(memory_max) },
	{ "cpu-percent", 0, "N", take_percent, AT(cpu_percent), "a whole number above 0",
	  "limit of processor time; 100 is one processor", "indexer.resources.cpu_percent",
	  CLEARS(cpu_percent) },
	{ "tasks-max", 0, "N", take_count, AT(tasks_max), "a whole number above 0",
	  "limit of processes and threads", "indexer.resources.tasks_max", CLEARS(tasks_max) },
	{ "tree-memory-max", 0, "BYTES", take_size, AT(tree_memory_max), "a size such as 4G",
	  "limit of memory of it and its descendants together",
	  "indexer.tree_resources.memory_max_bytes", CLEARS(tree_memory_max) },
	{ "tree-cpu-percent", 0, "N", take_percent, AT(tree_cpu_percent), "a whole number above 0",
	  "limit of processor time of them together", "indexer.tree_resources.cpu_percent",
	  CLEARS(tree_cpu_percent) },
	{ "tree-tasks-max", 0, "N", take_count, AT(tree_tasks_max), "a whole number above 0",
	  "limit of processes and threads of them together", "indexer.tree_resources.tasks_max",
	  CLEARS(tree_tasks_max) },
	{ "restart", 0, "POLICY", take_policy, AT(policy), "always, on-failure or never",
	  "always (default), on-failure or never", "indexer.restart.policy", CLEARS(policy) },
	{ "initial-backoff", 0, "TIME", take_backoff, AT(initial_backoff), "a time such as 2s",
	  "first wait before a restart, e.g. 2s (default: 1s)", "indexer.restart.initial_backoff",
	  CLEARS(initial_backoff) },
	{ "max-backoff", 0, "TIME", take_backoff, AT(max_backoff), "a time such as 10min",
	  "longest wait before a restart, e.g. 10min (default: 5min)",
	  "indexer.restart.max_backoff", CLEARS(max_backoff) },

	{ "spawned-by", 0, "ID", take_string, AT(spawned_by), NULL,
	  "the indexer to be deleted together with", "indexer.spawned_by" },
};

void indexer_options_clear(void *userdata)
{
	struct indexer_options *options = userdata;
	struct map_options *maps[] = { &options->labels, &options->environment };

	for (size_t i = 0; i < ELEMENTSOF(maps); i++) {
		kv_list_clear(&maps[i]->set);
		kv_list_clear(&maps[i]->unset);
	}
	string_list_clear(&options->args);
}

/*
 * The server knows no working directory of ours, so a relative path is made absolute here, and has
 * one spelling whether completion has put a slash behind it or not. What is no path of ours is left
 * to the server.
 */
static char *absolute_path(const char *path)
{
	_cleanup_free_ char *here = NULL;
	char *joined, *resolved;
	size_t n = strlen(path);

	if (path[0] == '\0' || source_is_remote(path))
		return strdup(path);
	if (path[0] == '/') {
		while (n > 1 && path[n - 1] == '/')
			n--;
		return strndup(path, n);
	}
	resolved = realpath(path, NULL);
	if (resolved)
		return resolved;
	here = realpath(".", NULL);
	if (!here)
		return NULL;
	return asprintf(&joined, "%s/%s", streq(here, "/") ? "" : here, path) < 0 ? NULL : joined;
}

/*
 * Makes the entries of a map of strings, of either of the two types. One block: the pointers, and
 * behind them what they point to. The strings are lent by the list.
 */
static void *make_map(const struct kv_list *list, const ProtobufCMessageDescriptor *type)
{
	void **entries = calloc(list->n + 1, sizeof(*entries) + type->sizeof_message);
	char *entry;

	if (!entries)
		return NULL;
	entry = (char *)(entries + list->n + 1);
	for (size_t i = 0; i < list->n; i++, entry += type->sizeof_message) {
		protobuf_c_message_init(type, entry);
		*(char **)(entry + type->fields[0].offset) = list->items[i].key;
		*(char **)(entry + type->fields[1].offset) = list->items[i].value;
		entries[i] = entry;
	}
	return entries;
}

static char *or_empty(const char *string)
{
	return (char *)(string ? string : "");
}

static int message_allocate(struct indexer_message *message, const struct indexer_options *options)
{
	message->project_source = absolute_path(or_empty(options->project_source));
	message->spawned_by = options->spawned_by ? ctl_name(options->spawned_by) : strdup("");
	message->labels =
		make_map(&options->labels.set, &indexerd__v1__indexer__labels_entry__descriptor);
	message->environment = make_map(&options->environment.set,
					&indexerd__v1__indexer__environment_entry__descriptor);
	return message->project_source && message->spawned_by && message->labels &&
			       message->environment
		       ? 0
		       : -ENOMEM;
}

/* An absent one is the default. */
static Google__Protobuf__Duration *duration_of(uint64_t usec, Google__Protobuf__Duration *duration)
{
	google__protobuf__duration__init(duration);
	duration->seconds = (int64_t)(usec / USEC_PER_SEC);
	duration->nanos = (int32_t)(usec % USEC_PER_SEC * NSEC_PER_USEC);
	return usec > 0 ? duration : NULL;
}

int indexer_message_init(struct indexer_message *message, const struct indexer_options *options)
{
	Indexerd__V1__Indexer *indexer = &message->indexer;
	int r;

	*message = (struct indexer_message){ .indexer = INDEXERD__V1__INDEXER__INIT,
					     .resources = INDEXERD__V1__RESOURCES__INIT,
					     .tree_resources = INDEXERD__V1__RESOURCES__INIT,
					     .restart = INDEXERD__V1__RESTART__INIT };
	r = message_allocate(message, options);
	if (r < 0)
		return r;
	message->resources.memory_max_bytes = options->memory_max;
	message->resources.cpu_percent = options->cpu_percent;
	message->resources.tasks_max = options->tasks_max;
	message->tree_resources.memory_max_bytes = options->tree_memory_max;
	message->tree_resources.cpu_percent = options->tree_cpu_percent;
	message->tree_resources.tasks_max = options->tree_tasks_max;
	message->restart.policy = options->policy;
	message->restart.initial_backoff =
		duration_of(options->initial_backoff, &message->initial_backoff);
	message->restart.max_backoff = duration_of(options->max_backoff, &message->max_backoff);
	indexer->project_source = message->project_source;
	indexer->project_dir = or_empty(options->project_dir);
	indexer->script = or_empty(options->script);
	indexer->runtime = or_empty(options->runtime);
	indexer->preset = or_empty(options->preset);
	indexer->spawned_by = message->spawned_by;
	indexer->etag = or_empty(options->etag);
	indexer->labels = message->labels;
	indexer->n_labels = options->labels.set.n;
	indexer->environment = message->environment;
	indexer->n_environment = options->environment.set.n;
	indexer->args = options->args.items;
	indexer->n_args = options->args.n;
	indexer->resources = &message->resources;
	indexer->tree_resources = &message->tree_resources;
	indexer->restart = &message->restart;
	return 0;
}

void indexer_message_clear(struct indexer_message *message)
{
	free(message->project_source);
	free(message->spawned_by);
	free(message->labels);
	free(message->environment);
}

/* Appends a path, and takes it over. */
static int mask_add(struct string_list *mask, char *path)
{
	int r = path ? string_list_append(mask, path) : -ENOMEM;

	if (r < 0)
		free(path);
	return r;
}

/* "labels.team"; a key with a character that a path has a use for stands in backquotes. */
static int mask_add_keys(struct string_list *mask, const char *map, const struct kv_list *keys)
{
	int r = 0;

	for (size_t i = 0; i < keys->n && r == 0; i++) {
		const char *key = keys->items[i].key, *quote = strpbrk(key, ".`*") ? "`" : "";
		char *path;

		r = mask_add(mask, asprintf(&path, "%s.%s%s%s", map, quote, key, quote) < 0 ? NULL
											    : path);
	}
	return r;
}

static int mask_add_map(struct string_list *mask, const char *name, const struct map_options *map)
{
	int r = mask_add_keys(mask, name, &map->set);

	return r < 0 ? r : mask_add_keys(mask, name, &map->unset);
}

/* Whether a row's field is one path of the mask: maps go by their keys, and an etag is no change.
 */
static bool is_whole(const struct option_row *row)
{
	return row->field && row->take != take_entry && row->offset != AT(etag);
}

int indexer_mask(const struct option_table *table, struct string_list *ret)
{
	const struct indexer_options *options = table->config;
	int r = mask_add_map(ret, "labels", &options->labels);

	if (r == 0)
		r = mask_add_map(ret, "environment", &options->environment);
	if (r == 0 && options->no_args && options->args.n == 0)
		r = mask_add(ret, strdup("args"));
	for (size_t i = 0; i < table->n && r == 0; i++)
		if (table->given[i] && is_whole(&table->rows[i]))
			r = mask_add(ret, strdup(startswith(table->rows[i].field, "indexer.")));
	return r;
}

void indexer_mask_clear(struct string_list *mask)
{
	for (size_t i = 0; i < mask->n; i++)
		free(mask->items[i]);
	string_list_clear(mask);
}
