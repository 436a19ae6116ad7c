/*
 * Projects that were fetched: they are looked at where they lie, whatever their source's text is,
 * and built as their runtime says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "project-place.h"
#include "runtime/private.h"
#include "tap.h"

#define URL  "https://example.org/p.git#main"
#define TREE "/mnt/cache/key/tree"

static struct runtime_set *load(void)
{
	static const char *const directories[] = { "/mnt/runtimes", NULL };
	struct runtime_set *set = NULL;

	if (runtime_set_load(directories, &set) < 0)
		abort();
	return set;
}

static void make_projects(void)
{
	sh("mkdir -p cache/key/tree/d/sub cache/other runtimes && cd cache/key/tree && "
	   "echo > d/a.js && echo > d/mine && chmod 700 d/mine && ln -s ../../../other d/away "
	   "&& "
	   "ln -s /etc/passwd d/passwd && ln -s sub/../a.js d/link.js");
	/* Nobody comes through here but who is shown what is behind it. */
	sh("chmod 700 cache");
	write_file("/mnt/runtimes/plain.conf",
		   "[Runtime]\nExec=/bin/sh ${SCRIPT_PATH} ${SOURCE}\nDetects=script:*.js\n");
	write_file("/mnt/runtimes/built.conf",
		   "[Runtime]\nExec=/bin/sh ${SCRIPT}\nScript=name\nNeeds=${PROJECT}/out/x\n"
		   "NeedsHint=make it\nBuild=sh -c 'echo  \"a\"' ${DIR}\n"
		   "Build=${PROJECT}/node_modules/.bin/make --in=${SOURCE}\n");
	write_file("/mnt/runtimes/lost.conf",
		   "[Runtime]\nExec=/bin/sh ${SCRIPT_PATH}\nBuild=no-such-program-here\n");
}

static void test_place(void)
{
	static const struct {
		const char *dir, *script, *reason, *words;
	} cases[] = {
		{ "", "d/a.js", NULL, NULL },
		{ "d", "link.js", NULL, NULL },
		{ "d", "mine", NULL, NULL }, /* nobody is asked whether he may read it */
		{ "nope", "a.js", "PATH_MISSING", "indexer.project_dir: 'nope' (nope): No such" },
		{ "d", "b.js", "PATH_MISSING", "indexer.script: 'b.js' (d/b.js): No such" },
		{ "d/away", "a.js", "PATH_OUTSIDE_SOURCE",
		  "indexer.project_dir: 'd/away' leads to" },
		{ "d", "passwd", "PATH_OUTSIDE_SOURCE", "'/etc/passwd'" },
		{ "d", "sub", "SCRIPT_NOT_A_FILE", "'sub'" },
		{ "d", "../../x", "PATH_OUTSIDE_SOURCE", "leaves" },
	};
	struct runtime_set *set = load();

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};
		struct definition *d = definition_make("plain", URL, cases[i].dir, cases[i].script);
		const struct runtime *runtime = NULL;
		int r = runtime_resolve(set, d, TREE, &runtime, &refusal);

		if (cases[i].reason)
			ok(r == REFUSED && streq(refusal.reason, cases[i].reason) &&
				   strstr(refusal.message, cases[i].words) &&
				   !strstr(refusal.message, "cache/key/tree/d/b"),
			   "'%s' '%s': %s", cases[i].dir, cases[i].script,
			   refusal.message ? refusal.message : "taken");
		else
			is_int(r, 0, "'%s' '%s'", cases[i].dir, cases[i].script);
		definition_unref(d);
	}
	runtime_set_free(set);
}

static void test_choice(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *d = definition_make("", URL, "d", "a.js");
	struct runtime_set *set = load();

	is_int(runtime_choose(set, d, TREE, &refusal), 0, "a runtime is chosen in the checkout");
	is_str(d->runtime, "plain", "by what is there");
	definition_unref(d);
	runtime_set_free(set);
}

