/*
 * What the tests of indexer-fetch share: a place of their own with repositories and credentials,
 * orders that are carried out there, and a socket that stands in journald's place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

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
static inline bool sh(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline bool sh(const char *format, ...)
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
static inline const char *content(const char *name)
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

static inline bool is_there(const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", work, name) < 0)
		abort();
	return lstat(path, &st) == 0;
}

static inline mode_t mode(const char *name)
{
	_cleanup_free_ char *path = NULL;
	struct stat st;

	if (asprintf(&path, "%s/%s", work, name) < 0)
		abort();
	return lstat(path, &st) == 0 ? st.st_mode & 07777 : 0;
}

/* In journald's place: all that comes, one entry after the other. */
static inline void keep_journal(int fd)
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

static inline pid_t start_journal(void)
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

static inline bool logged(const char *text)
{
	return sh("grep -aqF -- '%s' %s", text, journal_file);
}

/* Carries out an order in an empty work directory; the exit code. */
static inline int carry_out(order_t *order)
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
static inline order_t order_of(const char *text, struct source *ret)
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

static inline int fetch(const char *format, ...) __attribute__((format(printf, 1, 2)));
static inline int fetch(const char *format, ...)
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
static inline const char *commit_of_result(void)
{
	static char key[SOURCE_KEY_MAX], commit[65];
	unsigned long long bytes = 0;

	if (sscanf(content("result"), "%64s %64s %llu", key, commit, &bytes) != 3 ||
	    !source_key_is_valid(key) || bytes == 0)
		return "no result";
	return commit;
}

static inline const char *commit_of(const char *ref)
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
static inline void make_repositories(void)
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

static pid_t journal_keeper;

/* Makes all of it, before the first order. */
static inline void fetch_begin(void)
{
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
	journal_keeper = start_journal();
}

/* Removes it, and is the last test. */
static inline void fetch_end(void)
{
	if (!sh("chmod -R u+rwX ."))
		abort();
	(void)kill(journal_keeper, SIGKILL);
	(void)waitpid(journal_keeper, NULL, 0);
	free(program);
	ok(sh("rm -rf %s", top), "all is removed");
}

/* Leaves the project as it was fetched in the directory `plain`. */
static inline void make_plain(void)
{
	if (fetch("file://%s/project", top) != 0 || !sh("mv work plain; mkdir work"))
		abort();
}
