/*
 * Checks of a definition's own text; see validate.h. Each check looks at one field and refuses by
 * its name.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/validate.h"

#include <stdio.h>

#include "model/environment.h"
#include "model/persistence.h"
#include "model/secret.h"

#define TREE_FIELD "indexer.tree_resources"
#define LOWER	   "abcdefghijklmnopqrstuvwxyz"
#define UPPER	   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS	   "0123456789"
#define LETTERS	   LOWER UPPER

#define refuse_field(refusal, reason, field, format, ...)                                          \
	refuse(refusal, CODE_INVALID_ARGUMENT, reason, field, "%s" format, field, __VA_ARGS__)

/* Writes e.g. `indexer.labels["a"]`, or `indexer.args[3]` where there is no key. */
static void name_member(char field[MEMBER_FIELD_MAX], const char *list, const char *key, size_t i)
{
	if (key)
		snprintf(field, MEMBER_FIELD_MAX, "indexer.%s[\"%.128s\"]", list, key);
	else
		snprintf(field, MEMBER_FIELD_MAX, "indexer.%s[%zu]", list, i);
}

void environment_field(char field[MEMBER_FIELD_MAX], const char *key)
{
	name_member(field, "environment", key, 0);
}

bool label_key_valid(const char *key)
{
	size_t n = strnlen(key, LABEL_KEY_MAX + 1);

	return n > 0 && n <= LABEL_KEY_MAX && strspn(key, LETTERS DIGITS "-_./") == n &&
	       strchr(LETTERS DIGITS, key[0]) && strchr(LETTERS DIGITS, key[n - 1]);
}

static int check_labels(const struct definition *definition, struct refusal *refusal)
{
	const struct kv_list *labels = &definition->labels;
	char field[MEMBER_FIELD_MAX];

	if (labels->n > LABELS_MAX)
		return refuse_field(refusal, "TOO_MANY_LABELS", "indexer.labels",
				    ": %zu labels; at most %d", labels->n, LABELS_MAX);
	for (size_t i = 0; i < labels->n; i++) {
		const struct kv *label = &labels->items[i];

		name_member(field, "labels", label->key, i);
		if (!label_key_valid(label->key))
			return refuse_field(refusal, "LABEL_INVALID", field,
					    ": a key is 1 to %d of A-Z a-z 0-9 - _ . /, and begins "
					    "and ends with a letter or a digit",
					    LABEL_KEY_MAX);
		if (strlen(label->value) > LABEL_VALUE_MAX)
			return refuse_field(refusal, "LABEL_INVALID", field,
					    ": '%.64s...' is longer than %d bytes", label->value,
					    LABEL_VALUE_MAX);
	}
	return 0;
}

/* Whether the credential is named for the first time, by the variables up to this one. */
static bool is_first_of_name(const struct kv_list *environment, size_t i, const char *name)
{
	const struct kv_list before = { .items = environment->items, .n = i };

	return !environment_names(&before, name);
}

/* The values of references. No value is in the words: it may be a secret that was mistaken for one.
 */
static int check_references(const struct kv_list *environment, struct refusal *refusal)
{
	char field[MEMBER_FIELD_MAX];
	size_t n = 0;

	for (size_t i = 0; i < environment->n; i++) {
		const struct kv *variable = &environment->items[i];
		const char *name;

		if (reference_parse(variable->value, &name) == REFERENCE_NONE)
			continue;
		environment_field(field, variable->key);
		if (!reference_name_is_valid(name))
			return refuse_field(refusal, "CREDENTIAL_INVALID", field,
					    ": no credential's name follows the colon; it is 1 to "
					    "%d of A-Z a-z 0-9 _ - . and does not begin with a "
					    "dot, and '" SPEC_CREDENTIAL "' is indexerd's own",
					    BACKEND_CREDENTIAL_MAX - 1);
		n += is_first_of_name(environment, i, name);
		if (n > CREDENTIALS_MAX)
			return refuse_field(refusal, "ENVIRONMENT_TOO_LARGE", field,
					    ": more than %d credentials are named",
					    CREDENTIALS_MAX);
	}
	return 0;
}

