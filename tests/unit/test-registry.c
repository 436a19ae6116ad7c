/*
 * The registry's operations: what goes in comes back, refusals, the tree, idempotence.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <limits.h>
#include <sys/stat.h>

#include "common/util.h"
#include "registry-helper.h"

static struct seen seen;

static mode_t mode_of(const char *suffix)
{
	char path[sizeof(test_path) + 8];
	struct stat st;

	snprintf(path, sizeof(path), "%s%s", test_path, suffix);
	return stat(path, &st) < 0 ? 0 : st.st_mode & 07777;
}

static void test_new_file(void)
{
	struct registry *registry = NULL;
	mode_t mask = umask(0);

	is_int(registry_open(test_file("new.db"), &registry), 0, "a new registry opens");
	is_int(test_create(registry, "a", 1, NULL, 10, NULL), 0, "and takes a row");
	is_int(mode_of(""), 0600, "its mode is 0600 whatever the umask is");
	is_int(mode_of("-wal"), 0600, "and that of its log");
	is_int(mode_of("-shm"), 0, "there is no shared memory file");
	registry = registry_close(registry);
	is_int(mode_of("-wal"), 0, "closing leaves one file");
	is_int(test_sql(test_path, "PRAGMA application_id"), 0x69647864, "it is marked as ours");
	is_int(test_sql(test_path, "PRAGMA user_version"), 8, "with the schema's version");

	chmod(test_path, 0644);
	is_int(registry_open(test_path, &registry), 0, "it opens again");
	is_int(mode_of(""), 0600, "and a wider mode is taken back");
	is_int(test_load(registry, &seen), 0, "it loads");
	is_int(seen.n, 1, "the row is there");
	registry_close(registry);
	umask(077);
	is_int(registry_open(test_file("masked.db"), &registry), 0, "under umask 077 too");
	registry_close(registry);
	umask(mask);
	is_int(registry_open("/nonexistent/registry.db", &registry), -ENOENT, "no directory");
}

static struct definition *full_definition(void)
{
	struct definition *d = test_definition("full", 77, "parent");

	kv_list_set(&d->labels, "team", "données 데이터 🦀");
	kv_list_set(&d->labels, "empty", "");
	kv_list_set(&d->environment, "QUOTE", "'; DROP TABLE indexers; --");
	kv_list_set(&d->environment, "LINES", "a\nb\t\"c\" $HOME %n \\");
	string_set(&d->project_source, "/srv/projets/été");
	string_set(&d->project_dir, "sub/dir");
	string_set(&d->script, "main.js");
	string_set(&d->runtime, "node");
	string_set(&d->preset, "sepolia");
	definition_add_arg(d, "--z");
	definition_add_arg(d, "");
	definition_add_arg(d, "--a=ü");
	d->resources = (struct resources){ UINT64_MAX, UINT32_MAX, (uint64_t)INT64_MAX + 1 };
	d->tree_resources = (struct resources){ (uint64_t)INT64_MAX + 2, UINT32_MAX - 1, 9 };
	d->restart = RESTART_NEVER;
	d->backoff = (struct backoff){ 100000, 86400000000 };
	d->create_time = 1700000000123456;
	d->update_time = 1700000000123457;
	d->generation = 3;
	string_set(&d->creator, "user:1000");
	string_set(&d->persistence, "redis redis://u@h:1/2 secret");
	memset(d->checkout.commit, 'a', 40);
	memset(d->checkout.key, '0', HASH_TEXT_MAX - 1);
	return d;
}

/* Lists are sorted, so the same pair stands at the same place in both. */
static void is_pair(const struct kv *got, const struct kv *want, const char *what)
{
	is_str(got->key, want->key, "%s %s", what, want->key);
	is_str(got->value, want->value, "its value");
}

