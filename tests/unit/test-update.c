/*
 * Field masks and updates: what a path means, what follows from a base and its changes, and what
 * the process sees of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/secret.h"
#include "model/update.h"
#include "tap.h"

static struct definition *make(void)
{
	struct definition *definition;

	if (definition_new(&definition) < 0)
		abort();
	return definition;
}

static struct definition *make_base(void)
{
	struct definition *base = make();

	strcpy(base->id, "a");
	memset(base->uid, '1', sizeof(base->uid) - 1);
	base->generation = 3;
	base->restart = RESTART_ALWAYS;
	base->backoff = (struct backoff){ 2000000, 9000000 };
	base->resources = (struct resources){ 1 << 20, 50, 7 };
	(void)string_set(&base->script, "old.js");
	(void)string_set(&base->preset, "p");
	(void)string_set(&base->spawned_by, "parent");
	(void)kv_list_set(&base->labels, "team", "red");
	(void)kv_list_set(&base->labels, "zone", "1");
	(void)kv_list_set(&base->environment, "URL", "x");
	(void)definition_add_arg(base, "one");
	return base;
}

static void test_paths(void)
{
	static const struct {
		const char *path;
		int code; /* 0: it is taken */
		unsigned fields;
	} rows[] = {
		{ "*", 0, MASK_ALL },
		{ "labels", 0, MASK_LABELS },
		{ "restart.policy", 0, MASK_RESTART_POLICY },
		{ "resources", 0, MASK_MEMORY_MAX | MASK_CPU_PERCENT | MASK_TASKS_MAX },
		{ "resources.tasks_max", 0, MASK_TASKS_MAX },
		{ "tree_resources", 0,
		  MASK_TREE_MEMORY_MAX | MASK_TREE_CPU_PERCENT | MASK_TREE_TASKS_MAX },
		{ "tree_resources.cpu_percent", 0, MASK_TREE_CPU_PERCENT },
		{ "tree_resources.io", CODE_INVALID_ARGUMENT, 0 },
		{ "labels.team", 0, 0 },
		{ "labels.`a.b`", 0, 0 },
		{ "environment.URL", 0, 0 },
		{ "status.state", 0, 0 },
		{ "uid", 0, 0 },
		{ "", CODE_INVALID_ARGUMENT, 0 },
		{ "label", CODE_INVALID_ARGUMENT, 0 },
		{ "labels.", CODE_INVALID_ARGUMENT, 0 },
		{ "labels.a.b", CODE_INVALID_ARGUMENT, 0 },
		{ "labels.`", CODE_INVALID_ARGUMENT, 0 },
		{ "labels.``", CODE_INVALID_ARGUMENT, 0 },
		{ "labels.`a", CODE_INVALID_ARGUMENT, 0 },
		{ "script.x", CODE_INVALID_ARGUMENT, 0 },
		{ "Labels", CODE_INVALID_ARGUMENT, 0 },
		{ "restart.max_backoff", 0, MASK_MAX_BACKOFF },
		{ "restart.initial_backoff", 0, MASK_INITIAL_BACKOFF },
		{ "restart", 0, MASK_RESTART_POLICY | MASK_INITIAL_BACKOFF | MASK_MAX_BACKOFF },
		{ "restart.backoff", CODE_INVALID_ARGUMENT, 0 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_refusal_ struct refusal refusal = {};
		_cleanup_field_mask_ struct field_mask mask = {};
		char *path = (char *)rows[i].path;

		is_int(field_mask_read(&path, 1, &mask, &refusal), rows[i].code ? REFUSED : 0,
		       "mask '%s'", rows[i].path);
		is_int(refusal.code, rows[i].code, "its code");
		is_int(mask.fields, rows[i].fields, "its fields");
		if (rows[i].code)
			is_str(refusal.field, "update_mask", "it names the mask");
	}
}

