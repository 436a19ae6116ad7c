/*
 * The spec that a runtime and a definition make: the command, the environment and what they refuse.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "project-place.h"
#include "runtime-helper.h"
#include "tap.h"

/* More than fits into the credentials of a unit. */
#define SPEC_TOO_LARGE (1 << 20)

static const char *find_variable(const Indexerd__Exec__V1__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_environment; i++)
		if (streq(spec->environment[i]->key, key))
			return spec->environment[i]->value;
	return NULL;
}

static const char *find_credential(const Indexerd__Exec__V1__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_environment; i++)
		if (streq(spec->environment[i]->key, key))
			return spec->environment[i]->credential;
	return NULL;
}

static Indexerd__Exec__V1__Spec *make_spec(const struct runtime *runtime, struct definition *d)
{
	_cleanup_(kv_list_clear) struct kv_list state = {};
	_cleanup_refusal_ struct refusal refusal = {};
	Indexerd__Exec__V1__Spec *spec;
	uint8_t *packed = NULL;
	size_t size = 0;

	if (kv_list_set(&state, "PERSIST_TO_FS", "/state") < 0)
		abort();

	is_int(runtime_make_spec(runtime, d, NULL, "unix:/run/x", &state, &packed, &size, &refusal),
	       0, "a spec");
	spec = indexerd__exec__v1__spec__unpack(NULL, size, packed);
	free(packed);
	if (!spec)
		abort();
	return spec;
}

static void test_spec(void)
{
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);
	struct definition *d = definition_make("apibara", "/srv//p/", "d/./e", "a b; $(x) ${ID}");
	Indexerd__Exec__V1__Spec *spec;

	if (string_set(&d->preset, "main") < 0 || definition_add_arg(d, "--x y") < 0 ||
	    kv_list_set(&d->environment, "INDEXER_NAME", "mine") < 0 ||
	    kv_list_set(&d->environment, "DNA_TOKEN", "t=1") < 0)
		abort();
	spec = make_spec(runtime_set_find(set, "apibara"), d);
	is_str(spec->project_source, "/srv/p", "the source");
	is_str(spec->project_dir, "d/./e", "the directory");
	is_str(spec->script_path, "", "a name is no path");
	is_int(spec->n_argv, 8, "words");
	is_str(spec->argv[1], "/srv/p/d/e/.apibara/build/start.mjs", "the program's file");
	is_str(spec->argv[4], "a b; $(x) ${ID}", "a value is one word, and never expanded");
	is_str(spec->argv[6], "main", "the preset");
	is_str(spec->argv[7], "--x y", "the arguments last");
	is_int(spec->log_format, INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA, "log format");
	is_int(spec->n_progress, 1, "patterns of progress");
	is_str(spec->progress[0], "Transforming block | orderKey: ${CURRENT}n", "as they stand");
	is_int(spec->stalled_usec, 600 * USEC_PER_SEC, "when it is stalled");
	is_str(find_variable(spec, "DNA_TOKEN"), "t=1", "the request's environment");
	is_str(find_variable(spec, "INDEXER_NAME"), "indexers/my-id", "what only the server says");
	is_str(find_variable(spec, "INDEXER_ID"), "my-id", "the id");
	is_str(find_variable(spec, "INDEXER_PROJECT_SOURCE"), "/srv/p", "the source");
	is_str(find_variable(spec, "INDEXER_PROJECT_DIR"), "d/./e", "the directory");
	is_str(find_variable(spec, "INDEXER_RUNNER_ADDRESS"), "unix:/run/x", "the address");
	is_str(find_variable(spec, "PERSIST_TO_FS"), "/state", "where its state is");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);

	ok(!runtime_persists(runtime_set_find(set, "apibara")), "version 2 keeps its own state");
	ok(runtime_persists(runtime_set_find(set, "exec")), "a program may be a sink");
	spec = make_spec(runtime_set_find(set, "exec"), d);
	is_str(spec->script_path, "a b; $(x) ${ID}", "a path is one");
	is_str(spec->argv[0], "/srv/p/d/e/a b; $(x) ${ID}", "and the program");
	is_int(spec->n_argv, 2, "with the arguments");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);
	definition_unref(d);
	runtime_set_free(set);
}

static void test_spec_environment(void)
{
	struct runtime *runtime = make_runtime();
	struct definition *d = definition_make("x", "/srv/p", "", "s");
	const struct kv_list state = {};
	_cleanup_refusal_ struct refusal refusal = {};
	Indexerd__Exec__V1__Spec *spec;
	uint8_t *packed = NULL;
	char *big = calloc(1, SPEC_TOO_LARGE);
	size_t size;

	if (!big)
		abort();
	is_str(parse("Environment=SINK_ID=${ID}\nEnvironment=A=b  \"c\" # d\nEnvironment=E=",
		     runtime),
	       "good", "a runtime with an environment");
	ok(!runtime_persists(runtime), "which keeps the state where it says itself");
	if (kv_list_set(&d->environment, "E", "request") < 0)
		abort();
	spec = make_spec(runtime, d);
	is_str(find_variable(spec, "SINK_ID"), "my-id", "a variable is expanded");
	is_str(find_variable(spec, "A"), "b  \"c\" # d", "the rest stays");
	is_str(find_variable(spec, "E"), "request", "the request's wins");
	is_str(find_credential(spec, "E"), "", "and names no credential");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);

	if (kv_list_set(&d->environment, "E", "credential:a") < 0 ||
	    kv_list_set(&d->environment, "F", "credential-file:b") < 0 ||
	    string_set(&d->preset, "credential:c") < 0)
		abort();
	runtime_free(runtime);
	runtime = make_runtime();
	is_str(parse("Environment=P=${PRESET}", runtime), "good", "a runtime with a preset");
	spec = make_spec(runtime, d);
	is_str(find_credential(spec, "E"), "a", "a credential is named");
	is_str(find_variable(spec, "E"), "", "in the place of a value");
	is_str(find_credential(spec, "F"), "b", "for its file, too");
	is_str(find_credential(spec, "P"), "", "but not by another field");
	is_str(find_variable(spec, "P"), "credential:c", "whose text stays text");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);

	memset(big, 'x', SPEC_TOO_LARGE - 1);
	if (kv_list_set(&d->environment, "BIG", big) < 0)
		abort();
	is_int(runtime_make_spec(runtime, d, NULL, "unix:/x", &state, &packed, &size, &refusal),
	       REFUSED, "more than a credential takes");
	is_str(refusal.reason, "COMMAND_TOO_LONG", "is refused");
	ok(!packed, "and nothing given");
	free(big);
	definition_unref(d);
	runtime_free(runtime);
}

int main(void)
{
	test_spec();
	test_spec_environment();
	return tap_done();
}
