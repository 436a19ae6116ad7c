/*
 * Runtimes: the set of them, those that are shipped, and what is checked of a project.
 *
 * The project lies in a mount namespace of this test's own, for /tmp and /home are hidden from
 * indexers and whatever lies there is refused. Where no namespace is to be had, those checks are
 * skipped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/log.h"
#include "common/util.h"
#include "project-place.h"
#include "runtime-helper.h"
#include "tap.h"

/* -1 where it is not there. */
static int64_t value_of(const struct progress_values *values, enum progress_value value)
{
	return values->found & 1u << value ? (int64_t)values->value[value] : -1;
}

/* Lines of real programs, under the patterns that a runtime comes with. */
static void test_shipped_progress(const struct runtime_set *set)
{
	static const struct {
		const char *runtime, *line;
		int64_t current, head; /* -1: not there */
	} rows[] = {
		{ "apibara",
		  "transfers | info Transforming block | orderKey:  1234n  | finality:  accepted",
		  1234, -1 },
		{ "apibara", "[info] Transforming block | orderKey:  0n", 0, -1 },
		{ "apibara", "transfers | info Block 2: 3 transfers", -1, -1 },
		{ "apibara", "  endCursor: { orderKey: 1234n, uniqueKey: undefined }", -1, -1 },
		{ "node", "{\"level\":20,\"time\":1795633892733,\"block\":7,\"msg\":\"accepted\"}",
		  7, -1 },
		{ "node", "{ block: 1, nested: { a: [ 1, 2 ] } }", -1, -1 },
		{ "exec",
		  "2024-11-19T11:35:45.123996Z  INFO handle block batch block=7 status=accepted", 7,
		  -1 },
		{ "exec", "time=2026-01-31T12:00:00Z level=INFO msg=moved block=7 head=9", 7, 9 },
		{ "exec", "{\"message\": \"moved\", \"block\": 7, \"head\": 9}", 7, 9 },
		{ "exec", "block 7", -1, -1 },
		{ "exec", "block=7.5", -1, -1 },
		{ "exec", "head=9", -1, -1 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct runtime *r = runtime_set_find(set, rows[i].runtime);
		struct progress_patterns patterns = {};
		struct progress_values values;
		const char *problem;
		size_t at;

		for (size_t k = 0; k < r->n_progress; k++)
			assert(progress_patterns_add(&patterns, r->progress[k], &problem, &at) ==
			       0);
		(void)progress_patterns_find(&patterns, rows[i].line, strlen(rows[i].line),
					     &values);
		is_int(value_of(&values, PROGRESS_CURRENT), rows[i].current, "%s: %s: current",
		       rows[i].runtime, rows[i].line);
		is_int(value_of(&values, PROGRESS_HEAD), rows[i].head, "head");
	}
}

static void test_shipped(void)
{
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);
	const struct runtime *r = runtime_set_find(set, "apibara");

	is_int(set->n, 6, "six shipped runtimes");
	ok(runtime_set_is_good(set), "each of them a good one");
	for (size_t i = 0; i < set->n; i++)
		ok(!set->runtimes[i]->broken, "%s", set->runtimes[i]->path);
	is_str(r ? runtime_description(r) : NULL, "A built Apibara project (v2)", "apibara");
	r = runtime_set_find(set, "exec");
	ok(r && template_program_is(r->exec, TEMPLATE_SCRIPT_PATH),
	   "exec: the script is the program");
	ok(!runtime_set_find(set, "nope"), "no other");
	test_shipped_progress(set);
	runtime_set_free(set);
}

struct expected {
	const char *runtime, *source, *dir, *script;
	const char *field; /* NULL: it resolves */
	const char *reason;
	const char *words;
};

