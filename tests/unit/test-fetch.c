/*
 * indexer-fetch with the real git, tar and zstd: local repositories, archives, builds, and what
 * hostile ones try. A socket stands in journald's place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <arpa/inet.h>
#include <pwd.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/util.h"
#include "fetch/fetch.h"
#include "fetch/order.h"
#include "model/source-key.h"
#include "tap.h"

#define TOKEN "ghp_0123456789abcdefSECRET"

static char top[] = "/tmp/test-fetch.XXXXXX";
static char *program; /* indexer-fetch, as it was built */
static char work[64], credentials[64], journal[64], journal_file[64], home[64];

/* Runs a script at the top; whether it succeeds. */
static bool sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
static bool sh(const char *format, ...)
{
	_cleanup_free_ char *script = NULL, *command = NULL;
	va_list ap;
	int n;

	va_start(ap, format);
	n = vasprintf(&script, format, ap);
	va_end(ap);
	if (n < 0 || asprintf(&command, "set -e; cd %s; { %s\n} >log 2>&1", top, script) < 0)
		abort();
	return system(command) == 0;
}

/* A file of the work directory; "" if there is none. */
static const char *content(const char *name)
{
	static char text[64 * 1024];
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	size_t n = 0;

	if (asprintf(&path, "%s/%s", work, name) < 0)
		abort();
	file = fopen(path, "re");
	if (file)
		n = fread(text, 1, sizeof(text) - 1, file);
	text[n] = '\0';
	return text;
}

static bool is_there(const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", work, name) < 0)
		abort();
	return lstat(path, &st) == 0;
}