static int check_environment(const struct definition *definition, struct refusal *refusal)
{
	const struct kv_list *environment = &definition->environment;
	char field[MEMBER_FIELD_MAX];
	size_t size = 0;

	if (environment->n > ENVIRONMENT_MAX)
		return refuse_field(refusal, "ENVIRONMENT_TOO_LARGE", "indexer.environment",
				    ": %zu variables; at most %d", environment->n, ENVIRONMENT_MAX);
	for (size_t i = 0; i < environment->n; i++) {
		const struct kv *variable = &environment->items[i];

		name_member(field, "environment", variable->key, i);
		if (!environment_key_valid(variable->key))
			return refuse_field(refusal, "ENVIRONMENT_INVALID", field,
					    ": a name is 1 to %d of A-Z a-z 0-9 _, and does not "
					    "begin with a digit",
					    ENVIRONMENT_KEY_MAX);
		if (environment_key_reserved(variable->key))
			return refuse_field(refusal, "ENVIRONMENT_RESERVED", field,
					    ": %s is set by the server", variable->key);
		size += strlen(variable->key) + strlen(variable->value);
	}
	if (size > ENVIRONMENT_SIZE_MAX)
		return refuse_field(refusal, "ENVIRONMENT_TOO_LARGE", "indexer.environment",
				    ": %zu bytes in all; at most %d", size, ENVIRONMENT_SIZE_MAX);
	return check_references(environment, refusal);
}

static int check_args(const struct definition *definition, struct refusal *refusal)
{
	char field[MEMBER_FIELD_MAX];
	size_t size = 0;

	if (definition->n_args > ARGS_MAX)
		return refuse_field(refusal, "ARGS_TOO_LARGE", "indexer.args",
				    ": %zu arguments; at most %d", definition->n_args, ARGS_MAX);
	for (size_t i = 0; i < definition->n_args; i++) {
		size_t n = strlen(definition->args[i]);

		name_member(field, "args", NULL, i);
		if (n > ARG_SIZE_MAX)
			return refuse_field(refusal, "ARGS_TOO_LARGE", field,
					    ": '%.64s...' is longer than %d bytes",
					    definition->args[i], ARG_SIZE_MAX);
		size += n;
	}
	if (size > ARGS_SIZE_MAX)
		return refuse_field(refusal, "ARGS_TOO_LARGE", "indexer.args",
				    ": %zu bytes in all; at most %d", size, ARGS_SIZE_MAX);
	return 0;
}

/*
 * Follows a path by its text alone, from a depth below the source: -1 where it leaves the source,
 * else the new depth.
 */
static int depth_after(int depth, const char *path)
{
	size_t n;

	for (; depth >= 0 && *(path += strspn(path, "/")); path += n) {
		n = strcspn(path, "/");
		if (n == 2 && strncmp(path, "..", 2) == 0)
			depth--;
		else if (n != 1 || path[0] != '.')
			depth++;
	}
	return depth;
}

bool source_is_remote(const char *source)
{
	size_t host = strcspn(source, "/:"); /* of "user@host:path", as ssh has it */

	return strstr(source, "://") || startswith(source, "git+") ||
	       (source[host] == ':' && memchr(source, '@', host));
}

static int check_path_size(const char *path, const char *field, struct refusal *refusal)
{
	if (strlen(path) <= PATH_SIZE_MAX)
		return 0;
	return refuse_field(refusal, "PATH_TOO_LONG", field, ": '%.64s...' is longer than %d bytes",
			    path, PATH_SIZE_MAX);
}

int definition_validate_paths(const struct definition *definition, struct refusal *refusal)
{
	const char *dir = definition->project_dir, *script = definition->script;
	int r, depth;

	r = check_path_size(definition->project_source, "indexer.project_source", refusal);
	r = r != 0 ? r : check_path_size(dir, "indexer.project_dir", refusal);
	r = r != 0 ? r : check_path_size(script, "indexer.script", refusal);
	if (r != 0)
		return r;
	if (dir[0] == '/')
		return refuse_field(refusal, "PATH_NOT_RELATIVE", "indexer.project_dir",
				    ": '%s' is not relative to the project's source", dir);
	depth = depth_after(0, dir);
	if (depth < 0)
		return refuse_field(refusal, "PATH_OUTSIDE_SOURCE", "indexer.project_dir",
				    ": '%s' leaves the project's source", dir);
	if (!script[0])
		return refuse_field(refusal, "SCRIPT_REQUIRED", "indexer.script", " is %s",
				    "empty");
	if (script[0] == '/')
		return refuse_field(refusal, "PATH_NOT_RELATIVE", "indexer.script",
				    ": '%s' is not relative to the project's directory", script);
	if (script[0] == '-')
		return refuse_field(refusal, "SCRIPT_INVALID", "indexer.script",
				    ": '%s' begins with '-' and would be taken for an option",
				    script);
	if (depth_after(depth, script) < 0)
		return refuse_field(refusal, "PATH_OUTSIDE_SOURCE", "indexer.script",
				    ": '%s' leaves the project's source", script);
	return 0;
}

