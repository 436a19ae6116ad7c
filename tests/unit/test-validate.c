/*
 * Checks of a definition's own text: what passes, what is refused, and by which field.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "model/secret.h"
#include "model/validate.h"
#include "tap.h"

static struct definition *make(void)
{
	struct definition *definition;

	if (definition_new(&definition) < 0 || string_set(&definition->script, "a.js") < 0)
		abort();
	return definition;
}

static void set(char **string, const char *value)
{
	if (string_set(string, value) < 0)
		abort();
}

static void set_kv(struct kv_list *list, const char *key, const char *value)
{
	if (kv_list_set(list, key, value) < 0)
		abort();
}

/* Takes the definition. A field of NULL: it must pass. */
static void check(struct definition *definition, const char *field, const char *words,
		  const char *what)
{
	_cleanup_refusal_ struct refusal refusal = {};
	int r = definition_validate(definition, &refusal);

	if (r == 0)
		r = definition_validate_paths(definition, &refusal);
	definition_unref(definition);
	is_int(r, field ? REFUSED : 0, "%s", what);
	if (!field) {
		if (r == REFUSED)
			printf("# %s\n", refusal.message);
		return;
	}
	is_str(refusal.field, field, "%s: the field", what);
	is_int(refusal.code, CODE_INVALID_ARGUMENT, "%s: the code", what);
	if (!ok(refusal.message && strstr(refusal.message, words) && strstr(refusal.message, field),
		"%s: the words", what))
		printf("# %s\n", refusal.message);
}

static char *repeat(char c, size_t n)
{
	static char buffer[256 * 1024];

	memset(buffer, c, n);
	buffer[n] = '\0';
	return buffer;
}

static void test_labels(void)
{
	static const char *const bad[] = { "", "-a", "a-", "a b", "a=b", "\xc3\xa4", "a\n" };
	static const char *const good[] = { "a", "app.kubernetes.io/managed-by", "A_1", "0" };
	struct definition *definition;
	char key[16];

	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		definition = make();
		set_kv(&definition->labels, good[i], "v");
		check(definition, NULL, NULL, good[i]);
	}
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		_cleanup_refusal_ struct refusal refusal = {};

		definition = make();
		set_kv(&definition->labels, bad[i], "v");
		is_int(definition_validate(definition, &refusal), REFUSED, "bad label %zu", i);
		ok(startswith(refusal.field, "indexer.labels[\""), "its field");
		definition_unref(definition);
	}
	definition = make();
	set_kv(&definition->labels, "a", repeat('x', LABEL_VALUE_MAX));
	check(definition, NULL, NULL, "the longest label");
	definition = make();
	set_kv(&definition->labels, "a", repeat('x', LABEL_VALUE_MAX + 1));
	check(definition, "indexer.labels[\"a\"]", "longer than 1024", "a longer label");
	definition = make();
	for (int i = 0; i <= LABELS_MAX; i++) {
		sprintf(key, "k%d", i);
		set_kv(&definition->labels, key, "");
	}
	check(definition, "indexer.labels", "65 labels; at most 64", "too many labels");
}

static void test_environment(void)
{
	struct definition *definition = make();
	char key[16];

	set_kv(&definition->environment, "LD_PRELOAD", "x");
	set_kv(&definition->environment, "_a1", "");
	check(definition, NULL, NULL, "environment");
	definition = make();
	set_kv(&definition->environment, "A=B", "v");
	check(definition, "indexer.environment[\"A=B\"]", "a name is", "a name with =");
	definition = make();
	set_kv(&definition->environment, "", "v");
	check(definition, "indexer.environment[\"\"]", "a name is", "an empty name");
	definition = make();
	set_kv(&definition->environment, "1A", "v");
	check(definition, "indexer.environment[\"1A\"]", "a name is", "a digit first");
	definition = make();
	set_kv(&definition->environment, "INDEXER_ID", "v");
	check(definition, "indexer.environment[\"INDEXER_ID\"]", "set by the server", "reserved");
	definition = make();
	set_kv(&definition->environment, "NOTIFY_SOCKET", "v");
	check(definition, "indexer.environment[\"NOTIFY_SOCKET\"]", "set by the server",
	      "reserved");
	/* Nobody else can know it, and indexer-exec would pass it over. */
	definition = make();
	set_kv(&definition->environment, "RUNTIME_DIRECTORY", "v");
	check(definition, "indexer.environment[\"RUNTIME_DIRECTORY\"]", "set by the server",
	      "a variable of systemd's");
	definition = make();
	set_kv(&definition->environment, "A", repeat('x', ENVIRONMENT_SIZE_MAX - 1));
	check(definition, NULL, NULL, "the largest environment");
	definition = make();
	set_kv(&definition->environment, "A", repeat('x', ENVIRONMENT_SIZE_MAX));
	check(definition, "indexer.environment", "131071 bytes", "a larger one");
	definition = make();
	for (int i = 0; i <= ENVIRONMENT_MAX; i++) {
		sprintf(key, "K%d", i);
		set_kv(&definition->environment, key, "");
	}
	check(definition, "indexer.environment", "257 variables; at most 256", "too many");
}

