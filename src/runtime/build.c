/*
 * The commands that make a project that was fetched ready to run: Build= of its runtime's file.
 *
 * What is built is shared by all indexers of the same project, commit and runtime. So the commands
 * know the project's place and nothing of the indexer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "runtime/private.h"
#include "runtime/strv.h"

void build_clear(struct build *build)
{
	for (size_t i = 0; i < build->n; i++)
		strv_free(build->commands[i]);
	*build = (struct build){};
}

/* What the project was to be built for is there already. */
static int is_built(const struct project_check *c)
{
	_cleanup_free_ char *path = NULL;

	return c->runtime->needs ? project_has_needed(c, &path) : 0;
}

static int expand(const struct template *command, const struct variables *variables,
		  const struct project_check *c, char ***ret)
{
	_cleanup_(strv_freep) char **argv = NULL;
	char *program;
	size_t n;
	int r = template_expand(command, &variables->values, &argv, &n);

	if (r == -E2BIG) /* of a path that is longer than any that there is */
		return refuse(c->refusal, CODE_INVALID_ARGUMENT, "PATH_TOO_LONG",
			      "indexer.project_dir",
			      "indexer.project_dir: a command of Build= of runtime '%s' gets too "
			      "long with it",
			      c->runtime->name);
	if (r < 0)
		return r;
	if (template_program_is_fixed(command) || template_program_is_name(command)) {
		r = program_find(argv[0], &program);
		if (r == -ENOENT)
			return refuse(c->refusal, CODE_FAILED_PRECONDITION, "RUNTIME_NOT_INSTALLED",
				      "indexer.runtime",
				      "indexer.runtime: '%s' builds a project that is fetched with "
				      "%s, which is not on the server",
				      c->runtime->name, argv[0]);
		if (r < 0)
			return r;
		free(argv[0]);
		argv[0] = program;
	}
	*ret = TAKE(argv);
	return 0;
}

/* The words of all commands, with the project where the build will see it. */
static int expand_all(const struct project_check *c, const char *source, struct build *build)
{
	_cleanup_(variables_clear) struct variables variables = {};
	const struct runtime *runtime = c->runtime;
	int r = variables_make(&variables, c->definition, source);

	variables.values.n_args = 0; /* they are the indexer's */
	for (; r == 0 && build->n < runtime->n_build; build->n += r == 0)
		r = expand(runtime->build[build->n], &variables, c, &build->commands[build->n]);
	return r;
}

int runtime_make_build(const struct runtime_set *set, const struct definition *definition,
		       const char *checkout, const char *source, struct build *ret,
		       struct refusal *refusal)
{
	struct project_check check = {
		.set = set, .definition = definition, .checkout = checkout, .refusal = refusal
	};
	_cleanup_(build_clear) struct build build = {};
	int built, r = variables_make(&check.variables, definition, checkout);

	if (r < 0)
		return r;
	r = project_check_runtime(&check);
	r = r != 0 ? r : project_check_directories(&check);
	built = r == 0 ? is_built(&check) : 0;
	if (r == 0 && built == 0)
		r = expand_all(&check, source, &build);
	variables_clear(&check.variables);
	if (r != 0 || built < 0)
		return r != 0 ? r : built;
	*ret = build;
	build = (struct build){};
	return 0;
}