static mode_t mode(const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", work, name) < 0)
		abort();
	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* In journald's place: all that comes, one entry after the other. */
static void keep_journal(int fd)
{
	FILE *file = fopen(journal_file, "ae"); /* it is emptied in between */
	static char entries[256 * 1024];
	ssize_t n;

	while (file && (n = recv(fd, entries, sizeof(entries), 0)) >= 0) {
		(void)fwrite(entries, 1, (size_t)n, file);
		(void)fflush(file);
	}
	_exit(EXIT_FAILURE);
}

static pid_t start_journal(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	pid_t pid;

	strcpy(address.sun_path, journal);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		abort();
	pid = fork();
	if (pid == 0)
		keep_journal(fd);
	if (pid < 0)
		abort();
	return pid;
}

static bool logged(const char *text)
{
	return sh("grep -aqF -- '%s' %s", text, journal_file);
}

/* Carries out an order in an empty work directory; the exit code. */
static int carry_out(order_t *order)
{
	const struct fetch_config config = {
		.credentials = credentials,
		.journal_socket = journal,
		.program = program,
	};
	_cleanup_free_ uint8_t *data = NULL;
	_cleanup_fclose_ FILE *file = NULL;
	char path[128];
	int status;
	pid_t pid;
	size_t n;

	if (!sh("chmod -R u+rwX work; rm -rf work; mkdir work; : >journal.txt"))
		abort();
	order->work = work;
	order->indexer_id = (char *)"a";
	n = indexerd__fetch__v1__fetch_order__get_packed_size(order);
	data = malloc(n + 1);
	(void)snprintf(path, sizeof(path), "%s/spec", credentials);
	file = fopen(path, "we");
	if (!data || !file)
		abort();
	(void)indexerd__fetch__v1__fetch_order__pack(order, data);
	if (fwrite(data, 1, n, file) != n || fflush(file) != 0)
		abort();
	/* As in a unit: in a process of its own, which ends all that a build leaves behind. */
	(void)fflush(NULL);
	pid = fork();
	if (pid == 0)
		exit(fetch_run(&config));
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Takes it as a user would write it. */
static order_t order_of(const char *text, struct source *ret)
{
	order_t order = INDEXERD__FETCH__V1__FETCH_ORDER__INIT;
	char problem[SOURCE_PROBLEM_MAX];

	if (source_parse(text, ret, problem) != 0)
		abort();
	order.kind = ret->kind == SOURCE_GIT ? INDEXERD__FETCH__V1__KIND__KIND_GIT
					     : INDEXERD__FETCH__V1__KIND__KIND_ARCHIVE;
	if (ret->url)
		order.url = ret->url;
	if (ret->path)
		order.path = ret->path;
	if (ret->ref)
		order.ref = ret->ref;
	if (ret->credential)
		order.credential = ret->credential;
	return order;
}

static int fetch(const char *format, ...) __attribute__((format(printf, 1, 2)));
static int fetch(const char *format, ...)
{
	_cleanup_source_ struct source source = {};
	_cleanup_free_ char *text = NULL;
	order_t order;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		abort();
	va_end(ap);
	order = order_of(text, &source);
	return carry_out(&order);
}

/* The commit in the result, which is checked to be one. */
static const char *commit_of_result(void)
{
	static char key[SOURCE_KEY_MAX], commit[65];
	unsigned long long bytes = 0;

	if (sscanf(content("result"), "%64s %64s %llu", key, commit, &bytes) != 3 ||
	    !source_key_is_valid(key) || bytes == 0)
		return "no result";
	return commit;
}

static const char *commit_of(const char *ref)
{
	static char commit[65];
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;

	if (!sh("git -C project rev-parse '%s^{commit}' >commit.txt", ref) ||
	    asprintf(&path, "%s/commit.txt", top) < 0)
		abort();
	file = fopen(path, "re");
	if (!file || fscanf(file, "%64s", commit) != 1)
		abort();
	return commit;
}

/* A repository with a branch, tags of both kinds, a submodule in a submodule, and one that anybody
 * may read. */
static void make_repositories(void)
{
	if (!sh("mkdir credentials work home\n"
		"cat >home/.gitconfig <<END\n"
		"[user]\nname = a\nemail = a@b\n[init]\ndefaultBranch = main\n"
		"[protocol \"file\"]\nallow = always\n[safe]\ndirectory = *\nEND\n"
		"git init -q inner; echo inner >inner/inner.txt\n"
		"git -C inner add .; git -C inner commit -qm inner\n"
		"git init -q outer; git -C outer submodule -q add ../inner deep\n"
		"git -C outer commit -qm outer\n"
		"git init -q project; cd project\n"
		"printf '#!/bin/sh\\necho run\\n' >run; chmod 700 run\n"
		"echo one >file; chmod 600 file; ln -s /etc/hostname link; mkdir dir\n"
		"echo below >dir/below; git add .; git commit -qm one; git tag plain\n"
		"git tag -m words annotated; git branch twice; echo two >file\n"
		"git commit -qam two; git tag twice; git switch -qc feature/x\n"
		"echo three >file; git commit -qam three\n"
		"git submodule -q add ../outer sub; git commit -qm sub\n"
		"git switch -q main; git submodule -q deinit -f --all; rm -rf sub"))
		abort();
}

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

/* Builds what test_form() leaves, by commands of a shell. */
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

	if (fetch("file://%s/project", top) != 0 || !sh("mv work plain; mkdir work"))
		abort();
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

static void test_archives(void)
{
	char hash[80] = "", text[128];
	_cleanup_source_ struct source source = {};
	order_t order;
	FILE *file;

	if (!sh("rm plain/tree/link; tar -C plain/tree -czf a.tar.gz .; cp a.tar.gz b.tgz\n"
		"tar -C plain --zstd -cf c.tar.zst tree; sha256sum <a.tar.gz >hash\n"
		"mkdir bad; ln -s ../../etc bad/up; tar -C bad -czf up.tar.gz up\n"
		"ln -s /etc bad/root; tar -C bad -czf root.tar.gz root\n"
		"mkdir -p bad/d/e; ln -s .. bad/d/e/f; ln -s d/e/f/../.. bad/round\n"
		"tar -C bad -czf round.tar.gz d round\n"
		"mkfifo bad/fifo; tar -C bad -czf fifo.tar.gz fifo\n"
		"echo x >bad/x; tar -C bad/d -Pczf dots.tar.gz ../x\n"
		"tar -Pczf absolute.tar.gz %s/bad/x\n"
		"tar -C bad -czf through.tar.gz --transform 's,^x$,root/owned,' root x\n"
		"ln -s loop bad/loop; tar -C bad -czf loop.tar.gz loop\n"
		"ln -s .././x bad/d/to-x; ln -s d/to-x bad/two; ln -s d/none/../../.. bad/none\n"
		"tar -C bad -czf good.tar.gz d/to-x two none x\n"
		"echo garbage >garbage.tar.gz; mkdir dir.tar.gz\n"
		"chmod 4755 bad/x; tar -C bad -czf suid.tar.gz x",
		top))
		abort();
	for (int i = 0; i < 3; i++) {
		const char *const names[] = { "a.tar.gz", "b.tgz", "c.tar.zst" };

		is_int(fetch("%s/%s", top, names[i]), 0, "%s", names[i]);
		is_str(content(i < 2 ? "tree/file" : "tree/tree/file"), "two\n", "  its files");
	}
	(void)snprintf(text, sizeof(text), "%s/hash", top);
	file = fopen(text, "re");
	if (!file || fscanf(file, "%79s", hash) != 1 || fclose(file) != 0)
		abort();
	is_int(fetch("%s/a.tar.gz", top), 0, "again");
	is_str(commit_of_result(), hash, "  it is named by what it holds");
	(void)snprintf(text, sizeof(text), "%s/c.tar.zst", top);
	order = order_of(text, &source);
	order.ref = hash;
	is_int(carry_out(&order), 1, "one that is another by now");
	ok(strstr(content("error"), "the archive has changed since"), "  is told");

	is_int(fetch("%s/up.tar.gz", top), 1, "a link that leads up");
	ok(strstr(content("error"), "up: a link that leads out of the archive"), "  is told");
	is_int(fetch("%s/root.tar.gz", top), 1, "an absolute link");
	ok(strstr(content("error"), "root: a link that leads out"), "  is told");
	is_int(fetch("%s/round.tar.gz", top), 1, "a link that leads out by another one");
	ok(strstr(content("error"), "round: a link that leads out"), "  is told");
	is_int(fetch("%s/loop.tar.gz", top), 1, "a link to itself");
	ok(strstr(content("error"), "loop: Too many levels"), "  is told");
	is_int(fetch("%s/good.tar.gz", top), 0, "links within it");
	ok(sh("test work/tree/d/to-x -ef work/tree/x && test -L work/tree/none"), "  are kept");
	is_int(fetch("%s/fifo.tar.gz", top), 1, "a pipe");
	ok(strstr(content("error"), "fifo: neither a file"), "  is told");
	is_int(fetch("%s/dots.tar.gz", top), 1, "a member above");
	ok(strstr(content("error"), "'..'"), "  in tar's words: %s", content("error"));
	is_int(fetch("%s/absolute.tar.gz", top), 0, "a member with an absolute name");
	ok(sh("test -e work/tree%s/bad/x", top), "  is put below");
	is_int(fetch("%s/through.tar.gz", top), 1, "a member behind a link");
	ok(access("/etc/owned", F_OK) < 0, "  is not put there");
	is_int(fetch("%s/garbage.tar.gz", top), 1, "no archive");
	ok(*content("error"), "  in tar's words: %s", content("error"));
	is_int(fetch("%s/dir.tar.gz", top), 1, "a directory");
	ok(strstr(content("error"), "it is no file"), "  is told");
	is_int(fetch("%s/nothing.tgz", top), 1, "nothing");
	ok(strstr(content("error"), "No such file"), "  is told");
	is_int(fetch("%s/suid.tar.gz", top), 0, "a program with rights");
	is_int(mode("tree/x"), 0755, "  loses them");
}

#define SSHD "/usr/sbin/sshd"

static void stop_server(void)
{
	(void)sh("kill $(cat sshd.pid); while test -e sshd.pid; do sleep 0.01; done");
}

/* A server of ssh for this user on a port of its own; 0 where that cannot be. */
static int start_server(void)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	socklen_t size = sizeof(address);
	_cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const struct passwd *user = getpwuid(geteuid());
	int port;

	if (access(SSHD, X_OK) < 0 || !user || access(user->pw_shell, X_OK) < 0 ||
	    strstr(user->pw_shell, "nologin") || strstr(user->pw_shell, "false"))
		return 0;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || bind(fd, (struct sockaddr *)&address, size) < 0 ||
	    getsockname(fd, (struct sockaddr *)&address, &size) < 0)
		abort();
	port = ntohs(address.sin_port);
	closep(&fd);
	fd = -1;
	if (!sh("for k in host user other; do ssh-keygen -q -t ed25519 -N '' -f $k.key; done\n"
		"test $(id -u) != 0 || mkdir -p /run/sshd\n" SSHD
		" -f /dev/null -p %d -h %s/host.key -o ListenAddress=127.0.0.1 -E sshd.log"
		" -o PidFile=%s/sshd.pid -o AuthorizedKeysFile=%s/user.key.pub"
		" -o StrictModes=no -o UsePAM=no -o PermitRootLogin=prohibit-password\n"
		"echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 host.key.pub)\" >known\n"
		"echo \"[127.0.0.1]:%d $(cut -d' ' -f1,2 other.key.pub)\" >changed\n"
		"cp user.key credentials/indexer.key; cp other.key credentials/indexer.other\n"
		"chmod 600 credentials/*\n"
		"for n in $(seq 500); do test ! -e sshd.pid || exit 0; sleep 0.02; done; exit 1",
		port, top, top, top, port, port))
		abort();
	return port;
}