static void compare_definitions(const struct definition *got, const struct definition *want)
{
	is_str(got->id, want->id, "id");
	is_str(got->uid, want->uid, "uid");
	is_str(got->spawned_by, want->spawned_by, "spawned_by");
	is_str(got->project_source, want->project_source, "project_source");
	is_str(got->project_dir, want->project_dir, "project_dir");
	is_str(got->script, want->script, "script");
	is_str(got->runtime, want->runtime, "runtime");
	is_str(got->preset, want->preset, "preset");
	is_str(got->creator, want->creator, "creator");
	is_str(got->persistence, want->persistence, "persistence");
	is_str(got->checkout.commit, want->checkout.commit, "the commit of its project");
	is_str(got->checkout.key, want->checkout.key, "and which checkout that is");
	ok(memcmp(&got->resources, &want->resources, sizeof(got->resources)) == 0, "resources");
	ok(resources_equal(&got->tree_resources, &want->tree_resources), "tree_resources");
	is_int(got->restart, want->restart, "restart");
	is_int(got->backoff.initial, want->backoff.initial, "initial_backoff");
	is_int(got->backoff.max, want->backoff.max, "max_backoff");
	is_int(got->create_time, want->create_time, "create_time");
	is_int(got->update_time, want->update_time, "update_time");
	is_int(got->generation, want->generation, "generation");
	is_int(got->labels.n, want->labels.n, "count of labels");
	for (size_t i = 0; i < want->labels.n; i++)
		is_pair(&got->labels.items[i], &want->labels.items[i], "label");
	is_int(got->environment.n, want->environment.n, "count of variables");
	for (size_t i = 0; i < want->environment.n; i++)
		is_pair(&got->environment.items[i], &want->environment.items[i], "variable");
	is_int(got->n_args, want->n_args, "count of arguments");
	for (size_t i = 0; i < want->n_args; i++)
		is_str(got->args[i], want->args[i], "argument %zu", i);
}

static void test_round_trip(void)
{
	_cleanup_(definition_unrefp) struct definition *d = full_definition();
	_cleanup_refusal_ struct refusal refusal = {};
	struct registry *registry = NULL;
	const struct registry_row *row;

	registry_open(test_file("trip.db"), &registry);
	test_create(registry, "parent", 1, NULL, 10, NULL);
	is_int(registry_create(registry, d, 10, &refusal), 0, "every field goes in");
	registry_close(registry);

	registry_open(test_path, &registry);
	test_load(registry, &seen);
	row = test_find(&seen, "full");
	if (ok(row, "and is there after a restart")) {
		compare_definitions(row->definition, d);
		ok(!row->tombstone && !row->stopped && !row->message && !*row->boot_id &&
			   !*row->invocation_id && row->start_time == 0 &&
			   row->restart_count == 0 &&
			   row->last_exit.reason == EXIT_REASON_UNSPECIFIED,
		   "a new row was never started and has no exit");
	}
	row = test_find(&seen, "parent");
	ok(row && !row->definition->spawned_by && row->definition->n_args == 0, "a bare row too");
	registry_close(registry);
}