static void test_long_masks(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	_cleanup_field_mask_ struct field_mask mask = {};
	static char long_path[MASK_PATH_MAX + 16] = "labels.";
	static char *many[MASK_PATHS_MAX + 1];
	char *path = long_path;

	memset(long_path + strlen("labels."), 'a', MASK_PATH_MAX);
	is_int(field_mask_read(&path, 1, &mask, &refusal), REFUSED, "a path that is too long");
	for (size_t i = 0; i < ELEMENTSOF(many); i++)
		many[i] = (char *)"labels";
	refusal_clear(&refusal);
	is_int(field_mask_read(many, ELEMENTSOF(many), &mask, &refusal), REFUSED, "too many paths");
	is_int(field_mask_read(many, MASK_PATHS_MAX, &mask, &refusal), 0, "just as many as may be");
}

/* Applies the changes under the paths. Takes both definitions; the caller owns what is returned. */
static struct definition *apply(struct definition *base, struct definition *changes,
				const char *const *paths, enum difference *difference)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct update update = { .changes = changes };
	struct definition *next = NULL;
	size_t n = 0;

	while (paths && paths[n])
		n++;
	if (n > 0)
		is_int(field_mask_read((char *const *)paths, n, &update.mask, &refusal), 0,
		       "the mask is taken");
	else
		field_mask_populated(changes, &update.mask);
	is_int(update_apply(&update, base, &next, &refusal), 0, "the update is taken");
	*difference = definition_compare(base, next);
	definition_unref(base);
	update_clear(&update);
	return next;
}

static void test_single_fields(void)
{
	static const char *const script[] = { "script", NULL };
	static const char *const labels[] = { "labels", NULL };
	static const char *const keys[] = { "labels.team", "labels.new", "labels.zone", NULL };
	enum difference difference;
	struct definition *changes = make(), *next;

	(void)string_set(&changes->script, "new.js");
	(void)kv_list_set(&changes->labels, "ignored", "x");
	next = apply(make_base(), changes, script, &difference);
	is_str(next->script, "new.js", "the script is the new one");
	is_int(next->labels.n, 2, "labels outside of the mask stay");
	is_int(difference, DIFFERENCE_INSIDE, "the process sees it");
	is_int(next->generation, 3, "the generation is the caller's to count");
	is_str(next->spawned_by, "parent", "the parent stays");
	definition_unref(next);

	next = apply(make_base(), make(), labels, &difference);
	is_int(next->labels.n, 0, "a masked field without a value is emptied");
	is_int(difference, DIFFERENCE_OUTSIDE, "of labels the process sees nothing");
	definition_unref(next);

	changes = make();
	(void)kv_list_set(&changes->labels, "team", "blue");
	(void)kv_list_set(&changes->labels, "new", "2");
	next = apply(make_base(), changes, keys, &difference);
	is_str(kv_list_get(&next->labels, "team"), "blue", "a single key is changed");
	is_str(kv_list_get(&next->labels, "new"), "2", "another one put in");
	ok(!kv_list_get(&next->labels, "zone"), "and one without a value taken out");
	is_int(next->labels.n, 2, "that is all");
	definition_unref(next);
}

static void test_whole(void)
{
	static const char *const star[] = { "*", NULL };
	enum difference difference;
	struct definition *next = apply(make_base(), make(), star, &difference);

	ok(next->labels.n == 0 && next->environment.n == 0 && next->n_args == 0, "all lists empty");
	ok(!*next->script && !*next->preset && next->resources.cpu_percent == 0, "all fields too");
	is_int(next->restart, RESTART_ALWAYS, "the policy is the default one");
	is_str(next->spawned_by, "parent", "an absent parent changes nothing");
	definition_unref(next);

	next = apply(make_base(), make(), NULL, &difference);
	is_int(difference, DIFFERENCE_NONE, "without a mask and without values nothing changes");
	definition_unref(next);
	next = apply(make_base(), make_base(), NULL, &difference);
	is_int(difference, DIFFERENCE_NONE, "the same values change nothing");
	definition_unref(next);
}

