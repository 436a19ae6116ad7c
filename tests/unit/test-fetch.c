/*
 * indexer-fetch with the real git: local repositories, what fails, and what hostile ones try.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch-helper.h"

static void test_refs(void)
{
	static const struct {
		const char *ref, *is, *file;
	} refs[] = {
		{ "", "main", "two\n" },
		{ "#HEAD", "main", "two\n" },
		{ "#main", "main", "two\n" },
		{ "#plain", "plain", "one\n" },
		{ "#annotated", "annotated", "one\n" },
		{ "#twice", "refs/heads/twice", "one\n" },
		{ "#refs/tags/twice", "refs/tags/twice", "two\n" },
		{ "#refs/tags/annotated", "annotated", "one\n" },
		{ "#feature/x", "feature/x", "three\n" },
	};
	char hex[65];

	for (size_t i = 0; i < ELEMENTSOF(refs); i++) {
		is_int(fetch("file://%s/project%s", top, refs[i].ref), 0, "by '%s'", refs[i].ref);
		is_str(commit_of_result(), commit_of(refs[i].is), "  its commit");
		is_str(content("tree/file"), refs[i].file, "  its files");
	}
	strcpy(hex, commit_of("main~1"));
	is_int(fetch("file://%s/project#%s", top, hex), 0, "by a commit that no ref has");
	is_str(commit_of_result(), hex, "  its commit");
	is_str(content("tree/file"), "one\n", "  its files");
}

static void test_form(void)
{
	char key[SOURCE_KEY_MAX], want[SOURCE_KEY_MAX + 65];
	_cleanup_source_ struct source source = {};
	_cleanup_free_ char *text = NULL;
	char problem[SOURCE_PROBLEM_MAX];

	is_int(fetch("file://%s/project#feature/x", top), 0, "with submodules");
	is_str(content("tree/sub/deep/inner.txt"), "inner\n", "  one in the other");
	ok(sh("! find work/tree -name .git | grep ."), "  no .git is left");
	ok(!is_there("scratch") && !is_there("error") && is_there("result"), "  nor anything else");
	is_int(mode("tree"), 0755, "  anybody may enter");
	is_int(mode("tree/dir"), 0755, "  further, too");
	is_int(mode("tree/file"), 0644, "  and read");
	is_int(mode("tree/run"), 0755, "  and run");
	is_int(mode("result"), 0644, "  the result as well");
	ok(logged("fetching file://") && logged("the project is at commit"),
	   "  all of it is logged");
	if (asprintf(&text, "file://%s/project#feature/x", top) < 0 ||
	    source_parse(text, &source, problem) != 0)
		abort();
	is_int(source_key(&source, commit_of("feature/x"), NULL, key), 0, "the key");
	(void)snprintf(want, sizeof(want), "%s %s ", key, commit_of("feature/x"));
	ok(startswith(content("result"), want), "  is what the daemon makes of it");
}

static void test_known(void)
{
	char key[SOURCE_KEY_MAX], want[SOURCE_KEY_MAX + 80], *keys[] = { key };
	_cleanup_source_ struct source source = {};
	_cleanup_free_ char *text = NULL;
	order_t order;

	if (asprintf(&text, "file://%s/project", top) < 0)
		abort();
	order = order_of(text, &source);
	if (source_key(&source, commit_of("main"), NULL, key) != 0)
		abort();
	order.known_keys = keys;
	order.n_known_keys = 1;
	is_int(carry_out(&order), 0, "what is there");
	(void)snprintf(want, sizeof(want), "%s %s 0\n", key, commit_of("main"));
	is_str(content("result"), want, "  is named");
	ok(!is_there("tree"), "  and not fetched again");
}

static void test_failures(void)
{
	is_int(fetch("file://%s/nothing", top), 1, "no repository");
	ok(strstr(content("error"), "does not appear to be a git repository") ||
		   strstr(content("error"), "does not exist"),
	   "  in git's words: %s", content("error"));
	ok(!is_there("result"), "  and without a result");
	ok(logged("fetching failed: "), "  which the log says too");
	is_int(fetch("file://%s/project#nope", top), 1, "no branch");
	ok(strstr(content("error"), "has no branch or tag 'nope'"), "  in words");
	is_int(fetch("file://%s/project#0123456", top), 1, "a part of an id");
	ok(strstr(content("error"), "all digits of its id"), "  in words");
	is_int(fetch("file://%s/project#0123456789012345678901234567890123456789", top), 1,
	       "no such commit");
	ok(strstr(content("error"), "has no commit 0123456789"), "  in words");
	if (!sh("git init -q empty"))
		abort();
	is_int(fetch("file://%s/empty", top), 1, "an empty repository");
	ok(strstr(content("error"), "it may be empty"), "  in words");
	is_int(fetch("https://127.0.0.1:1/a"), 1, "a server that is not there");
	ok(strstr(content("error"), "127.0.0.1"), "  in git's words: %s", content("error"));
	is_int(fetch("file://%s/project?credential=indexer.none", top), 1, "no such credential");
	ok(strstr(content("error"), "this server has none of that name"), "  in words");
}

/* What a repository of somebody else's may try. */
static void test_hostile(void)
{
	static const struct {
		const char *url, *words;
	} submodules[] = {
		{ "ext::sh -c 'touch /tmp/test-fetch-owned'", "transport 'ext' not allowed" },
		{ "http://127.0.0.1:1/a", "transport 'http' not allowed" },
		{ "git://127.0.0.1:1/a", "transport 'git' not allowed" },
		{ "--upload-pack=touch /tmp/test-fetch-owned", "" },
	};

	for (size_t i = 0; i < ELEMENTSOF(submodules); i++) {
		if (!sh("rm -rf hostile; cp -a project hostile; cd hostile\n"
			"git switch -qf feature/x\n"
			"git config -f .gitmodules submodule.sub.url \"%s\"\n"
			"git commit -qam hostile",
			submodules[i].url))
			abort();
		is_int(fetch("file://%s/hostile#feature/x", top), 1, "a submodule of %s",
		       submodules[i].url);
		ok(strstr(content("error"), submodules[i].words), "  in words: %s",
		   content("error"));
	}
	ok(access("/tmp/test-fetch-owned", F_OK) < 0, "nothing of it was run");
	if (!sh("printf '#!/bin/sh\\ntouch %s/hooked\\n' >hook; chmod 755 hook\n"
		"for h in post-checkout post-merge reference-transaction; do\n"
		"  mkdir -p home/template/hooks; cp hook home/template/hooks/$h\n"
		"  cp hook project/.git/hooks/$h; done\n"
		"git config --global init.templateDir %s/home/template",
		top, top))
		abort();
	is_int(fetch("file://%s/project", top), 0, "with hooks in the user's template");
	ok(sh("test ! -e hooked"), "  none is run");
	ok(sh("git config --global --unset init.templateDir; rm -f project/.git/hooks/post-*"
	      " project/.git/hooks/reference-transaction"),
	   "  (put back)");
}

int main(void)
{
	fetch_begin();
	test_refs();
	test_form();
	test_known();
	test_failures();
	test_hostile();
	fetch_end();
	return tap_done();
}
