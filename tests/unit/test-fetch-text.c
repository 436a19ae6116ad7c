/*
 * What indexer-fetch reads and hides: orders, credentials, git's questions, secrets in lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/stat.h>

#include "common/util.h"
#include "fetch/access.h"
#include "fetch/mask.h"
#include "fetch/order.h"
#include "tap.h"

#define HASH "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void test_mask(void)
{
	static const struct {
		const char *line, *shown;
	} rows[] = {
		{ "nothing", "nothing" },
		{ "", "" },
		{ "SECRET1", "*******" },
		{ "a SECRET1SECRET1 b", "a ************** b" },
		{ "SECRET", "SECRET" },
		{ "short: abc", "short: abc" },
		{ "https://u:p@h/x", "https://***@h/x" },
		{ "https://token@h/x?a=b@c", "https://*****@h/x?a=b@c" },
		{ "two: http://a@b 'https://c:d@e'", "two: http://*@b 'https://***@e'" },
		{ "ssh://git@h/x", "ssh://git@h/x" },
		{ "ssh://u:p@h/x", "ssh://***@h/x" },
		{ "https://h/a@b", "https://h/a@b" },
		{ "https://a@b@c/", "https://***@c/" },
		{ "://", "://" },
		{ "https://", "https://" },
		{ "git+https://u:p@h", "git+https://***@h" },
	};
	struct mask mask = {};

	is_int(mask_add(&mask, "SECRET1", 7), 0, "a secret");
	is_int(mask_add(&mask, "abc", 3), 0, "one that is too short to be one");
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_free_ char *line = strdup(rows[i].line);

		mask_line(&mask, line, strlen(line));
		is_str(line, rows[i].shown, "shown of row %zu", i);
	}
	while (mask.n < MASK_SECRETS_MAX)
		(void)mask_add(&mask, "another", 7);
	is_int(mask_add(&mask, "another", 7), -E2BIG, "no more than there is room for");
}

static char top[] = "/tmp/test-fetch-text.XXXXXX";

static void write_credential(const char *name, const char *text, size_t size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_fclose_ FILE *file = NULL;

	if (asprintf(&path, "%s/%s", top, name) < 0 || !(file = fopen(path, "we")) ||
	    fwrite(text, 1, size, file) != size || fflush(file) != 0)
		abort();
}

static void make_source(const char *text, struct source *ret)
{
	char problem[SOURCE_PROBLEM_MAX];

	if (source_parse(text, ret, problem) != 0)
		abort();
}

static void test_answers(void)
{
	static const struct {
		const char *login, *question, *answer;
	} rows[] = {
		{ "u:p:w\n", "protocol=https\nhost=h:8443\n", "username=u\npassword=p:w\n" },
		{ "token\r\n", "protocol=https\nhost=h:8443\npath=p\n",
		  "username=git\npassword=token\n" },
		{ "token", "host=H:8443\nprotocol=https\n\n", "username=git\npassword=token\n" },
		{ "token", "protocol=https\nhost=h\n", "" },
		{ "token", "protocol=https\nhost=other:8443\n", "" },
		{ "token", "protocol=https\nhost=h:84433\n", "" },
		{ "token", "protocol=http\nhost=h:8443\n", "" },
		{ "token", "protocol=https\n", "" },
		{ "token", "", "" },
		{ "-----BEGIN X\nabc\n", "protocol=https\nhost=h:8443\n", "" },
	};
	_cleanup_source_ struct source source = {};

	make_source("https://h:8443/p?credential=indexer.a", &source);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_(access_clear) struct access access = {};
		_cleanup_fclose_ FILE *in = NULL, *out = NULL;
		_cleanup_free_ char *said = NULL;
		const char *problem = "";
		size_t size;

		write_credential("indexer.a", rows[i].login, strlen(rows[i].login));
		is_int(access_load(top, &source, &access, &problem), 0, "row %zu%s", i, problem);
		in = *rows[i].question
			     ? fmemopen((char *)rows[i].question, strlen(rows[i].question), "r")
			     : fopen("/dev/null", "re");
		out = open_memstream(&said, &size);
		is_int(access_answer(&access, &source, in, out), 0, "  is answered");
		fclose(TAKE(out));
		is_str(said, rows[i].answer, "  by that");
	}
}

/* A key is shown by no line of it, a login not by what is secret of it. */
static void test_access_mask(void)
{
	static const struct {
		const char *credential, *url, *line, *shown;
	} rows[] = {
		{ "-----BEGIN X\nfirst+line\nlast==\n-----END X\n", "ssh://h/p",
		  "last== first+line -----BEGIN X", "****** ********** -----BEGIN X" },
		{ "-----BEGIN X\r\nfirst+line\r\nlast==\r\n-----END X\r\n", "ssh://h/p",
		  "last== first+line", "****** **********" },
		{ "user:pass:word\n", "https://h/p", "user pass:word", "user *********" },
		{ "a-token\n", "https://h/p", "by a-token", "by *******" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_(access_clear) struct access access = {};
		_cleanup_source_ struct source source = {};
		_cleanup_free_ char *text = NULL, *line = strdup(rows[i].line);
		struct mask mask = {};
		const char *problem;

		if (asprintf(&text, "%s?credential=indexer.a", rows[i].url) < 0)
			abort();
		make_source(text, &source);
		write_credential("indexer.a", rows[i].credential, strlen(rows[i].credential));
		ok(access_load(top, &source, &access, &problem) == 0 &&
			   access_mask(&access, &mask) == 0,
		   "the secrets of row %zu", i);
		mask_line(&mask, line, strlen(line));
		is_str(line, rows[i].shown, "  are covered");
	}
}

static void test_credentials(void)
{
	static const struct {
		const char *text;
		size_t size;
		const char *url, *problem;
	} bad[] = {
		{ "", 0, "https://h/p", "it is empty" },
		{ "\n", 1, "https://h/p", "it is empty" },
		{ "a\0b", 3, "https://h/p", "it is longer than 64 KiB, or has a NUL" },
		{ "token", 5, "ssh://h/p", "it is no private key of ssh" },
		{ "token", 5, "file:///p", "it is no private key of ssh" },
	};

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		_cleanup_source_ struct source source = {};
		_cleanup_free_ char *text = NULL;
		struct access access = {};
		const char *problem = "";

		if (asprintf(&text, "%s?credential=indexer.b", bad[i].url) < 0)
			abort();
		make_source(text, &source);
		write_credential("indexer.b", bad[i].text, bad[i].size);
		is_int(access_load(top, &source, &access, &problem), -EINVAL, "bad row %zu", i);
		ok(startswith(problem, bad[i].problem), "  because %s (%s)", bad[i].problem,
		   problem);
		ok(!access.content && !access.path, "  and nothing is given");
	}
}