static void test_refusals(void)
{
	static const struct {
		const char *id, *parent;
		size_t limit;
		enum code code;
		const char *reason, *field, *resource;
	} cases[] = {
		{ "a", NULL, 10, CODE_ALREADY_EXISTS, "INDEXER_EXISTS", NULL, "indexers/a" },
		{ "a", NULL, 1, CODE_ALREADY_EXISTS, "INDEXER_EXISTS", NULL, "indexers/a" },
		{ "dying", NULL, 10, CODE_ALREADY_EXISTS, "INDEXER_EXISTS", NULL,
		  "indexers/dying" },
		{ "c", "nobody", 10, CODE_FAILED_PRECONDITION, "PARENT_NOT_FOUND",
		  "indexer.spawned_by", "indexers/nobody" },
		{ "c", "c", 10, CODE_FAILED_PRECONDITION, "PARENT_NOT_FOUND", "indexer.spawned_by",
		  "indexers/c" },
		{ "c", "dying", 10, CODE_FAILED_PRECONDITION, "PARENT_DELETING",
		  "indexer.spawned_by", "indexers/dying" },
		{ "c", NULL, 2, CODE_RESOURCE_EXHAUSTED, "INDEXER_LIMIT", NULL, NULL },
		{ "c", "a", 0, CODE_RESOURCE_EXHAUSTED, "INDEXER_LIMIT", NULL, NULL },
	};
	struct registry *registry = NULL;
	struct refusal none = {};

	registry_open(test_file("refusals.db"), &registry);
	test_create(registry, "a", 1, NULL, 10, NULL);
	test_create(registry, "dying", 2, NULL, 10, NULL);
	registry_tombstone(registry, "dying", &none);
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};

		is_int(test_create(registry, cases[i].id, 9, cases[i].parent, cases[i].limit,
				   &refusal),
		       REFUSED, "refusal %zu", i);
		is_int(refusal.code, cases[i].code, "its code is %s", code_name(cases[i].code));
		is_str(refusal.reason, cases[i].reason, "its reason");
		is_str(refusal.field, cases[i].field, "its field");
		is_str(refusal.resource, cases[i].resource, "its resource");
		if (cases[i].code == CODE_RESOURCE_EXHAUSTED)
			ok(strstr(refusal.message, "MaxIndexers= in indexerd.conf") &&
				   streq(refusal.subject, "indexerd"),
			   "and it names the setting and the server");
	}
	is_int(test_create(registry, "c", 9, "a", 3, NULL), 0, "after all that a good one goes in");
	test_load(registry, &seen);
	is_int(seen.n, 3, "and no refused one did");
	is_int(test_create(registry, "d", 9, "a", 9, NULL), -EINVAL,
	       "a uid twice is our own error");
	is_int(test_create(registry, "d", 10, "a", 9, NULL), 0, "and leaves no transaction open");
	registry_close(registry);
}

static void test_tombstones(void)
{
	static const struct {
		const char *id, *parent;
		bool gone;
	} tree[] = {
		{ "root", NULL, false },	{ "factory", "root", true },
		{ "child-1", "factory", true }, { "leaf", "child-1", true },
		{ "child-2", "factory", true }, { "other", "root", false },
	};
	_cleanup_refusal_ struct refusal refusal = {};
	struct registry *registry = NULL;
	char uid[ID128_TEXT_MAX];

	registry_open(test_file("tombs.db"), &registry);
	for (size_t i = 0; i < ELEMENTSOF(tree); i++)
		test_create(registry, tree[i].id, (unsigned)i, tree[i].parent, 99, NULL);
	is_int(registry_tombstone(registry, "nobody", &refusal), REFUSED, "no such indexer");
	is_int(refusal.code, CODE_NOT_FOUND, "its code");
	is_str(refusal.reason, "INDEXER_NOT_FOUND", "its reason");
	is_str(refusal.resource, "indexers/nobody", "its resource");
	for (int round = 0; round < 2; round++) {
		is_int(registry_tombstone(registry, "factory", NULL), 0, "round %d", round);
		test_load(registry, &seen);
		for (size_t i = 0; i < ELEMENTSOF(tree); i++)
			is_int(test_find(&seen, tree[i].id)->tombstone, tree[i].gone, "%s",
			       tree[i].id);
	}
	snprintf(uid, sizeof(uid), "%032x", 1);
	is_int(registry_remove(registry, uid), -EBUSY, "children first");
	snprintf(uid, sizeof(uid), "%032x", 5);
	is_int(registry_remove(registry, uid), -EBUSY, "only the tombstoned");
	snprintf(uid, sizeof(uid), "%032x", 55);
	is_int(registry_remove(registry, uid), -ENOENT, "only those that are there");
	for (int i = 4; i >= 1; i--) {
		snprintf(uid, sizeof(uid), "%032x", (unsigned)i);
		is_int(registry_remove(registry, uid), 0, "%s goes", tree[i].id);
	}
	is_int(registry_remove(registry, uid), -ENOENT, "once");
	is_int(test_create(registry, "factory", 60, "root", 99, NULL), 0, "its id is free again");
	test_load(registry, &seen);
	is_int(seen.n, 3, "three are left");
	registry_close(registry);
}

