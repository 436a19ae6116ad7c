/*
 * Builds by indexer-fetch: what they are given, what they leave, and how they fail.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch-helper.h"

/* Builds what make_plain() leaves, by commands of a shell. */
static int build(const char *dir, uint64_t max_bytes, const char *script, const char *second)
{
	Indexerd__Fetch__V1__Command commands[2] = { INDEXERD__FETCH__V1__COMMAND__INIT,
						     INDEXERD__FETCH__V1__COMMAND__INIT };
	Indexerd__Fetch__V1__Command *list[] = { &commands[0], &commands[1] };
	char *one[] = { (char *)"/bin/sh", (char *)"-c", (char *)script },
	     *two[] = { (char *)"/bin/sh", (char *)"-c", (char *)second };
	_cleanup_source_ struct source source = {};
	_cleanup_free_ char *text = NULL, *tree = NULL;
	order_t order;

	if (asprintf(&text, "https://example/project?credential=indexer.token#%s",
		     commit_of("main")) < 0 ||
	    asprintf(&tree, "%s/plain/tree", top) < 0)
		abort();
	order = order_of(text, &source);
	commands[0].argv = one;
	commands[1].argv = two;
	commands[0].n_argv = commands[1].n_argv = ELEMENTSOF(one);
	order.build = list;
	order.n_build = second ? 2 : 1;
	order.build_dir = (char *)dir;
	order.tree = tree;
	order.max_bytes = max_bytes;
	return carry_out(&order);
}

static void test_builds(void)
{
	char key[SOURCE_KEY_MAX];

	make_plain();
	is_int(build("dir", 0,
		     "pwd >made; echo to-the-log; chmod 4711 below; mkfifo p; umask 077;"
		     "mkdir -p a/b; echo x >a/b/c; chmod 0 a/b",
		     "echo again >>made; ln -s /tmp to-tmp; echo secret " TOKEN),
	       0, "a build of two commands");
	ok(strstr(content("tree/dir/made"), "/work/tree/dir\nagain\n"), "  in its directory");
	is_int(mode("tree/dir/below"), 0755, "  with no rights left");
	is_int(mode("tree/dir/a/b/c"), 0644, "  and for all to read");
	ok(!is_there("tree/dir/p") && is_there("tree/dir/to-tmp"), "  only files and links");
	ok(logged("to-the-log") && logged("building: /bin/sh"), "  and logged");
	ok(logged("secret ") && !logged(TOKEN), "  but no secret");
	ok(sh("test ! -e plain/tree/dir/made"), "  what was copied is as it was");
	is_str(commit_of_result(), commit_of("main"), "  of this commit");
	(void)sscanf(content("result"), "%64s", key);
	is_int(build("", 0, "true", NULL), 0, "another build");
	ok(!startswith(content("result"), key), "  has another key");
	is_int(build("", 0,
		     "env >env; cat $HOME/../gitconfig >config; eval \"$GIT_SSH_COMMAND -G h\" "
		     ">ssh; ask() { printf 'protocol=https\\nhost=%s\\n\\n' $1 | "
		     "git credential fill; }; ask example >own; ! ask other >other",
		     NULL),
	       0, "its environment");
	ok(strstr(content("tree/env"), "GIT_SSH_COMMAND=ssh ") &&
		   strstr(content("tree/env"), "\nCI=1\n") &&
		   !strstr(content("tree/env"), "NOTIFY_SOCKET"),
	   "  has what git wants");
	ok(strstr(content("tree/config"), "/indexer-fetch\n") &&
		   !strstr(content("tree/config"), "SECRET"),
	   "  and a helper, but no secret");
	ok(strstr(content("tree/own"), "\nusername=user\npassword=" TOKEN "\n"),
	   "  which has user and password for the project's host");
	ok(is_there("tree/other") && !*content("tree/other"), "  and for no other");
	ok(strstr(content("tree/ssh"), "batchmode yes") || !sh("command -v ssh"),
	   "  and a command that ssh understands");
	is_int(build("", 0,
		     "echo out; echo 'npm ERR! first' >&2; echo 'last " TOKEN "' >&2; exit 3",
		     "touch not-run"),
	       1, "a build that fails");
	ok(startswith(content("error"), "npm ERR! first\nlast *") &&
		   !strstr(content("error"), TOKEN),
	   "  in its own words, without a secret");
	ok(!is_there("tree/not-run") && !is_there("result"), "  is not gone on with");
	is_int(build("", 0, "exit 3", NULL), 1, "one without a word");
	is_str(content("error"), "sh ended with exit code 3", "  is told by its code");
	is_int(build("", 0, "kill -9 $$", NULL), 1, "one that is killed");
	is_str(content("error"), "sh was ended by signal 9", "  is told by the signal");
	is_int(build("nope", 0, "true", NULL), 1, "one in no directory");
	ok(strstr(content("error"), "cannot build in 'nope'"), "  is told");
	is_int(build("..", 0, "true", NULL), 1, "one outside");
	ok(strstr(content("error"), "outside of the project"), "  is told");
	is_int(build("", 1 << 20, "head -c 3000000 /dev/urandom >big", NULL), 1, "one too large");
	ok(strstr(content("error"), "more than the 1048576 bytes"), "  is told");
	is_int(build("", 0,
		     "(trap '' TERM HUP; exec sleep 1000) & setsid sleep 1000 & "
		     "echo $! >pid",
		     NULL),
	       0, "one that leaves processes");
	ok(sh("! kill -0 $(cat work/tree/pid)"), "  which are ended");
	is_int(build("", 0, "rm -rf ../tree; ln -s /etc ../tree", NULL), 1, "one without a tree");
	ok(sh("test -d /etc") && *content("error"), "  is told: %s", content("error"));
	is_int(build("", 0, "mkdir ../result", NULL), 1, "one in the result's place");
}

int main(void)
{
	fetch_begin();
	test_builds();
	fetch_end();
	return tap_done();
}
