/*
 * The model's small parts: ids, names, units, levels, lists, definitions, snapshots, refusals.
 * Page tokens and UTF-8 are in test-model-text.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/id.h"
#include "model/indexer.h"
#include "model/kv.h"
#include "model/level.h"
#include "model/lineage.h"
#include "model/snapshot.h"
#include "tap.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A62 A16 A16 A16 "aaaaaaaaaaaaaa"
#define A63 A62 "a"
#define A64 A62 "aa"

static const struct {
	const char *id;
	bool valid;
} ids[] = {
	{ "a", true },	   { "z9", true },     { "a-b", true },		{ "a--b", true },
	{ "a0-9z", true }, { A63, true },      { "a" A62, true },	{ A62 "9", true },
	{ "", false },	   { A64, false },     { A64 A64 A64, false },	{ A62 "-", false },
	{ "a-", false },   { "-a", false },    { "-", false },		{ "1a", false },
	{ "A", false },	   { "aB", false },    { "aZ", false },		{ "a/b", false },
	{ "/", false },	   { "..", false },    { ".", false },		{ "a.b", false },
	{ "a..b", false }, { "a%b", false },   { "a%2fb", false },	{ "a b", false },
	{ " a", false },   { "a\n", false },   { "a\tb", false },	{ "a_b", false },
	{ "a@b", false },  { "a:b", false },   { "a\\b", false },	{ "a`", false },
	{ "a{", false },   { "é", false },     { "aé", false },		{ "a\xff", false },
	{ "\x80", false }, { "a\x7f", false }, { "indexers/a", false }, { "a.service", false },
};

static void test_ids(void)
{
	for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
		_cleanup_refusal_ struct refusal refusal = {};

		is_int(id_valid(ids[i].id), ids[i].valid, "id %zu", i);
		is_int(id_check(ids[i].id, "indexer_id", &refusal), ids[i].valid ? 0 : REFUSED,
		       "its check agrees");
		if (ids[i].valid)
			continue;
		is_int(refusal.code, CODE_INVALID_ARGUMENT, "its code");
		is_str(refusal.reason, "ID_INVALID", "its reason");
		is_str(refusal.field, "indexer_id", "its field");
		ok(startswith(refusal.message, "indexer_id: '"), "its message names the field");
		ok(strstr(refusal.message, "[a-z]"), "and has the rule, also after a long value");
	}
	ok(!id_valid(NULL), "no id at all");
}

static void test_names(void)
{
	static const struct {
		const char *name, *id;
	} cases[] = {
		{ "indexers/a", "a" },
		{ "indexers/" A63, A63 },
		{ "indexers/" A64, NULL },
		{ "indexers/", NULL },
		{ "indexers", NULL },
		{ "", NULL },
		{ "a", NULL },
		{ "Indexers/a", NULL },
		{ "indexers//a", NULL },
		{ "/indexers/a", NULL },
		{ "indexers/a/", NULL },
		{ "indexers/a/b", NULL },
		{ "indexers/..", NULL },
		{ "indexers/%61", NULL },
		{ "indexers/A", NULL },
		{ "indexers/a\xc3", NULL },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};
		const char *id = "untouched";
		int r = id_from_name(cases[i].name, "name", &id, &refusal);

		is_int(r, cases[i].id ? 0 : REFUSED, "name %zu", i);
		is_str(id, cases[i].id ? cases[i].id : "untouched", "its id");
		if (r == REFUSED) {
			is_int(refusal.code, CODE_INVALID_ARGUMENT, "its code");
			is_str(refusal.reason, "NAME_INVALID", "its reason");
			is_str(refusal.field, "name", "its field");
		}
	}
}

#define HEX32 "0123456789abcdef0123456789abcdef"

static void test_slices(void)
{
	static const struct {
		const char *slice;
		bool is_tree;
	} cases[] = {
		{ "indexer-" HEX32 ".slice", true },
		{ "indexer-" HEX32 "0.slice", false },
		{ "indexer-0123456789abcdef0123456789abcde.slice", false },
		{ "indexer-0123456789abcdef0123456789abcdeF.slice", false },
		{ "indexer-0123456789abcdef-123456789abcdef.slice", false },
		{ "indexer-" HEX32 ".scope", false },
		{ "indexes-" HEX32 ".slice", false },
		{ "indexer.slice", false },
		{ "", false },
	};
	char uid[ID128_TEXT_MAX], slice[SLICE_MAX_SIZE];

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		strcpy(uid, "untouched");
		is_int(slice_is_tree(cases[i].slice, strlen(cases[i].slice), uid), cases[i].is_tree,
		       "slice '%s'", cases[i].slice);
		is_str(uid, cases[i].is_tree ? HEX32 : "untouched", "its uid");
	}
	slice_from_uid(HEX32, slice);
	is_str(slice, cases[0].slice, "a tree's slice");
	ok(!slice_is_tree(slice, strlen(slice) - 1, NULL), "and not a part of it");
	memset(slice + strlen("indexer-"), '\0', 1);
	ok(!slice_is_tree(slice, SLICE_MAX_SIZE - 1, NULL), "nor one with a NUL in it");
}

static void test_units(void)
{
	static const struct {
		const char *unit, *id;
	} cases[] = {
		{ "indexer-a.service", "a" },
		{ "indexer-a-b.service", "a-b" },
		{ "indexer-" A63 ".service", A63 },
		{ "indexer-" A64 ".service", NULL },
		{ "indexer-.service", NULL },
		{ "indexer-a", NULL },
		{ "indexer-a.slice", NULL },
		{ "indexer-a.service.service", NULL },
		{ "indexer-a.servic", NULL },
		{ "indexer-A.service", NULL },
		{ "indexer-a-.service", NULL },
		{ "indexerd.service", NULL },
		{ "indexer.slice", NULL },
		{ "indexer-", NULL },
		{ "indexer-a@b.service", NULL },
		{ ".service", NULL },
		{ "", NULL },
	};
	char name[NAME_MAX_SIZE], unit[UNIT_MAX_SIZE], id[ID_MAX];

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		strcpy(id, "untouched");
		is_int(id_from_unit(cases[i].unit, id), cases[i].id != NULL, "unit '%s'",
		       cases[i].unit);
		is_str(id, cases[i].id ? cases[i].id : "untouched", "its id");
	}
	for (size_t i = 0; i < ELEMENTSOF(ids); i++) {
		if (!ids[i].valid)
			continue;
		name_from_id(ids[i].id, name);
		is_str(name + strlen(NAME_PREFIX), ids[i].id, "name of %s", ids[i].id);
		unit_from_id(ids[i].id, unit);
		ok(id_from_unit(unit, id) && streq(id, ids[i].id), "unit there and back");
	}
}

static void test_levels(void)
{
	static const enum level of_priority[2][8] = {
		{ LEVEL_ERROR, LEVEL_ERROR, LEVEL_ERROR, LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO,
		  LEVEL_INFO, LEVEL_DEBUG },
		{ LEVEL_ERROR, LEVEL_ERROR, LEVEL_ERROR, LEVEL_ERROR, LEVEL_WARNING, LEVEL_INFO,
		  LEVEL_INFO, LEVEL_TRACE },
	};
	static const int priorities[] = { 6, 7, 7, 6, 4, 3 }, limits[] = { 7, 7, 7, 6, 4, 3 };
	static const char *const names[] = { NULL, "trace", "debug", "info", "warning", "error" };
	static const char *const wrong[] = { "", "warnin", "infos", "unknown", "3", "i" };

	for (int trace = 0; trace < 2; trace++)
		for (int p = 0; p < 8; p++)
			is_int(level_from_priority(p, trace), of_priority[trace][p],
			       "priority %d, trace %d", p, trace);
	is_int(level_from_priority(-1, 0), LEVEL_INFO, "no priority");
	for (enum level l = LEVEL_UNKNOWN; l <= LEVEL_ERROR; l++) {
		is_int(priority_from_level(l), priorities[l], "level %d is written", (int)l);
		is_int(priority_limit_of_level(l), limits[l], "level %d as a minimum", (int)l);
		if (names[l])
			is_int(level_from_name(names[l]), l, "level of %s", names[l]);
	}
	is_int(level_from_name("WaRn"), LEVEL_WARNING, "warn, case ignored");
	is_int(level_from_name("ERR"), LEVEL_ERROR, "err");
	for (size_t i = 0; i < ELEMENTSOF(wrong); i++)
		is_int(level_from_name(wrong[i]), -EINVAL, "no level '%s'", wrong[i]);
	is_int(priority_limit_of_level((enum level)6), 7, "a level from the future limits nothing");
	is_int(priority_limit_of_level((enum level) - 1), 7, "nor does a negative one");
}

static void test_lists(void)
{
	struct kv_list list = {};
	char key[8];
	bool sorted = true;
	int news = 0;

	for (int i = 0; i < 100; i++) {
		snprintf(key, sizeof(key), "k%d", i * 37 % 100);
		kv_list_set(&list, key, "old");
	}
	is_int(list.n, 100, "a hundred keys");
	for (size_t i = 1; i < list.n; i++)
		sorted = sorted && strcmp(list.items[i - 1].key, list.items[i].key) < 0;
	ok(sorted, "sorted by bytes");
	kv_list_set(&list, "k50", "new");
	is_int(list.n, 100, "a key twice is one");
	for (size_t i = 0; i < list.n; i++)
		news += streq(list.items[i].key, "k50") && streq(list.items[i].value, "new");
	is_int(news, 1, "with the last value");
	kv_list_set(&list, "", "");
	ok(list.items[0].key[0] == '\0' && list.items[0].value[0] == '\0',
	   "an empty key and value come first");
	kv_list_set(&list, "k", "short");
	is_str(list.items[1].key, "k", "a prefix is a key of its own, before the longer ones");
	kv_list_set(&list, "é", "x");
	is_str(list.items[102].key, "é", "bytes above ASCII come last");
	kv_list_clear(&list);
	ok(list.n == 0 && !list.items, "cleared");
	kv_list_set(&list, "a", "b");
	is_str(list.items[0].value, "b", "and used again");
	kv_list_clear(&list);
}

static struct view *make_view(const char *id, const char *uid, const char *parent)
{
	_cleanup_(definition_unrefp) struct definition *definition = NULL;
	struct status status = { .state = STATE_RUNNING, .message = (char *)"words" };
	struct view *view = NULL;

	if (definition_new(&definition) < 0)
		abort();
	strcpy(definition->id, id);
	strcpy(definition->uid, uid);
	if (parent)
		string_set(&definition->spawned_by, parent);
	if (view_new(definition, &status, &view) < 0)
		abort();
	return view;
}

static void test_definitions(void)
{
	_cleanup_(definition_unrefp) struct definition *d = NULL;
	_cleanup_(view_unrefp) struct view *view = make_view("a", "u", NULL);
	char etag[17], other[17];

	is_int(definition_new(&d), 0, "a definition");
	ok(!*d->project_source && !*d->project_dir && !*d->script && !*d->runtime && !*d->preset &&
		   !d->spawned_by && d->n_args == 0,
	   "is empty");
	string_set(&d->script, "x");
	string_set(&d->script, NULL);
	is_str(d->script, "", "NULL is an empty string");
	definition_add_arg(d, "1");
	definition_add_arg(d, "");
	ok(d->n_args == 2 && streq(d->args[0], "1") && streq(d->args[1], ""), "arguments");
	ok(definition_ref(d) == d, "a reference");
	ok(definition_unref(d) == NULL && d->n_args == 2, "given back");
	ok(definition_unref(NULL) == NULL && view_unref(NULL) == NULL, "nothing is given back");

	strcpy(d->uid, "0123456789abcdef0123456789abcdef");
	definition_etag(d, etag);
	is_int(strlen(etag), 16, "an etag of 16 digits");
	is_int(strspn(etag, "0123456789abcdef"), 16, "hexadecimal");
	definition_etag(d, other);
	is_str(other, etag, "the same for the same");
	d->generation++;
	definition_etag(d, other);
	ok(!streq(other, etag), "another for another generation");
	d->generation--;
	d->uid[31] = '0';
	definition_etag(d, other);
	ok(!streq(other, etag), "another for another uid");

	is_str(view->status.message, "words", "a view has its own copy of the message");
	status_clear(&view->status);
	ok(!view->status.message && view->status.state == STATE_UNSPECIFIED, "status cleared");
}

/* root <- mid <- leaf; stray's parent is missing; loop-a and loop-b are each other's. */
static struct snapshot *make_snapshot(void)
{
	struct view **views = calloc(6, sizeof(*views));
	struct snapshot *snapshot = NULL;