static void test_removal_takes_all(void)
{
	_cleanup_(definition_unrefp) struct definition *d = full_definition();
	struct registry *registry = NULL;

	registry_open(test_file("all.db"), &registry);
	test_create(registry, "parent", 1, NULL, 10, NULL);
	registry_create(registry, d, 10, NULL);
	registry_tombstone(registry, "full", NULL);
	is_int(registry_remove(registry, d->uid), 0, "a row with everything goes");
	registry_close(registry);
	is_int(test_sql(test_path, "SELECT (SELECT count(*) FROM labels)"
				   " + (SELECT count(*) FROM environment)"
				   " + (SELECT count(*) FROM args)"),
	       0, "and its labels, environment and arguments with it");
	is_int(test_sql(test_path, "SELECT count(*) FROM pragma_foreign_key_check"), 0,
	       "nothing dangles");
}

static void test_results(void)
{
	static const char boot[] = "b0000000000000000000000000000000";
	static const char invocation[] = "10000000000000000000000000000000";
	struct registry_row result = {
		.boot_id = "b0000000000000000000000000000000",
		.invocation_id = "10000000000000000000000000000000",
		.started_run = 7,
		.start_time = UINT64_MAX,
		.restart_count = 4,
		.stopped = true,
		.last_exit = { 500, -1, 9, EXIT_REASON_OUT_OF_MEMORY },
		.cpu_usage = 1234567,
		.message = (char *)"mémoire",
	};
	const struct registry_row *row;
	struct registry *registry = NULL;
	char uid[ID128_TEXT_MAX], nobody[ID128_TEXT_MAX];

	snprintf(uid, sizeof(uid), "%032x", 1);
	snprintf(nobody, sizeof(nobody), "%032x", 2);
	registry_open(test_file("results.db"), &registry);
	test_create(registry, "a", 1, NULL, 10, NULL);

	definition_new(&result.definition);
	strcpy(result.definition->uid, nobody);
	is_int(registry_record(registry, &result), -ENOENT, "nothing recorded");
	is_int(registry_want(registry, nobody, true, 2), -ENOENT, "nothing wanted");
	is_int(registry_fetch(registry, nobody, boot), -ENOENT, "nothing fetched");
	is_int(registry_fetch(registry, uid, boot), 0, "a fetch");
	strcpy(result.definition->uid, uid);
	is_int(registry_record(registry, &result), 0, "an end");
	test_load(registry, &seen);
	row = &seen.rows[0];
	is_str(row->fetch, boot, "the fetch");
	is_str(row->boot_id, boot, "boot");
	is_str(row->invocation_id, invocation, "invocation");
	ok(row->start_time == UINT64_MAX, "start time");
	ok(row->stopped, "it was stopped");
	is_int(row->started_run, 7, "which run was started");
	is_int(row->cpu_usage, 1234567, "processor time");
	is_int(row->restart_count, 4, "restarts");
	is_str(row->message, "mémoire", "last words");
	is_int(row->last_exit.time, 500, "time of the exit");
	is_int(row->last_exit.code, -1, "code");
	is_int(row->last_exit.signal, 9, "signal");
	is_int(row->last_exit.reason, EXIT_REASON_OUT_OF_MEMORY, "reason");

	result = (struct registry_row){ .definition = result.definition, .stopped = true };
	is_int(registry_record(registry, &result), 0, "an unknown end");
	registry_close(registry);
	registry_open(test_path, &registry);
	test_load(registry, &seen);
	row = &seen.rows[0];
	ok(row->stopped && !row->message && row->last_exit.reason == EXIT_REASON_UNSPECIFIED,
	   "after a restart it is stopped, without words or reason");
	definition_unref(result.definition);
	registry_close(registry);
}