static void test_backoff(void)
{
	static const char *const both[] = { "restart.initial_backoff", "restart.max_backoff",
					    NULL };
	static const char *const policy[] = { "restart.policy", NULL };
	enum difference difference;
	struct definition *changes = make(), *next;

	changes->backoff.max = 7000000;
	next = apply(make_base(), changes, NULL, &difference);
	ok(next->backoff.initial == 2000000 && next->backoff.max == 7000000,
	   "what is set is changed, and nothing else");
	is_int(difference, DIFFERENCE_INSIDE, "it is another unit");
	definition_unref(next);

	next = apply(make_base(), make(), both, &difference);
	ok(next->backoff.initial == BACKOFF_INITIAL_USEC && next->backoff.max == BACKOFF_MAX_USEC,
	   "cleared ones have their defaults");
	definition_unref(next);

	changes = make();
	changes->backoff.max = 7000000;
	changes->restart = RESTART_ALWAYS;
	next = apply(make_base(), changes, policy, &difference);
	is_int(difference, DIFFERENCE_NONE, "what is not in the mask does not count");
	definition_unref(next);
}

/* A definition whose environment has a token, and one variable with the given key and value. */
static struct definition *make_with(const char *key, const char *value)
{
	struct definition *definition = make_base();

	if (kv_list_set(&definition->environment, "TOKEN", "secret") < 0 ||
	    kv_list_set(&definition->environment, key, value) < 0)
		abort();
	return definition;
}

static void test_redacted(void)
{
	static const char *const whole[] = { "environment", NULL };
	static const char *const one[] = { "environment.TOKEN", NULL };
	static const char *const other[] = { "environment.OTHER", NULL };
	enum difference difference;
	struct definition *next;

	next = apply(make_with("A", "1"), make_with("TOKEN", SECRET_REDACTED), whole, &difference);
	is_str(kv_list_get(&next->environment, "TOKEN"), "secret", "what is not shown stays");
	is_str(kv_list_get(&next->environment, "A"), NULL, "the rest is as it was sent");
	definition_unref(next);
	next = apply(make_with("A", "1"), make_with("TOKEN", SECRET_REDACTED), one, &difference);
	is_str(kv_list_get(&next->environment, "TOKEN"), "secret", "also by its key");
	is_int(difference, DIFFERENCE_NONE, "which is no change");
	definition_unref(next);
	next = apply(make_with("A", "1"), make_with("TOKEN", "other"), one, &difference);
	is_str(kv_list_get(&next->environment, "TOKEN"), "other", "a value is one");
	definition_unref(next);
	next = apply(make_with("A", "1"), make_with("OTHER", SECRET_REDACTED), other, &difference);
	is_str(kv_list_get(&next->environment, "OTHER"), SECRET_REDACTED,
	       "for a new key there is none to keep");
	definition_unref(next);
}

static void test_refused(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *base = make_base(), *next = NULL;
	struct update update = { .changes = make() };

	strcpy(update.etag, "0123456789abcdef");
	is_int(update_apply(&update, base, &next, &refusal), REFUSED, "a stale etag");
	is_int(refusal.code, CODE_ABORTED, "its code");
	is_str(refusal.field, "indexer.etag", "its field");
	definition_etag(base, update.etag);
	is_int(update_apply(&update, base, &next, &refusal), 0, "the present etag");
	next = definition_unref(next);
	refusal_clear(&refusal);
	(void)string_set(&update.changes->spawned_by, "other");
	field_mask_populated(update.changes, &update.mask);
	is_int(update_apply(&update, base, &next, &refusal), REFUSED, "another parent");
	is_str(refusal.reason, "FIELD_IMMUTABLE", "its reason");
	(void)string_set(&update.changes->spawned_by, "parent");
	refusal_clear(&refusal);
	is_int(update_apply(&update, base, &next, &refusal), 0, "the same parent");
	definition_unref(next);
	definition_unref(base);
	update_clear(&update);
}

int main(void)
{
	test_paths();
	test_long_masks();
	test_single_fields();
	test_whole();
	test_backoff();
	test_redacted();
	test_refused();
	return tap_done();
}