	views[0] = make_view("leaf", "u-leaf", "mid");
	views[1] = make_view("loop-a", "u-loop-a", "loop-b");
	views[2] = make_view("loop-b", "u-loop-b", "loop-a");
	views[3] = make_view("mid", "u-mid", "root");
	views[4] = make_view("root", "u-root", NULL);
	views[5] = make_view("stray", "u-stray", "missing");
	if (snapshot_new(views, 6, &snapshot) < 0)
		abort();
	return snapshot;
}

static void test_snapshots(void)
{
	static const struct {
		const char *id, *uid;
		bool within;
	} within[] = {
		{ "leaf", "u-leaf", true },    { "leaf", "u-mid", true },
		{ "leaf", "u-root", true },    { "root", "u-root", true },
		{ "root", "u-leaf", false },   { "mid", "u-leaf", false },
		{ "leaf", "u-stray", false },  { "stray", "u-stray", true },
		{ "stray", "u-root", false },  { "stray", "u-missing", false },
		{ "nobody", "u-root", false }, { "loop-a", "u-loop-b", true },
		{ "loop-a", "u-root", false }, { "leaf", "", false },
	};
	static const struct {
		const char *id;
		size_t index;
	} after[] = {
		{ "", 0 },    { "a", 0 },    { "leaf", 1 },  { "leaf-", 1 }, { "lea", 0 },
		{ "mid", 4 }, { "root", 5 }, { "stray", 6 }, { "zz", 6 },
	};
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot = make_snapshot();
	_cleanup_(snapshot_unrefp) struct snapshot *empty = NULL;

	is_int(snapshot_size(snapshot), 6, "six views");
	for (size_t i = 0; i < 6; i++) {
		struct view *view = snapshot_at(snapshot, i);

		ok(snapshot_find(snapshot, view->definition->id) == view, "found %s",
		   view->definition->id);
	}
	ok(!snapshot_find(snapshot, "") && !snapshot_find(snapshot, "lea") &&
		   !snapshot_find(snapshot, "leaf-") && !snapshot_find(snapshot, "zz"),
	   "others are not found");
	for (size_t i = 0; i < ELEMENTSOF(after); i++)
		is_int(snapshot_after(snapshot, after[i].id), after[i].index, "after '%s'",
		       after[i].id);
	for (size_t i = 0; i < ELEMENTSOF(within); i++)
		is_int(snapshot_is_within(snapshot, within[i].id, within[i].uid), within[i].within,
		       "%s within %s", within[i].id, within[i].uid);

	is_int(snapshot_new(NULL, 0, &empty), 0, "an empty snapshot");
	ok(!snapshot_find(empty, "a") && snapshot_after(empty, "") == 0 &&
		   !snapshot_is_within(empty, "a", "u"),
	   "has nothing in it");
}