static void test_want(void)
{
	struct registry *registry = NULL;
	struct registry_row stopped = { .stopped = true };
	const struct registry_row *row = &seen.rows[0];

	registry_open(test_file("want.db"), &registry);
	test_create(registry, "a", 1, NULL, 10, NULL);
	test_load(registry, &seen);
	ok(row->run == 1 && row->started_run == 0 && !row->halted, "a new row wants its first run");
	stopped.definition = definition_ref(row->definition);
	registry_record(registry, &stopped);
	is_int(registry_want(registry, stopped.definition->uid, true, 1), 0, "halt");
	test_load(registry, &seen);
	ok(row->halted && row->stopped && row->run == 1, "it is halted, and still stopped");
	is_int(registry_want(registry, stopped.definition->uid, false, 2), 0, "start");
	test_load(registry, &seen);
	ok(!row->halted && !row->stopped && row->run == 2, "it is neither, and wants a second run");
	definition_unref(stopped.definition);
	registry_close(registry);
}

static void test_update(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct registry *registry = NULL;
	struct definition *next;
	const struct definition *definition;
	struct registry_row *row = &seen.rows[0];

	registry_open(test_file("update.db"), &registry);
	test_create(registry, "a", 1, NULL, 10, NULL);
	test_load(registry, &seen);
	definition_new(&next);
	strcpy(next->id, "a");
	strcpy(next->uid, row->definition->uid);
	next->create_time = 999;
	next->update_time = 77;
	next->generation = 2;
	next->restart = RESTART_NEVER;
	next->backoff = (struct backoff){ 5, 6 };
	next->tree_resources = (struct resources){ 1 << 20, 2, 3 };
	string_set(&next->script, "other.js");
	kv_list_set(&next->labels, "new", "1");
	kv_list_set(&next->environment, "A", "b");
	definition_add_arg(next, "x");
	is_int(registry_update(registry, next, 5, NULL, 0), 0, "an update");
	test_load(registry, &seen);
	definition = row->definition;
	is_str(definition->script, "other.js", "the script is the new one");
	ok(definition->labels.n == 1 && kv_list_get(&definition->labels, "new"), "the labels too");
	ok(definition->environment.n == 1 && definition->n_args == 1, "environment and arguments");
	ok(definition->generation == 2 && definition->update_time == 77 && row->run == 5,
	   "generation, time and run");
	ok(resources_equal(&definition->tree_resources, &next->tree_resources),
	   "the tree's limits");
	ok(definition->backoff.initial == 5 && definition->backoff.max == 6, "the back-off");
	ok(definition->create_time != 999, "the time of creation stays");
	registry_tombstone(registry, "a", &refusal);
	is_int(registry_update(registry, next, 6, NULL, 0), -ENOENT,
	       "what is being deleted is not updated");
	definition_unref(next);
	registry_close(registry);
}

/* What an update means for others is on disk with it, or not at all. */
static void test_update_of_tree(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct registry_run others[] = { { .run = 4 }, { .run = 9 } };
	struct registry *registry = NULL;
	struct definition *next;

	registry_open(test_file("tree.db"), &registry);
	test_create(registry, "a", 1, NULL, 10, NULL);
	test_create(registry, "b", 2, "a", 10, NULL);
	test_create(registry, "c", 3, "b", 10, NULL);
	test_load(registry, &seen);
	next = definition_ref(seen.rows[0].definition);
	others[0].uid = seen.rows[1].definition->uid;
	others[1].uid = seen.rows[2].definition->uid;
	is_int(registry_update(registry, next, 3, others, 2), 0, "a tree is updated");
	test_load(registry, &seen);
	ok(seen.rows[0].run == 3 && seen.rows[1].run == 4 && seen.rows[2].run == 9,
	   "another run of each is wanted");
	registry_tombstone(registry, "c", &refusal);
	others[0] = (struct registry_run){ seen.rows[1].definition->uid, 5 };
	others[1] = (struct registry_run){ seen.rows[2].definition->uid, 10 };
	is_int(registry_update(registry, next, 4, others, 2), -ENOENT,
	       "one of it is being deleted");
	test_load(registry, &seen);
	ok(seen.rows[0].run == 3 && seen.rows[1].run == 4, "then nothing is changed");
	definition_unref(next);
	registry_close(registry);
}

