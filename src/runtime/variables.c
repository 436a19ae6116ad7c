/*
 * The values of a template's variables for one definition, and the paths that they are made of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "runtime/private.h"

/* Appends the components of `path` behind `end`; returns the new end. */
static char *append_components(char *end, const char *path)
{
	size_t n;

	for (; *(path += strspn(path, "/")); path += n) {
		n = strcspn(path, "/");
		if (n == 1 && path[0] == '.')
			continue;
		*end++ = '/';
		end = mempcpy(end, path, n);
	}
	return end;
}

char *path_join(const char *a, const char *b)
{
	char *joined = malloc(strlen(a) + strlen(b) + 3), *end;

	if (!joined)
		return NULL;
	end = append_components(joined, a);
	end = append_components(end, b);
	if (end == joined)
		*end++ = '/';
	*end = '\0';
	return joined;
}

/* What an interpreter with a list of allowed variables is told: "A,B". */
static char *join_keys(const struct kv_list *environment)
{
	size_t size = 1;
	char *joined, *end;

	for (size_t i = 0; i < environment->n; i++)
		size += strlen(environment->items[i].key) + 1;
	joined = end = malloc(size);
	if (!joined)
		return NULL;
	for (size_t i = 0; i < environment->n; i++) {
		if (i > 0)
			*end++ = ',';
		end = stpcpy(end, environment->items[i].key);
	}
	*end = '\0';
	return joined;
}

int variables_make(struct variables *variables, const struct definition *definition,
		   const char *source)
{
	const char *root = source ? source : definition->project_source;
	struct variables v = {
		.source = path_join(root, ""),
		.project = path_join(root, definition->project_dir),
		.env_keys = join_keys(&definition->environment),
	};

	if (v.project)
		v.script_path = path_join(v.project, definition->script);
	if (!v.source || !v.script_path || !v.env_keys) {
		variables_clear(&v);
		return -ENOMEM;
	}
	*variables = v;
	name_from_id(definition->id, variables->name);
	variables->values = (struct template_values){
		.text = {
			[TEMPLATE_PROJECT] = variables->project,
			[TEMPLATE_SOURCE] = variables->source,
			[TEMPLATE_DIR] = definition->project_dir,
			[TEMPLATE_SCRIPT] = definition->script,
			[TEMPLATE_SCRIPT_PATH] = variables->script_path,
			[TEMPLATE_PRESET] = definition->preset,
			[TEMPLATE_ID] = definition->id,
			[TEMPLATE_NAME] = variables->name,
			[TEMPLATE_ENV_KEYS] = variables->env_keys,
		},
		.args = definition->args,
		.n_args = definition->n_args,
	};
	return 0;
}

void variables_clear(struct variables *variables)
{
	free(variables->source);
	free(variables->project);
	free(variables->script_path);
	free(variables->env_keys);
	*variables = (struct variables){};
}
