/*
 * Updates; see update.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stddef.h>

#include "common/util.h"
#include "model/secret.h"
#include "model/update.h"

/* The fields that are one string each. */
static const struct {
	unsigned field;
	size_t offset;
} strings[] = {
	{ MASK_PROJECT_SOURCE, offsetof(struct definition, project_source) },
	{ MASK_PROJECT_DIR, offsetof(struct definition, project_dir) },
	{ MASK_SCRIPT, offsetof(struct definition, script) },
	{ MASK_RUNTIME, offsetof(struct definition, runtime) },
	{ MASK_PRESET, offsetof(struct definition, preset) },
};

static char *string_at(const struct definition *definition, size_t offset)
{
	return *(char *const *)(const void *)((const char *)definition + offset);
}

static char **string_of(struct definition *definition, size_t offset)
{
	return (char **)(void *)((char *)definition + offset);
}

void update_clear(struct update *update)
{
	definition_unref(update->changes);
	field_mask_clear(&update->mask);
	*update = (struct update){};
}

static int check_etag(const struct update *update, const struct definition *base,
		      struct refusal *refusal)
{
	char etag[17];
	int r;

	definition_etag(base, etag);
	if (isempty(update->etag) || streq(update->etag, etag))
		return 0;
	r = refuse(refusal, CODE_ABORTED, "ETAG_MISMATCH", "indexer.etag",
		   "indexer.etag: '%s' is not the present one; get indexers/%s again and apply "
		   "the change to that",
		   update->etag, base->id);
	return r == REFUSED ? refusal_set_indexer(refusal, base->id) : r;
}

static int check_parent(const struct update *update, const struct definition *base,
			struct refusal *refusal)
{
	const char *parent = update->changes->spawned_by;

	if (!(update->mask.fields & MASK_SPAWNED_BY) ||
	    (isempty(parent) && isempty(base->spawned_by)) ||
	    (parent && base->spawned_by && streq(parent, base->spawned_by)))
		return 0;
	return refuse(refusal, CODE_INVALID_ARGUMENT, "FIELD_IMMUTABLE", "indexer.spawned_by",
		      "indexer.spawned_by: it cannot be changed; delete the indexer and create it "
		      "anew");
}

static void copy_resources(struct resources *to, const struct resources *from, bool memory_max,
			   bool cpu_percent, bool tasks_max)
{
	if (memory_max)
		to->memory_max_bytes = from->memory_max_bytes;
	if (cpu_percent)
		to->cpu_percent = from->cpu_percent;
	if (tasks_max)
		to->tasks_max = from->tasks_max;
}

static int copy_scalars(struct definition *to, const struct definition *from, unsigned fields)
{
	for (size_t i = 0; i < ELEMENTSOF(strings); i++)
		if (fields & strings[i].field) {
			int r = string_set(string_of(to, strings[i].offset),
					   string_at(from, strings[i].offset));
			if (r < 0)
				return r;
		}
	copy_resources(&to->resources, &from->resources, fields & MASK_MEMORY_MAX,
		       fields & MASK_CPU_PERCENT, fields & MASK_TASKS_MAX);
	copy_resources(&to->tree_resources, &from->tree_resources, fields & MASK_TREE_MEMORY_MAX,
		       fields & MASK_TREE_CPU_PERCENT, fields & MASK_TREE_TASKS_MAX);
	if (fields & MASK_RESTART_POLICY)
		to->restart = from->restart == RESTART_UNSPECIFIED ? RESTART_ALWAYS : from->restart;
	if (fields & MASK_INITIAL_BACKOFF)
		to->backoff.initial = from->backoff.initial;
	if (fields & MASK_MAX_BACKOFF)
		to->backoff.max = from->backoff.max;
	return 0;
}

/* `to` has no arguments yet. */
static int copy_args(struct definition *to, const struct definition *from)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < from->n_args; i++)
		r = definition_add_arg(to, from->args[i]);
	return r;
}