/* Every parent stands before its children, and siblings stand by id. */
static bool in_order(void)
{
	for (size_t i = 0; i < seen.n; i++) {
		const char *parent = seen.rows[i].definition->spawned_by;
		bool found = !parent;

		for (size_t j = i; j-- > 0;) {
			const struct definition *other = seen.rows[j].definition;

			found = found || streq(other->id, parent);
			if ((!parent && !other->spawned_by) ||
			    (parent && other->spawned_by && streq(parent, other->spawned_by))) {
				if (strcmp(other->id, seen.rows[i].definition->id) >= 0)
					return false;
				if (found)
					break;
			}
		}
		if (!found)
			return false;
	}
	return true;
}

static int stop_at_three(struct registry_row *row, void *userdata)
{
	(void)row;
	return ++*(int *)userdata == 3 ? -ECANCELED : 0;
}

/* Four thousand rows: a chain of 1,000 and 3,000 in a wide tree, put in against their order. */
static void test_many(void)
{
	struct registry *registry = NULL;
	char id[ID_MAX], parent[ID_MAX];
	int failed = 0, calls = 0;
	size_t gone = 0;
	uint64_t begin;

	registry_open(test_file("many.db"), &registry);
	begin = now_usec(CLOCK_MONOTONIC);
	for (unsigned i = 0; i < 1000; i++) {
		snprintf(id, sizeof(id), "chain-%u", 1000 - i);
		snprintf(parent, sizeof(parent), "chain-%u", 1001 - i);
		failed += test_create(registry, id, i, i ? parent : NULL, 4000, NULL) != 0;
	}
	for (unsigned i = 0; i < 3000; i++) {
		snprintf(id, sizeof(id), "wide-%u", 3000 - i);
		snprintf(parent, sizeof(parent), "wide-%u", 3000 - i / 10);
		failed += test_create(registry, id, 1000 + i, i >= 10 ? parent : "chain-500", 4000,
				      NULL) != 0;
	}
	is_int(failed, 0, "4,000 rows go in");
	printf("# %.0f rows/s\n", 4000e6 / (double)(now_usec(CLOCK_MONOTONIC) - begin));
	is_int(test_create(registry, "one-more", 9999, NULL, 4000, NULL), REFUSED, "no more");
	registry_close(registry);

	begin = now_usec(CLOCK_MONOTONIC);
	is_int(registry_open(test_path, &registry), 0, "they open");
	printf("# open: %llu us\n", (unsigned long long)(now_usec(CLOCK_MONOTONIC) - begin));
	begin = now_usec(CLOCK_MONOTONIC);
	is_int(test_load(registry, &seen), 0, "they load");
	printf("# load: %llu us\n", (unsigned long long)(now_usec(CLOCK_MONOTONIC) - begin));
	is_int(seen.n, 4000, "all of them");
	ok(in_order(), "parents before children, siblings by id");
	is_int(registry_load(registry, stop_at_three, &calls), -ECANCELED, "a walk can be ended");
	is_int(calls, 3, "at once");

	begin = now_usec(CLOCK_MONOTONIC);
	is_int(registry_tombstone(registry, "chain-750", NULL), 0, "a deep subtree is marked");
	printf("# tombstone: %llu us\n", (unsigned long long)(now_usec(CLOCK_MONOTONIC) - begin));
	test_load(registry, &seen);
	for (size_t i = 0; i < seen.n; i++)
		gone += seen.rows[i].tombstone;
	is_int(gone, 750 + 3000, "all the way down, and nothing above");
	registry_close(registry);
}

int main(void)
{
	test_begin();
	test_new_file();
	test_round_trip();
	test_refusals();
	test_tombstones();
	test_removal_takes_all();
	test_results();
	test_want();
	test_update();
	test_update_of_tree();
	test_many();
	test_forget(&seen);
	test_end();
	return tap_done();
}