static void test_references(void)
{
	static const char *const bad[] = { "credential:", "credential:spec",
					   "credential-file:../spec", "credential:hush hush" };
	struct definition *definition = make();
	_cleanup_refusal_ struct refusal refusal = {};
	char text[64];

	set_kv(&definition->environment, "A", "credential:indexer.a");
	set_kv(&definition->environment, "B", "credential-file:indexer.a");
	check(definition, NULL, NULL, "credentials");
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		definition = make();
		set_kv(&definition->environment, "A", bad[i]);
		check(definition, "indexer.environment[\"A\"]", "no credential's name", bad[i]);
	}
	definition = make();
	set_kv(&definition->environment, "A", "credential:hush hush");
	is_int(definition_validate(definition, &refusal), REFUSED, "what may be a secret");
	ok(!strstr(refusal.message, "hush"), "is not in the words");
	is_str(refusal.reason, "CREDENTIAL_INVALID", "nor the reason");
	definition_unref(definition);

	definition = make();
	for (int i = 0; i < 2 * CREDENTIALS_MAX; i++) {
		char key[16];

		sprintf(key, "K%03d", i);
		sprintf(text, "credential:indexer.%d", i / 2);
		set_kv(&definition->environment, key, text);
	}
	check(definition, NULL, NULL, "as many credentials as there may be, twice each");
	definition = make();
	for (int i = 0; i <= CREDENTIALS_MAX; i++) {
		char key[16];

		sprintf(key, "K%03d", i);
		sprintf(text, "credential:indexer.%d", i);
		set_kv(&definition->environment, key, text);
	}
	check(definition, "indexer.environment[\"K064\"]", "more than 64", "one more");
}

static void add_arg(struct definition *definition, const char *arg)
{
	if (definition_add_arg(definition, arg) < 0)
		abort();
}

static void test_args(void)
{
	struct definition *definition = make();

	for (int i = 0; i < ARGS_MAX; i++)
		add_arg(definition, i % 2 ? "" : "--x y\n");
	check(definition, NULL, NULL, "as many arguments as there may be");
	definition = make();
	for (int i = 0; i <= ARGS_MAX; i++)
		add_arg(definition, "");
	check(definition, "indexer.args", "129 arguments; at most 128", "one more");
	definition = make();
	add_arg(definition, "");
	add_arg(definition, repeat('x', ARG_SIZE_MAX + 1));
	check(definition, "indexer.args[1]", "longer than 32768", "a long argument");
	definition = make();
	for (int i = 0; i < 4; i++)
		add_arg(definition, repeat('x', ARG_SIZE_MAX));
	check(definition, "indexer.args", "131072 bytes in all", "all together");
}

static void check_paths(const char *dir, const char *script, const char *field, const char *words)
{
	struct definition *definition = make();
	char what[128];

	snprintf(what, sizeof(what), "dir '%.40s' script '%.40s'", dir, script);
	set(&definition->project_dir, dir);
	set(&definition->script, script);
	check(definition, field, words, what);
}

static void test_paths(void)
{
	check_paths("", "a.js", NULL, NULL);
	check_paths("d/./e/", "./f//a b; $(x).js", NULL, NULL);
	check_paths("d", "../a.js", NULL, NULL);
	check_paths("d/..", "a/../b", NULL, NULL);
	check_paths("", "..a/...", NULL, NULL);
	check_paths("", "", "indexer.script", "is empty");
	check_paths("", "/etc/passwd", "indexer.script", "'/etc/passwd' is not relative");
	check_paths("", "../a", "indexer.script", "'../a' leaves");
	check_paths("d", "../../d/a", "indexer.script", "'../../d/a' leaves");
	check_paths("", "--eval", "indexer.script", "begins with '-'");
	check_paths("..", "a", "indexer.project_dir", "'..' leaves");
	check_paths("a/../../b", "a", "indexer.project_dir", "leaves");
	check_paths("/srv", "a", "indexer.project_dir", "'/srv' is not relative");
	check_paths("", repeat('x', PATH_SIZE_MAX), NULL, NULL);
	check_paths("", repeat('x', PATH_SIZE_MAX + 1), "indexer.script", "longer than 4095");
	check_paths(repeat('x', PATH_SIZE_MAX + 1), "a", "indexer.project_dir", "longer than 4095");
}

/* What a child asks for is judged when it has its parent's project, and not before. */
static void test_inherited_paths(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *child = make();

	set(&child->script, "../shared.js");
	is_int(definition_validate(child, &refusal), 0, "a script above a directory to come");
	set(&child->project_source, "/srv/p");
	set(&child->project_dir, "indexers/pool");
	check(definition_ref(child), NULL, NULL, "it is in the parent's source");
	set(&child->project_dir, "");
	check(child, "indexer.script", "'../shared.js' leaves", "it is not in this one's");
}