#define ROUNDS 20000

static void *read_box(void *userdata)
{
	uintptr_t wrong = 0;

	for (int i = 0; i < ROUNDS; i++) {
		_cleanup_(snapshot_unrefp) struct snapshot *snapshot = snapshot_box_get(userdata);
		size_t n = snapshot_size(snapshot);

		wrong += n != 0 && n != 6;
		wrong += n == 6 && !streq(snapshot_find(snapshot, "mid")->status.message, "words");
	}
	return (void *)wrong;
}

/* Two readers and a writer: a snapshot lives as long as anybody holds it (see it under sanitizers).
 */
static void test_box(void)
{
	struct snapshot_box *box = NULL;
	struct snapshot *held;
	pthread_t readers[2];
	void *wrong;

	is_int(snapshot_box_new(&box), 0, "a box");
	held = snapshot_box_get(box);
	is_int(snapshot_size(held), 0, "with an empty snapshot");
	for (size_t i = 0; i < 2; i++)
		pthread_create(&readers[i], NULL, read_box, box);
	for (int i = 0; i < 1000; i++)
		snapshot_box_put(box, make_snapshot());
	for (size_t i = 0; i < 2; i++) {
		pthread_join(readers[i], &wrong);
		is_int((uintptr_t)wrong, 0, "a reader sees whole snapshots only");
	}
	is_int(snapshot_size(held), 0, "a held one stays as it was");
	snapshot_unref(held);
	held = snapshot_box_get(box);
	ok(snapshot_box_free(box) == NULL, "the box goes");
	is_int(snapshot_size(held), 6, "what was taken out of it stays");
	snapshot_unref(held);
	ok(snapshot_box_free(NULL) == NULL, "no box");
}

