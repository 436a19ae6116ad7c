/*
 * Definitions and views: counted, and immutable once they are shared.
 *
 * The counts are atomic, everything else is written before an object is shared: any thread may
 * read.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/indexer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FNV64_BASIS 0xcbf29ce484222325ULL
#define FNV64_PRIME 0x100000001b3ULL

int string_set(char **string, const char *value)
{
	char *copy = strdup(value ? value : "");

	if (!copy)
		return -ENOMEM;
	free(*string);
	*string = copy;
	return 0;
}

int definition_new(struct definition **ret)
{
	_cleanup_(definition_unrefp) struct definition *definition = NULL;

	definition = calloc(1, sizeof(*definition));
	if (!definition)
		return -ENOMEM;
	definition->refs = 1;
	if (string_set(&definition->project_source, "") < 0 ||
	    string_set(&definition->project_dir, "") < 0 ||
	    string_set(&definition->script, "") < 0 || string_set(&definition->runtime, "") < 0 ||
	    string_set(&definition->preset, "") < 0 || string_set(&definition->creator, "") < 0 ||
	    string_set(&definition->persistence, "") < 0)
		return -ENOMEM;
	*ret = TAKE(definition);
	return 0;
}

struct definition *definition_ref(struct definition *definition)
{
	__atomic_fetch_add(&definition->refs, 1, __ATOMIC_RELAXED);
	return definition;
}

struct definition *definition_unref(struct definition *definition)
{
	/* Released by every holder, acquired by the last: it sees whatever the others did. */
	if (!definition || __atomic_fetch_sub(&definition->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return NULL;
	kv_list_clear(&definition->labels);
	kv_list_clear(&definition->environment);
	free(definition->project_source);
	free(definition->project_dir);
	free(definition->script);
	free(definition->runtime);
	free(definition->preset);
	free(definition->spawned_by);
	free(definition->creator);
	free(definition->persistence);
	for (size_t i = 0; i < definition->n_args; i++)
		free(definition->args[i]);
	free(definition->args);
	free(definition);
	return NULL;
}

bool resources_are_given(const struct resources *resources)
{
	return resources->memory_max_bytes > 0 || resources->cpu_percent > 0 ||
	       resources->tasks_max > 0;
}

bool resources_equal(const struct resources *a, const struct resources *b)
{
	return a->memory_max_bytes == b->memory_max_bytes && a->cpu_percent == b->cpu_percent &&
	       a->tasks_max == b->tasks_max;
}

int definition_add_arg(struct definition *definition, const char *arg)
{
	_cleanup_free_ char *copy = strdup(arg);
	char **args;

	if (!copy)
		return -ENOMEM;
	args = reallocarray(definition->args, definition->n_args + 1, sizeof(*args));
	if (!args)
		return -ENOMEM;
	args[definition->n_args++] = TAKE(copy);
	definition->args = args;
	return 0;
}

int view_new(struct definition *definition, const struct status *status, struct view **ret)
{
	_cleanup_free_ char *message = NULL, *control_group = NULL;
	struct view *view;

	if ((status->message && !(message = strdup(status->message))) ||
	    (status->control_group && !(control_group = strdup(status->control_group))))
		return -ENOMEM;
	view = malloc(sizeof(*view));
	if (!view)
		return -ENOMEM;
	*view = (struct view){
		.refs = 1,
		.definition = definition_ref(definition),
		.status = *status,
	};
	view->status.message = TAKE(message);
	view->status.control_group = TAKE(control_group);
	*ret = view;
	return 0;
}

struct view *view_ref(struct view *view)
{
	__atomic_fetch_add(&view->refs, 1, __ATOMIC_RELAXED);
	return view;
}

struct view *view_unref(struct view *view)
{
	if (!view || __atomic_fetch_sub(&view->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return NULL;
	definition_unref(view->definition);
	status_clear(&view->status);
	free(view);
	return NULL;
}

void status_clear(struct status *status)
{
	free(status->message);
	free(status->control_group);
	*status = (struct status){};
}

void definition_etag(const struct definition *definition, char buffer[17])
{
	uint64_t hash = FNV64_BASIS;

	for (const char *c = definition->uid; *c; c++)
		hash = (hash ^ (unsigned char)*c) * FNV64_PRIME;
	/* One step that can be undone, so two generations of one uid never have the same etag. */
	hash = (hash ^ definition->generation) * FNV64_PRIME;
	snprintf(buffer, 17, "%016" PRIx64, hash);
}