static void test_names(void)
{
	static const char *const presets[] = { "-x", "a b", "a/b", "..", "a=b", "\xc3\xa4" };
	struct definition *definition = make();

	set(&definition->preset, "Main_net.1-x");
	set(&definition->runtime, "apibara");
	check(definition, NULL, NULL, "preset and runtime");
	for (size_t i = 0; i < ELEMENTSOF(presets); i++) {
		definition = make();
		set(&definition->preset, presets[i]);
		check(definition, "indexer.preset", presets[i], presets[i]);
	}
	definition = make();
	set(&definition->runtime, "../../etc/x");
	check(definition, "indexer.runtime", "'../../etc/x'", "a runtime with a path");
}

static void test_resources(void)
{
	struct definition *definition = make();

	definition->resources = (struct resources){ MEMORY_BYTES_MIN, CPU_PERCENT_MAX, TASKS_MAX };
	check(definition, NULL, NULL, "resources");
	definition = make();
	definition->resources.memory_max_bytes = MEMORY_BYTES_MIN - 1;
	check(definition, "indexer.resources.memory_max_bytes", "1048575 is less", "little memory");
	definition = make();
	definition->resources.cpu_percent = CPU_PERCENT_MAX + 1;
	check(definition, "indexer.resources.cpu_percent", "409601", "too many processors");
	definition = make();
	definition->resources.tasks_max = 1;
	check(definition, "indexer.resources.tasks_max", "1 is not from 2",
	      "no task for the helper");
	definition = make();
	definition->resources.tasks_max = UINT64_MAX;
	check(definition, "indexer.resources.tasks_max", "18446744073709551615", "endless tasks");
}

static void test_tree_resources(void)
{
	struct definition *definition = make();
	_cleanup_refusal_ struct refusal refusal = {};

	definition->tree_resources =
		(struct resources){ MEMORY_BYTES_MIN, CPU_PERCENT_MAX, TASKS_MAX };
	check(definition, NULL, NULL, "limits of a tree");
	definition = make();
	definition->tree_resources.memory_max_bytes = 7;
	check(definition, "indexer.tree_resources.memory_max_bytes", "7 is less", "a small tree");
	definition = make();
	definition->tree_resources.cpu_percent = UINT32_MAX;
	check(definition, "indexer.tree_resources.cpu_percent", "4294967295", "a large tree");
	definition = make();
	definition->tree_resources.tasks_max = 1;
	check(definition, "indexer.tree_resources.tasks_max", "not 0 for no limit", "a lone task");

	definition = make();
	definition->tree_resources.tasks_max = TASKS_MIN;
	is_int(definition_validate_tree(definition, &refusal), 0, "a root may have them");
	set(&definition->spawned_by, "parent");
	is_int(definition_validate_tree(definition, &refusal), REFUSED, "a child may not");
	is_str(refusal.field, "indexer.tree_resources", "its field");
	is_str(refusal.reason, "TREE_RESOURCES_OF_CHILD", "its reason");
	definition->tree_resources = (struct resources){};
	is_int(definition_validate_tree(definition, &refusal), 0, "a child without them");
	definition_unref(definition);
}

static void test_backoff(void)
{
	static const struct {
		struct backoff backoff;
		const char *field, *words; /* NULL: it must pass */
	} rows[] = {
		{ { 0, 0 }, NULL, NULL },
		{ { BACKOFF_LEAST_USEC, BACKOFF_MOST_USEC }, NULL, NULL },
		{ { BACKOFF_MOST_USEC, 0 }, NULL, NULL },
		{ { 0, BACKOFF_LEAST_USEC }, NULL, NULL },
		{ { BACKOFF_LEAST_USEC - 1, 0 },
		  "indexer.restart.initial_backoff",
		  "0.099999 s is not from 0.1 s to 86400 s" },
		{ { 0, BACKOFF_MOST_USEC + 1 },
		  "indexer.restart.max_backoff",
		  "86400 s is not from" },
		{ { 0, UINT64_MAX }, "indexer.restart.max_backoff", "is not from" },
		{ { 3000000, 2500000 },
		  "indexer.restart.initial_backoff",
		  "3 s is more than max_backoff, 2.5 s" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct definition *definition = make();

		definition->backoff = rows[i].backoff;
		check(definition, rows[i].field, rows[i].words,
		      rows[i].words ? rows[i].words : "a back-off");
	}
}

int main(void)
{
	test_labels();
	test_environment();
	test_references();
	test_args();
	test_paths();
	test_inherited_paths();
	test_names();
	test_resources();
	test_tree_resources();
	test_backoff();
	return tap_done();
}