static void check(const struct runtime_set *set, const struct expected *e)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *d = definition_make(e->runtime, e->source, e->dir, e->script);
	const struct runtime *runtime = NULL;
	int r = runtime_resolve(set, d, NULL, &runtime, &refusal);
	enum code code = e->field && streq(e->reason, "PROJECT_SOURCE_UNSERVED")
				 ? CODE_UNIMPLEMENTED
				 : CODE_INVALID_ARGUMENT;

	definition_unref(d);
	if (!e->field) {
		ok(r == 0 && runtime && runtime == runtime_set_find(set, e->runtime),
		   "%s: '%s' '%s' '%s'", e->runtime, e->source, e->dir, e->script);
	} else {
		ok(r == REFUSED && !runtime && streq(refusal.reason, e->reason) &&
			   refusal.code == code && streq(refusal.field, e->field) &&
			   strstr(refusal.message, e->words),
		   "%s: '%.50s' '%s' '%s': %s", e->runtime, e->source, e->dir, e->script,
		   e->reason);
	}
	if (r != (e->field ? REFUSED : 0) || getenv("VERBOSE"))
		printf("# %s %s\n", r == REFUSED ? refusal.reason : "resolved",
		       r == REFUSED ? refusal.message : "");
}

#define SOURCE "indexer.project_source"
#define DIR_   "indexer.project_dir"
#define SCRIPT "indexer.script"

static void test_no_place(void)
{
	static const struct expected cases[] = {
		{ "foo", "/", "", "x", "indexer.runtime", "RUNTIME_UNKNOWN",
		  "'foo'; known: apibara, apibara-sink, deno, exec, node, python" },
		{ "node", "", "", "x", SOURCE, "PROJECT_SOURCE_REQUIRED", "empty" },
		{ "node", "a/b", "", "x", SOURCE, "PATH_NOT_ABSOLUTE", "'a/b'" },
		{ "node", "a/me@x:y", "", "x", SOURCE, "PATH_NOT_ABSOLUTE", "'a/me@x:y'" },
		{ "node", "/srv/nope.tar.xz", "", "x", SOURCE, "PROJECT_SOURCE_UNSERVED",
		  "archives are .tar.gz" },
		{ "node", "/home/nobody/x", "", "x", SOURCE, "PATH_HIDDEN", "under /home" },
		{ "node", "//root/.", "", "x", SOURCE, "PATH_HIDDEN", "under /root" },
		{ "node", "/tmp", "", "x", SOURCE, "PATH_HIDDEN", "under /tmp" },
		{ "node", "/proc/self/cwd", "", "x", SOURCE, "PATH_HIDDEN", "under /proc" },
		{ "node", "/nope-nope", "", "x", SOURCE, "PATH_MISSING", "No such file" },
		{ "node", "/etc/passwd", "", "x", SOURCE, "PATH_NOT_A_DIRECTORY", "/etc/passwd" },
		{ "node", "/etc/passwd/x", "", "x", SOURCE, "PATH_UNREADABLE", "Not a directory" },
	};
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

static void make_project(void)
{
	sh("mkdir -p p/d/.apibara/build p/d/sub other closed/p home run");
	sh("ln -s /mnt/p link && ln -s /mnt/p/d/a.js p/d/inside.js && ln -s /etc/passwd "
	   "p/d/out.js");
	sh("ln -s /mnt/other p/away && ln -s loop p/loop && ln -s /tmp p/tmp && ln -s /tmp tmp");
	sh("touch p/d/a.js closed/p/a.js 'p/d/a b; $(x).js' && touch p/d/run p/d/x.tar.gz");
	sh("mkdir p.tar.gz && touch p.tar.gz/a.js && touch q.tgz");
	sh("chmod 750 closed && chmod 755 p/d/run && touch p/d/secret.js && chmod 600 "
	   "p/d/secret.js");
	sh("touch p/d/mine && chmod 700 p/d/mine && mkfifo p/d/fifo && mkdir p/d/unbuilt");
	sh("touch p/d/.apibara/build/start.mjs");
	/* The shipped files, but for programs that may not be installed here. */
	sh("mkdir runtimes && for f in " SHIPPED_RUNTIMES
	   "/*.conf; do sed 's,^Exec=/usr/bin/[a-z0-9]*,Exec=/bin/sh,' $f > runtimes/${f##*/}; "
	   "done");
}

static void test_preset(void)
{
	static const struct {
		const char *runtime, *preset;
		bool refused;
	} cases[] = {
		{ "apibara", "main", false },
		{ "node", "", false },
		{ "node", "main", true },
		{ "exec", "main", true },
	};
	struct runtime_set *set = load("/mnt/runtimes", NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};
		struct definition *d = definition_make(cases[i].runtime, "/mnt/p", "d", "run");
		const struct runtime *runtime = NULL;
		bool is_refused;

		if (string_set(&d->preset, cases[i].preset) < 0)
			abort();
		is_refused = runtime_resolve(set, d, NULL, &runtime, &refusal) == REFUSED &&
			     streq(refusal.reason, "PRESET_UNUSED");
		ok(is_refused == cases[i].refused, "%s with preset '%s': %s", cases[i].runtime,
		   cases[i].preset, is_refused ? refusal.message : "taken");
		definition_unref(d);
	}
	runtime_set_free(set);
}

