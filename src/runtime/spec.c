/*
 * The spec for indexer-exec: all that an indexer's process gets which a user may choose.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/kv.h"
#include "model/secret.h"
#include "runtime/private.h"
#include "runtime/strv.h"

/* systemd takes no more than 1 MiB of credentials for a unit. */
#define SPEC_SIZE_MAX (1024 * 1024 - 4096)

static int add_runtime_environment(const struct runtime *runtime, const struct variables *variables,
				   struct kv_list *environment)
{
	int r = 0;

	for (size_t i = 0; i < runtime->n_environment && r == 0; i++) {
		const struct runtime_variable *variable = &runtime->environment[i];
		_cleanup_free_ char *value = NULL;

		r = template_expand_text(variable->value, &variables->values, &value);
		if (r == 0)
			r = kv_list_set(environment, variable->key, value);
	}
	return r;
}

/* Later ones win: the runtime's, the request's, and what only the daemon knows. */
static int make_environment(const struct runtime *runtime, const struct definition *definition,
			    const struct variables *variables, const char *runner_address,
			    const struct kv_list *state, struct kv_list *ret)
{
	const struct kv ours[] = {
		{ (char *)"INDEXER_ID", (char *)definition->id },
		{ (char *)"INDEXER_NAME", (char *)variables->name },
		{ (char *)"INDEXER_RUNNER_ADDRESS", (char *)runner_address },
		{ (char *)"INDEXER_PROJECT_SOURCE", variables->source },
		{ (char *)"INDEXER_PROJECT_DIR", definition->project_dir },
	};
	int r;

	r = add_runtime_environment(runtime, variables, ret);
	for (size_t i = 0; i < definition->environment.n && r == 0; i++)
		r = kv_list_set(ret, definition->environment.items[i].key,
				definition->environment.items[i].value);
	for (size_t i = 0; i < ELEMENTSOF(ours) && r == 0; i++)
		r = kv_list_set(ret, ours[i].key, ours[i].value);
	for (size_t i = 0; i < state->n && r == 0; i++)
		r = kv_list_set(ret, state->items[i].key, state->items[i].value);
	return r;
}

/*
 * A reference is one only in the request's own environment: a runtime's is made of the request's
 * other fields, too, and those name no credentials.
 */
static void fill_variable(Indexerd__Exec__V1__Variable *variable, const struct kv *item,
			  const struct definition *definition)
{
	const char *asked = kv_list_get(&definition->environment, item->key), *name = NULL;
	enum reference kind = REFERENCE_NONE;

	indexerd__exec__v1__variable__init(variable);
	variable->key = item->key;
	if (asked && streq(asked, item->value))
		kind = reference_parse(item->value, &name);
	if (kind == REFERENCE_NONE)
		variable->value = item->value;
	else
		variable->credential = (char *)name;
	variable->is_path = kind == REFERENCE_FILE;
}

static int pack(Indexerd__Exec__V1__Spec *spec, const struct definition *definition,
		const struct kv_list *environment, uint8_t **ret, size_t *ret_size)
{
	_cleanup_free_ Indexerd__Exec__V1__Variable *variables = NULL;
	_cleanup_free_ Indexerd__Exec__V1__Variable **pointers = NULL;
	uint8_t *packed;
	size_t size;

	variables = calloc(environment->n + 1, sizeof(*variables));
	pointers = calloc(environment->n + 1, sizeof(*pointers));
	if (!variables || !pointers)
		return -ENOMEM;
	for (size_t i = 0; i < environment->n; i++) {
		fill_variable(&variables[i], &environment->items[i], definition);
		pointers[i] = &variables[i];
	}
	spec->environment = pointers;
	spec->n_environment = environment->n;

	size = indexerd__exec__v1__spec__get_packed_size(spec);
	if (size > SPEC_SIZE_MAX)
		return -E2BIG;
	packed = malloc(size);
	if (!packed)
		return -ENOMEM;
	*ret_size = indexerd__exec__v1__spec__pack(spec, packed);
	*ret = packed;
	return 0;
}

/* Puts the program's path into the place of a name: indexer-exec looks for none. */
static int find_program(const struct runtime *runtime, const struct variables *variables,
			char **argv, struct refusal *refusal)
{
	char *path;
	int r;

	if (!template_program_is_name(runtime->exec))
		return 0;
	r = program_find(argv[0], &path);
	if (r == -ENOENT)
		return program_refuse(runtime, &variables->values, argv[0], refusal);
	if (r < 0)
		return r;
	free(argv[0]);
	argv[0] = path;
	return 0;
}

static int make_spec(const struct runtime *runtime, const struct definition *definition,
		     const struct variables *variables, const struct kv_list *environment,
		     uint8_t **ret, size_t *ret_size, struct refusal *refusal)
{
	Indexerd__Exec__V1__Spec spec = INDEXERD__EXEC__V1__SPEC__INIT;
	_cleanup_(strv_freep) char **argv = NULL;
	size_t n = 0;
	int r;

	r = template_expand(runtime->exec, &variables->values, &argv, &n);
	r = r != 0 ? r : find_program(runtime, variables, argv, refusal);
	if (r != 0)
		return r;
	spec.indexer_id = (char *)definition->id;
	spec.uid = (char *)definition->uid;
	spec.project_source = variables->source;
	spec.project_dir = definition->project_dir;
	if (!runtime->script_is_name)
		spec.script_path = definition->script;
	spec.argv = argv;
	spec.n_argv = n;
	spec.log_format = runtime->log_format;
	spec.progress = (char **)runtime->progress;
	spec.n_progress = runtime->n_progress;
	spec.stalled_usec = runtime->stalled_usec;
	spec.initial_backoff_usec = definition->backoff.initial;
	spec.max_backoff_usec = definition->backoff.max;
	spec.healthy_usec = runtime->healthy_usec;
	return pack(&spec, definition, environment, ret, ret_size);
}

int runtime_make_spec(const struct runtime *runtime, const struct definition *definition,
		      const char *source, const char *runner_address, const struct kv_list *state,
		      uint8_t **ret, size_t *ret_size, struct refusal *refusal)
{
	_cleanup_(kv_list_clear) struct kv_list environment = {};
	_cleanup_(variables_clear) struct variables variables = {};
	int r;

	r = variables_make(&variables, definition, source);
	if (r == 0)
		r = make_environment(runtime, definition, &variables, runner_address, state,
				     &environment);
	if (r == 0)
		r = make_spec(runtime, definition, &variables, &environment, ret, ret_size,
			      refusal);
	if (r == -E2BIG)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "COMMAND_TOO_LONG", "indexer.args",
			      "indexer.args: with runtime '%s' the command and the environment are "
			      "longer "
			      "than a process can be given",
			      runtime->name);
	return r;
}