/* The whole list from the changes, or the base's with the single keys set or taken out. */
static int merge_list(struct kv_list *to, const struct kv_list *base, const struct kv_list *changes,
		      bool whole, const struct kv_list *keys)
{
	int r = kv_list_copy(to, whole ? changes : base);

	for (size_t i = 0; r == 0 && !whole && i < keys->n; i++) {
		const char *value = kv_list_get(changes, keys->items[i].key);

		if (value)
			r = kv_list_set(to, keys->items[i].key, value);
		else
			kv_list_remove(to, keys->items[i].key);
	}
	return r;
}

/* What was read with its secrets left out, and is sent back, leaves them as they are. */
static int keep_redacted(struct kv_list *to, const struct kv_list *base)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < to->n; i++) {
		const char *value = kv_list_get(base, to->items[i].key);

		if (value && streq(to->items[i].value, SECRET_REDACTED))
			r = kv_list_set(to, to->items[i].key, value);
	}
	return r;
}

/* What no update changes. */
static int copy_identity(struct definition *to, const struct definition *base)
{
	memcpy(to->id, base->id, sizeof(to->id));
	memcpy(to->uid, base->uid, sizeof(to->uid));
	to->create_time = base->create_time;
	to->update_time = base->update_time;
	to->generation = base->generation;
	to->checkout = base->checkout;
	if (string_set(&to->creator, base->creator) < 0 ||
	    string_set(&to->persistence, base->persistence) < 0)
		return -ENOMEM;
	return base->spawned_by ? string_set(&to->spawned_by, base->spawned_by) : 0;
}

static int merge(const struct update *update, const struct definition *base, struct definition *to)
{
	const struct definition *changes = update->changes;
	const struct field_mask *mask = &update->mask;
	int r = copy_identity(to, base);

	r = r < 0 ? r : copy_scalars(to, base, MASK_ALL);
	r = r < 0 ? r : copy_scalars(to, changes, mask->fields);
	backoff_fill(&to->backoff); /* cleared ones have their defaults again */
	r = r < 0 ? r : copy_args(to, mask->fields & MASK_ARGS ? changes : base);
	r = r < 0 ? r
		  : merge_list(&to->labels, &base->labels, &changes->labels,
			       mask->fields & MASK_LABELS, &mask->labels);
	r = r < 0 ? r
		  : merge_list(&to->environment, &base->environment, &changes->environment,
			       mask->fields & MASK_ENVIRONMENT, &mask->environment);
	return r < 0 ? r : keep_redacted(&to->environment, &base->environment);
}

int definition_copy(const struct definition *base, struct definition **ret)
{
	const struct update nothing = { .changes = (struct definition *)base };
	_cleanup_(definition_unrefp) struct definition *copy = NULL;
	int r = definition_new(&copy);

	r = r < 0 ? r : merge(&nothing, base, copy);
	if (r == 0)
		*ret = TAKE(copy);
	return r;
}

int update_apply(const struct update *update, const struct definition *base,
		 struct definition **ret, struct refusal *refusal)
{
	_cleanup_(definition_unrefp) struct definition *next = NULL;
	int r = check_etag(update, base, refusal);

	r = r != 0 ? r : check_parent(update, base, refusal);
	r = r != 0 ? r : definition_new(&next);
	r = r != 0 ? r : merge(update, base, next);
	if (r == 0)
		*ret = TAKE(next);
	return r;
}

static bool same_args(const struct definition *a, const struct definition *b)
{
	if (a->n_args != b->n_args)
		return false;
	for (size_t i = 0; i < a->n_args; i++)
		if (!streq(a->args[i], b->args[i]))
			return false;
	return true;
}

enum difference definition_compare(const struct definition *a, const struct definition *b)
{
	for (size_t i = 0; i < ELEMENTSOF(strings); i++)
		if (!streq(string_at(a, strings[i].offset), string_at(b, strings[i].offset)))
			return DIFFERENCE_INSIDE;
	if (!same_args(a, b) || !kv_list_equal(&a->environment, &b->environment) ||
	    !resources_equal(&a->resources, &b->resources) || a->restart != b->restart ||
	    a->backoff.initial != b->backoff.initial || a->backoff.max != b->backoff.max)
		return DIFFERENCE_INSIDE;
	return kv_list_equal(&a->labels, &b->labels) &&
			       resources_equal(&a->tree_resources, &b->tree_resources)
		       ? DIFFERENCE_NONE
		       : DIFFERENCE_OUTSIDE;
}