static void test_place(void)
{
	static const struct expected cases[] = {
		{ "node", "/mnt/p", "d", "a.js" },
		{ "node", "/mnt//p/./", "d/", "./a.js" },
		{ "node", "/mnt/p/d", "", "a.js" },
		{ "node", "/mnt/other/../p", "d/sub", "../a.js" },
		{ "node", "/mnt/link", "d", "inside.js" },
		{ "node", "/mnt/p", "d", "a b; $(x).js" },
		{ "node", "/mnt/p.tar.gz", "", "a.js" },
		{ "exec", "/mnt/p", "d", "run" },
		{ "apibara", "/mnt/p", "d", "no file at all" },
		{ "node", "/mnt/p", "nope", "a.js", DIR_, "PATH_MISSING", "'nope'" },
		{ "node", "/mnt/p", "d/a.js", "a.js", DIR_, "PATH_NOT_A_DIRECTORY", "'d/a.js'" },
		{ "node", "/mnt/p", "away", "a.js", DIR_, "PATH_OUTSIDE_SOURCE", "'/mnt/other'" },
		{ "node", "/mnt/p", "..", "a.js", DIR_, "PATH_OUTSIDE_SOURCE", "'..'" },
		{ "node", "/mnt/p", "loop", "a.js", DIR_, "PATH_UNREADABLE", "symbolic links" },
		{ "node", "/mnt/tmp", "", "a.js", SOURCE, "PATH_HIDDEN", "under /tmp" },
		{ "node", "/mnt/p", "d", "", SCRIPT, "SCRIPT_REQUIRED", "empty" },
		{ "node", "/mnt/p", "d", "-e", SCRIPT, "SCRIPT_INVALID", "'-e'" },
		{ "apibara", "/mnt/p", "d", "--help", SCRIPT, "SCRIPT_INVALID", "'--help'" },
		{ "node", "/mnt/p", "d", "nope.js", SCRIPT, "PATH_MISSING", "'nope.js'" },
		{ "node", "/mnt/p", "d", "out.js", SCRIPT, "PATH_OUTSIDE_SOURCE", "'/etc/passwd'" },
		{ "node", "/mnt/p", "d", "../../other", SCRIPT, "PATH_OUTSIDE_SOURCE", "leaves" },
		{ "node", "/mnt/p", "d", "/mnt/p/d/a.js", SCRIPT, "PATH_NOT_RELATIVE", "relative" },
		{ "node", "/mnt/p", "d", "sub", SCRIPT, "SCRIPT_NOT_A_FILE", "'sub'" },
		{ "node", "/mnt/p", "d", "fifo", SCRIPT, "SCRIPT_NOT_A_FILE", "'fifo'" },
		{ "exec", "/mnt/p", "d", "a.js", SCRIPT, "SCRIPT_NOT_EXECUTABLE", "chmod +x" },
		{ "exec", "/mnt/p", "d", "mine", SCRIPT, "PATH_UNREADABLE", "chmod o+x" },
		{ "node", "/mnt/p", "d", "secret.js", SCRIPT, "PATH_UNREADABLE", "mode 0600" },
		{ "node", "/mnt/closed/p", "", "a.js", SOURCE, "PATH_UNREADABLE",
		  "'/mnt/closed' (mode" },
		{ "apibara", "/mnt/p", "d/unbuilt", "x", SOURCE, "PROJECT_NOT_READY",
		  "apibara build" },
	};
	struct runtime_set *set = load("/mnt/runtimes", NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

/* What an access list looks like to the kernel: version 2, then tag, permissions and id. */
static void grant_by_list(const char *path)
{
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entries[5];
	} list = { 2,
		   { { 1, 7, UINT32_MAX },
		     { 4, 5, UINT32_MAX },
		     { 8, 5, 0 },
		     { 16, 5, UINT32_MAX },
		     { 32, 0, UINT32_MAX } } };

	if (setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0) < 0)
		printf("# no access lists here: %m\n");
}