#define UID_A "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define UID_B "0123456789abcdef0123456789abcdef"

static void test_lineages(void)
{
	static const char *const bad[] = {
		"",
		"/",
		UID_A "/",
		"/" UID_A,
		UID_A " " UID_B,
		UID_A "/" UID_B "0",
		UID_A UID_B,
		UID_A "//" UID_B,
		"x" UID_A,
	};
	char lineage[LINEAGE_MAX], full[LINEAGE_MAX + ID128_TEXT_MAX] = "";

	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		ok(!lineage_parse(bad[i], strlen(bad[i]), lineage) && !*lineage,
		   "'%s' is no lineage", bad[i]);
	ok(lineage_parse(UID_A "/" UID_B "more", 2 * ID128_TEXT_MAX - 1, lineage), "a lineage");
	is_str(lineage, UID_A "/" UID_B, "is copied");
	is_int((long long)lineage_levels(lineage), 2, "with two levels");
	is_str(lineage_own(lineage), UID_B, "and the own uid at its end");
	ok(lineage_has(lineage, UID_A) && lineage_has(lineage, UID_B), "both are in it");
	ok(!lineage_has(lineage, "0123456789abcdef0123456789abcdee") &&
		   !lineage_has(lineage, UID_A "/") && !lineage_has(lineage, "a") &&
		   !lineage_has(lineage, "") && !lineage_has("", UID_A),
	   "no other is");
	is_str(lineage_own(""), "", "an empty one has no own uid");
	for (size_t i = 0; i < LINEAGE_LEVELS_MAX; i++)
		(void)strcat(full, i ? "/" UID_A : UID_A);
	ok(lineage_parse(full, strlen(full), lineage) &&
		   lineage_levels(lineage) == LINEAGE_LEVELS_MAX,
	   "the longest");
	(void)strcat(full, "/" UID_A);
	ok(!lineage_parse(full, strlen(full), lineage), "one more is too many");
}

int main(void)
{
	test_ids();
	test_names();
	test_units();
	test_slices();
	test_levels();
	test_lists();
	test_lineages();
	test_definitions();
	test_snapshots();
	test_box();
	return tap_done();
}