/* Packs an order and parses what comes of it. */
static int try(const order_t *order, const char **ret_problem)
{
	size_t n = indexerd__fetch__v1__fetch_order__get_packed_size(order);
	_cleanup_free_ uint8_t *data = malloc(n + 1);
	_cleanup_(order_freep) order_t *got = NULL;
	_cleanup_source_ struct source source = {};

	if (!data)
		abort();
	(void)indexerd__fetch__v1__fetch_order__pack(order, data);
	return order_parse(data, n, &got, &source, ret_problem);
}

static void test_orders(void)
{
	static const struct {
		const char *url, *path, *ref, *credential, *work, *known_hosts, *tree, *program,
			*build_dir, *id, *problem;
	} bad[] = {
		{ .url = "--upload-pack=id", .problem = "its url" },
		{ .url = "https://h/p?credential=b", .problem = "its url" },
		{ .url = "/srv/p", .problem = "its url" },
		{ .ref = "-x", .problem = "its url, ref" },
		{ .credential = "../a", .problem = "its url, ref or credential" },
		{ .path = "/a.zip", .problem = "its path" },
		{ .path = "/a.tgz", .ref = "main", .problem = "its ref" },
		{ .work = "work", .problem = "its work" },
		{ .work = "/a b", .problem = "its work" },
		{ .known_hosts = "/a'b", .problem = "its known_hosts" },
		{ .known_hosts = "a", .problem = "its known_hosts" },
		{ .tree = "a", .ref = HASH, .problem = "its tree" },
		{ .tree = "/a", .problem = "its tree" },
		{ .program = "npm", .problem = "a command of its build" },
		{ .program = "/x", .build_dir = "/a", .problem = "its build_dir" },
		{ .id = "A", .problem = "its indexer_id" },
	};
	const char *problem = "";
	_cleanup_source_ struct source source = {};
	order_t *got = NULL;

	for (size_t i = 0; i <= ELEMENTSOF(bad); i++) {
		const bool is_good = i == ELEMENTSOF(bad);
		order_t order = INDEXERD__FETCH__V1__FETCH_ORDER__INIT;
		Indexerd__Fetch__V1__Command command = INDEXERD__FETCH__V1__COMMAND__INIT,
					     *commands[] = { &command };
		char *hosts[1], *argv[1];

#define PUT(to, from, otherwise) to = (char *)(!is_good && bad[i].from ? bad[i].from : (otherwise))
		PUT(order.url, url, "https://h/p");
		PUT(order.path, path, "");
		PUT(order.ref, ref, "");
		PUT(order.credential, credential, "");
		PUT(order.work, work, "/run/work");
		PUT(hosts[0], known_hosts, "/etc/ssh/ssh_known_hosts");
		PUT(order.tree, tree, "");
		PUT(argv[0], program, "/usr/bin/npm");
		PUT(order.build_dir, build_dir, "a");
		PUT(order.indexer_id, id, "a");
#undef PUT
		order.kind = *order.path ? INDEXERD__FETCH__V1__KIND__KIND_ARCHIVE
					 : INDEXERD__FETCH__V1__KIND__KIND_GIT;
		order.known_hosts = hosts;
		command.argv = argv;
		order.build = commands;
		order.n_known_hosts = command.n_argv = order.n_build = 1;
		is_int(try(&order, &problem), is_good ? 0 : -EBADMSG, "order %zu", i);
		ok(is_good || startswith(problem, bad[i].problem), "  %s", problem);
	}
	is_int(order_parse("garbage", 7, &got, &source, &problem), -EBADMSG, "bytes");
	is_int(order_load("/nonexistent", &got, &source, &problem), -ENOENT, "no file");
	ok(!got && source.kind == SOURCE_NONE, "  give nothing");
}

int main(void)
{
	_cleanup_free_ char *path = NULL;

	if (!mkdtemp(top))
		abort();
	test_mask();
	test_answers();
	test_access_mask();
	test_credentials();
	test_orders();
	for (const char *name = "a"; name; name = *name == 'a' ? "b" : NULL) {
		free(path);
		if (asprintf(&path, "%s/indexer.%s", top, name) < 0 || unlink(path) < 0)
			abort();
	}
	ok(rmdir(top) == 0, "all is removed");
	return tap_done();
}