static void test_access(void)
{
	static const struct expected open = { "node", "/mnt/closed/p", "", "a.js" };
	struct runtime_set *set = load("/mnt/runtimes", NULL);
	struct stat st;

	if (stat("/mnt/closed", &st) < 0)
		abort();
	set->unit_group = st.st_gid;
	check(set, &open);
	set->unit_group = (gid_t)-1;
	grant_by_list("/mnt/closed");
	check(set, &open);
	runtime_set_free(set);
}

static void test_override(void)
{
	static const struct expected cases[] = {
		{ "node", "/mnt/p", "d", "a.js", "indexer.runtime", "RUNTIME_BROKEN", "'node'" },
		{ "homely", "/root", "", "a.js", SCRIPT, "PATH_MISSING", "a.js" },
		{ "shut", "/mnt/p", "d", "a.js", SOURCE, "PATH_HIDDEN", "under /mnt/p" },
		{ "shut", "/mnt/other", "", "a.js", SOURCE, "PATH_HIDDEN", "under /mnt/other/" },
	};
	struct runtime_set *set;

	sh("mkdir -p etc && echo nonsense > etc/node.conf && touch etc/.x.conf etc/B.conf "
	   "etc/README");
	write_file("/mnt/etc/homely.conf",
		   "[Runtime]\nExec=/bin/cat ${SCRIPT_PATH}\n[Service]\nProtectHome=read-only\n");
	write_file("/mnt/etc/shut.conf",
		   "[Runtime]\nExec=/bin/cat ${SCRIPT_PATH}\n[Service]\nInaccessiblePaths=-/mnt/p "
		   "/mnt/other/\n");
	sh("mkdir etc/dir.conf && ln -s /dev/zero etc/zero.conf && ln -s nowhere etc/gone.conf");
	set = load("/mnt/etc", SHIPPED_RUNTIMES);
	is_int(set->n, 11, "files of both directories");
	ok(!runtime_set_find(set, "node"), "a broken file does not fall back to the shipped one");
	ok(runtime_set_find(set, "exec"), "the shipped ones that nothing replaces are there");
	ok(!runtime_set_find(set, "dir") && !runtime_set_find(set, "zero") &&
		   !runtime_set_find(set, "gone"),
	   "neither directories, devices nor dangling links");
	sh("mount -t tmpfs -o mode=0755 tmpfs /root");
	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

int main(void)
{
	log_set_max_priority(getenv("VERBOSE") ? LOG_DEBUG : -1);
	test_shipped();
	test_no_place();
	if (!make_place()) {
		ok(true, "a mount namespace # SKIP %s", strerrordesc_np(errno));
		return tap_done();
	}
	make_project();
	test_preset();
	test_place();
	test_access();
	test_override();
	return tap_done();
}