static int check_names(const struct definition *definition, struct refusal *refusal)
{
	const char *preset = definition->preset, *runtime = definition->runtime;
	size_t n = strlen(preset);

	if (n > PRESET_SIZE_MAX || preset[0] == '-' || preset[0] == '.' ||
	    strspn(preset, LETTERS DIGITS "_.-") != n)
		return refuse_field(
			refusal, "PRESET_INVALID", "indexer.preset",
			": '%.160s' is not at most %d of A-Z a-z 0-9 _ . - beginning with "
			"a letter, a digit or _",
			preset, PRESET_SIZE_MAX);
	if (runtime[0] && !id_valid(runtime))
		return refuse_field(refusal, "RUNTIME_UNKNOWN", "indexer.runtime",
				    ": '%.160s' is no runtime's name "
				    "([a-z]([a-z0-9-]{0,61}[a-z0-9])?)",
				    runtime);
	return 0;
}

/* `none` says in words what 0 stands for. */
static int check_limits(const struct resources *resources, const char *field, const char *none,
			struct refusal *refusal)
{
	char member[sizeof("indexer.tree_resources.memory_max_bytes")];

	if (resources->memory_max_bytes && resources->memory_max_bytes < MEMORY_BYTES_MIN) {
		(void)snprintf(member, sizeof(member), "%s.memory_max_bytes", field);
		return refuse_field(refusal, "RESOURCES_INVALID", member,
				    ": %llu is less than %d, and not 0 for %s",
				    (unsigned long long)resources->memory_max_bytes,
				    MEMORY_BYTES_MIN, none);
	}
	if (resources->cpu_percent > CPU_PERCENT_MAX) {
		(void)snprintf(member, sizeof(member), "%s.cpu_percent", field);
		return refuse_field(refusal, "RESOURCES_INVALID", member, ": %u is more than %d",
				    resources->cpu_percent, CPU_PERCENT_MAX);
	}
	if (resources->tasks_max &&
	    (resources->tasks_max < TASKS_MIN || resources->tasks_max > TASKS_MAX)) {
		(void)snprintf(member, sizeof(member), "%s.tasks_max", field);
		return refuse_field(refusal, "RESOURCES_INVALID", member,
				    ": %llu is not from %d to %d, and not 0 for %s",
				    (unsigned long long)resources->tasks_max, TASKS_MIN, TASKS_MAX,
				    none);
	}
	return 0;
}

static int check_resources(const struct definition *definition, struct refusal *refusal)
{
	int r = check_limits(&definition->resources, "indexer.resources", "the runtime's limit",
			     refusal);

	return r != 0 ? r
		      : check_limits(&definition->tree_resources, TREE_FIELD, "no limit", refusal);
}

static double seconds(uint64_t usec)
{
	return (double)usec / USEC_PER_SEC;
}

/* One that is not given is 0. */
static int check_backoff(uint64_t usec, const char *field, struct refusal *refusal)
{
	if (usec == 0 || (usec >= BACKOFF_LEAST_USEC && usec <= BACKOFF_MOST_USEC))
		return 0;
	return refuse_field(refusal, "BACKOFF_INVALID", field,
			    ": %.9g s is not from %.9g s to %.9g s", seconds(usec),
			    seconds(BACKOFF_LEAST_USEC), seconds(BACKOFF_MOST_USEC));
}

static int check_restart(const struct definition *definition, struct refusal *refusal)
{
	struct backoff backoff = definition->backoff;
	int r = check_backoff(backoff.initial, "indexer.restart.initial_backoff", refusal);

	r = r != 0 ? r : check_backoff(backoff.max, "indexer.restart.max_backoff", refusal);
	if (r != 0)
		return r;
	backoff_fill(&backoff);
	if (backoff.initial > backoff.max)
		return refuse_field(refusal, "BACKOFF_INVALID", "indexer.restart.initial_backoff",
				    ": %.9g s is more than max_backoff, %.9g s",
				    seconds(backoff.initial), seconds(backoff.max));
	return 0;
}

int definition_validate_tree(const struct definition *definition, struct refusal *refusal)
{
	if (isempty(definition->spawned_by) || !resources_are_given(&definition->tree_resources))
		return 0;
	return refuse_field(refusal, "TREE_RESOURCES_OF_CHILD", TREE_FIELD,
			    ": '%s' is spawned by '%s'; only an indexer that was spawned by none "
			    "can have limits together with its descendants",
			    definition->id, definition->spawned_by);
}

int definition_validate(const struct definition *definition, struct refusal *refusal)
{
	static int (*const checks[])(const struct definition *, struct refusal *) = {
		check_names, check_labels,    check_environment,
		check_args,  check_resources, check_restart,
	};

	for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
		int r = checks[i](definition, refusal);

		if (r != 0)
			return r;
	}
	return 0;
}