/* Behind the credential may stand a ref. */
static int fetch_by_ssh(int port, const char *user, const char *project, const char *credential,
			const char *known_hosts, const char *script)
{
	Indexerd__Fetch__V1__Command command = INDEXERD__FETCH__V1__COMMAND__INIT,
				     *commands[] = { &command };
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)script };
	_cleanup_free_ char *text = NULL, *hosts = NULL;
	_cleanup_source_ struct source source = {};
	order_t order;

	if (asprintf(&text, "ssh://%s@127.0.0.1:%d%s/%s%s%s", user, port, top, project,
		     credential ? "?credential=" : "", credential ? credential : "") < 0 ||
	    asprintf(&hosts, "%s/%s", top, known_hosts) < 0)
		abort();
	order = order_of(text, &source);
	order.known_hosts = (char *[]){ (char *)"/nonexistent/known_hosts", hosts };
	order.n_known_hosts = 2;
	command.argv = argv;
	command.n_argv = ELEMENTSOF(argv);
	order.build = commands;
	order.n_build = script ? 1 : 0;
	order.build_dir = (char *)"";
	return carry_out(&order);
}

/* A private project, whose build gets a private one, too. */
static void test_ssh(void)
{
	const char *user = getpwuid(geteuid())->pw_name;
	_cleanup_free_ char *script = NULL;
	char old[128];
	int port = start_server();

	if (port == 0) {
		ok(true, "by ssh # SKIP there is no sshd for this user");
		return;
	}
	if (asprintf(&script, "git clone -q ssh://%s@127.0.0.1:%d%s/inner dependency", user, port,
		     top) < 0)
		abort();
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "known", script), 0, "by ssh");
	is_str(content("tree/file"), "two\n", "  its files");
	is_str(content("tree/dependency/inner.txt"), "inner\n", "  and what its build fetches");
	ok(!sh("grep -rqF -f user.key work"), "  the key is nowhere in it");
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "known",
			    "cat ../../credentials/*"),
	       0, "a build that shows the key");
	ok(logged("-----BEGIN") && sh("! sed -n 2p user.key | grep -qFf - journal.txt"),
	   "  has it covered");
	/* Without the second version of git's protocol, which sshd keeps from it by default, no
	 * server gives a commit that is the tip of nothing. */
	(void)snprintf(old, sizeof(old), "indexer.key#%s", commit_of("feature/x~1"));
	is_int(fetch_by_ssh(port, user, "project", old, "known", NULL), 0, "a commit in between");
	ok(logged("asking for all of the repository instead"), "  comes with all others");
	is_str(content("tree/file"), "three\n", "  its files");
	is_int(fetch_by_ssh(port, user, "project", "indexer.other", "known", NULL), 1,
	       "another key");
	ok(strstr(content("error"), "Permission denied"), "  is told: %s", content("error"));
	is_int(fetch_by_ssh(port, user, "project", NULL, "known", NULL), 1, "no key");
	ok(strstr(content("error"), "Permission denied"), "  is told");
	is_int(fetch_by_ssh(port, user, "project", "indexer.token", "known", NULL), 1, "a token");
	ok(strstr(content("error"), "indexer.token cannot be used: it is no private key"),
	   "  is told");
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "unknown", NULL), 1,
	       "a host that is not known");
	ok(strstr(content("error"), "Host key verification failed"), "  is told");
	is_int(fetch_by_ssh(port, user, "project", "indexer.key", "changed", NULL), 1,
	       "a host with another key");
	ok(strstr(content("error"), "Host key verification failed"), "  is told");
	stop_server();
}

int main(void)
{
	pid_t keeper;

	program = realpath("indexer-fetch", NULL);
	if (!program || !mkdtemp(top))
		abort();
	(void)snprintf(work, sizeof(work), "%s/work", top);
	(void)snprintf(credentials, sizeof(credentials), "%s/credentials", top);
	(void)snprintf(journal, sizeof(journal), "%s/journal", top);
	(void)snprintf(journal_file, sizeof(journal_file), "%s/journal.txt", top);
	(void)snprintf(home, sizeof(home), "%s/home", top);
	setenv("HOME", home, 1);
	unsetenv("GIT_DIR");
	make_repositories();
	if (!sh("printf %%s 'user:" TOKEN "' >credentials/indexer.token"))
		abort();
	keeper = start_journal();
	test_refs();
	test_form();
	test_known();
	test_failures();
	test_hostile();
	test_builds();
	test_archives();
	test_ssh();
	if (!sh("chmod -R u+rwX ."))
		abort();
	(void)kill(keeper, SIGKILL);
	free(program);
	ok(sh("rm -rf %s", top), "all is removed");
	return tap_done();
}