static void test_spec(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *d = definition_make("plain", URL, "d", "a.js");
	const struct kv_list state = {};
	struct runtime_set *set = load();
	Indexerd__Exec__V1__Spec *spec;
	uint8_t *packed = NULL;
	size_t size = 0;

	is_int(runtime_make_spec(runtime_set_find(set, "plain"), d, "/run/p/tree", "unix:/x",
				 &state, &packed, &size, &refusal),
	       0, "the spec of a project that is shown at another place");
	spec = indexerd__exec__v1__spec__unpack(NULL, size, packed);
	is_str(spec->project_source, "/run/p/tree", "has that as its source");
	is_str(spec->argv[1], "/run/p/tree/d/a.js", "and in its command");
	is_str(spec->argv[2], "/run/p/tree", "everywhere");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);
	free(packed);
	definition_unref(d);
	runtime_set_free(set);
}

static void test_build(void)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct runtime_set *set = load();
	struct definition *d = definition_make("built", URL, "d", "name");
	struct build build = {};

	definition_add_arg(d, "of the indexer");
	is_int(runtime_make_build(set, d, TREE, "/run/p/tree", &build, &refusal), 0, "a build");
	is_int(build.n, 2, "of two commands");
	if (build.n == 2) {
		ok(build.commands[0][0][0] == '/', "a program's path is found: %s",
		   build.commands[0][0]);
		is_str(build.commands[0][2], "echo  \"a\"", "words are not split again");
		is_str(build.commands[0][3], "d", "the directory");
		ok(!build.commands[0][4], "and nothing of the indexer's own");
		is_str(build.commands[1][0], "/run/p/tree/d/node_modules/.bin/make",
		       "a program of the project, which is not looked for");
		is_str(build.commands[1][1], "--in=/run/p/tree", "the root");
	}
	build_clear(&build);

	sh("mkdir cache/key/tree/d/out && echo > cache/key/tree/d/out/x");
	is_int(runtime_make_build(set, d, TREE, "/run/p/tree", &build, &refusal), 0, "then");
	is_int(build.n, 0, "nothing is built for what is there");
	string_set(&d->runtime, "plain");
	is_int(runtime_make_build(set, d, TREE, "/run/p/tree", &build, &refusal), 0, "nor");
	is_int(build.n, 0, "by a runtime that builds nothing");
	string_set(&d->runtime, "lost");
	is_int(runtime_make_build(set, d, TREE, "/run/p/tree", &build, &refusal), REFUSED,
	       "a program that is not there");
	is_str(refusal.reason, "RUNTIME_NOT_INSTALLED", "is refused");
	ok(strstr(refusal.message, "no-such-program-here"), "%s", refusal.message);
	definition_unref(d);
	runtime_set_free(set);
}

static void test_unfetched(void)
{
	static const struct {
		const char *runtime, *dir, *script, *reason;
	} cases[] = {
		{ "plain", "any", "thing.js", NULL },
		{ "", "any", "thing.js", NULL },
		{ "nope", "", "thing.js", "RUNTIME_UNKNOWN" },
		{ "", "..", "thing.js", "PATH_OUTSIDE_SOURCE" },
		{ "plain", "", "", "SCRIPT_REQUIRED" },
	};
	struct runtime_set *set = load();

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};
		struct definition *d =
			definition_make(cases[i].runtime, URL, cases[i].dir, cases[i].script);
		int r = runtime_check_unfetched(set, d, &refusal);

		ok(cases[i].reason ? r == REFUSED && streq(refusal.reason, cases[i].reason)
				   : r == 0,
		   "before it is there: '%s' '%s' '%s' %s", cases[i].runtime, cases[i].dir,
		   cases[i].script, r == REFUSED ? refusal.message : "");
		definition_unref(d);
	}
	runtime_set_free(set);
}

int main(void)
{
	log_set_max_priority(-1);
	if (!make_place()) {
		ok(true, "a mount namespace # SKIP %s", strerrordesc_np(errno));
		return tap_done();
	}
	make_projects();
	test_place();
	test_choice();
	test_spec();
	test_build();
	test_unfetched();
	return tap_done();
}
