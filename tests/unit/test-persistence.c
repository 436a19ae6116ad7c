/*
 * Where state is kept: addresses, what a row has of them, and what a sink is told.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/persistence.h"
#include "tap.h"

static void test_addresses(void)
{
	static const struct {
		const char *text;
		struct backend_address want;
	} good[] = {
		{ "redis://127.0.0.1", { BACKEND_REDIS, "127.0.0.1", "", 6379, 0, "" } },
		{ "redis://127.0.0.1/", { BACKEND_REDIS, "127.0.0.1", "", 6379, 0, "" } },
		{ "redis://db.example:6400/3", { BACKEND_REDIS, "db.example", "", 6400, 3, "" } },
		{ "redis://sinks@[::1]:1/0", { BACKEND_REDIS, "::1", "", 1, 0, "sinks" } },
		{ "redis+unix:///run/r.sock", { BACKEND_REDIS, "", "/run/r.sock", 0, 0, "" } },
		{ "redis+unix:///r?user=a-b&db=12", { BACKEND_REDIS, "", "/r", 0, 12, "a-b" } },
		{ "http://etcd", { BACKEND_ETCD, "etcd", "", 2379, 0, "" } },
		{ "http://root@10.0.0.1:65535/",
		  { BACKEND_ETCD, "10.0.0.1", "", 65535, 0, "root" } },
	};

	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		struct backend_address got = {};
		const struct backend_address *want = &good[i].want;
		const char *problem;

		is_int(backend_address_parse(good[i].text, &got, &problem), 0, "%s", good[i].text);
		ok(got.backend == want->backend && streq(got.host, want->host) &&
			   streq(got.path, want->path) && (got.port == want->port || !want->port) &&
			   got.database == want->database && streq(got.user, want->user),
		   "  its parts");
	}
}

static void test_bad_addresses(void)
{
	static const struct {
		const char *text, *problem;
	} bad[] = {
		{ "", "it begins neither" },
		{ "127.0.0.1:6379", "it begins neither" },
		{ "tcp://127.0.0.1", "it begins neither" },
		{ "rediss://127.0.0.1", "TLS is not served" },
		{ "https://127.0.0.1", "TLS is not served" },
		{ "redis://", "the host" },
		{ "redis://:1", "the host" },
		{ "redis://a b", "the host" },
		{ "redis://a\nb", "the host" },
		{ "redis://[::1", "the ]" },
		{ "redis://[]", "the host" },
		{ "redis://[::1]1", "the port" },
		{ "redis://h:", "the port" },
		{ "redis://h:0", "the port" },
		{ "redis://h:65536", "the port" },
		{ "redis://h:-1", "the port" },
		{ "redis://h/x", "the database" },
		{ "redis://h/-1", "the database" },
		{ "redis://h/99999999999", "the database" },
		{ "redis://u:secret@h", "it has a password" },
		{ "redis://:secret@h", "it has a password" },
		{ "redis://@h", "the user" },
		{ "redis://a%40@h", "the user" },
		{ "redis+unix://r", "the socket's path" },
		{ "redis+unix:///r?pass=x", "behind the ?" },
		{ "redis+unix:///r?db=", "the database" },
		{ "http://h:2379/v3", "there is nothing behind" },
		{ "http://root:x@h", "it has a password" },
	};
	char longest[BACKEND_ADDRESS_MAX + 8];
	struct backend_address got;
	const char *problem;

	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		problem = NULL;
		is_int(backend_address_parse(bad[i].text, &got, &problem), -EINVAL, "refused: %s",
		       bad[i].text[0] && !strchr(bad[i].text, '\n') ? bad[i].text : "(bytes)");
		ok(problem && startswith(problem, bad[i].problem), "  because %s", bad[i].problem);
	}
	memset(longest, 'a', sizeof(longest) - 1);
	longest[sizeof(longest) - 1] = '\0';
	memcpy(longest, "redis://", strlen("redis://"));
	is_int(backend_address_parse(longest, &got, &problem), -EINVAL, "refused: too long");
}

static void test_rows(void)
{
	static const char *const good[] = { "", "fs", "redis redis://h:1/2",
					    "redis redis+unix:///r secret", "etcd http://u@h pw" };
	static const char *const bad[] = { "none",
					   " ",
					   "redis",
					   "redis ",
					   "etcd redis://h",
					   "redis redis://h ",
					   "redis redis://h a b",
					   "redis redis://h ../b",
					   "fs /var",
					   "redis redis://a:b@h" };

	for (size_t i = 0; i < ELEMENTSOF(good); i++) {
		_cleanup_(persistence_clear) struct persistence read = {}, copy = {};
		_cleanup_free_ char *text = NULL;

		is_int(persistence_parse(good[i], &read), 0, "a row's '%s'", good[i]);
		is_int(persistence_copy(&read, &copy), 0, "  copied");
		is_int(persistence_format(&copy, &text), 0, "  written");
		is_str(text, good[i], "  is the same");
	}
	for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
		struct persistence read = {};

		is_int(persistence_parse(bad[i], &read), -EINVAL, "nobody wrote '%s'", bad[i]);
		ok(!read.address && !read.credential, "  nothing is returned");
	}
}

static void test_environment(void)
{
	static const struct {
		const char *row, *password, *key, *value;
	} rows[] = {
		{ "fs", NULL, "PERSIST_TO_FS", "/var/lib/indexers/a" },
		{ "redis redis://h", NULL, "PERSIST_TO_REDIS", "redis://h" },
		{ "redis redis://h:1/2 pw", "p@:/ %", "PERSIST_TO_REDIS",
		  "redis://:p%40%3A%2F%20%25@h:1/2" },
		{ "redis redis://u@[::1]/2 pw", "x", "PERSIST_TO_REDIS", "redis://u:x@[::1]/2" },
		{ "redis redis+unix:///r pw", "a&b", "PERSIST_TO_REDIS",
		  "redis+unix:///r?pass=a%26b" },
		{ "redis redis+unix:///r?db=1&user=u pw", "\xc3\xa9", "PERSIST_TO_REDIS",
		  "redis+unix:///r?db=1&user=u&pass=%C3%A9" },
		{ "etcd http://h:1", NULL, "PERSIST_TO_ETCD", "http://h:1" },
		{ "etcd http://u@h:1 pw", "x", "PERSIST_TO_ETCD", "http://h:1" },
	};
	_cleanup_(kv_list_clear) struct kv_list none = {};
	struct persistence nothing = {};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_(persistence_clear) struct persistence read = {};
		_cleanup_(kv_list_clear) struct kv_list list = {};

		is_int(persistence_parse(rows[i].row, &read), 0, "%s", rows[i].row);
		is_int(persistence_environment(&read, "a", "/var/lib/indexers/a", rows[i].password,
					       &list),
		       0, "  its variables");
		is_int((long long)list.n, 2, "  are two");
		is_str(kv_list_get(&list, "SINK_ID"), "a", "  the id");
		is_str(kv_list_get(&list, rows[i].key), rows[i].value, "  and where");
		ok(persistence_is_variable(rows[i].key), "  which nobody else may set");
	}
	is_int(persistence_environment(&nothing, "a", "/x", NULL, &none), 0, "without persistence");
	is_int((long long)none.n, 0, "  there are none");
	ok(persistence_is_variable("SINK_ID") && !persistence_is_variable("SINK") &&
		   !persistence_is_variable("STATE_DIRECTORY"),
	   "other variables are none of it");
}

static void test_keys(void)
{
	char key[BACKEND_KEY_MAX], id[ID_MAX];

	backend_key(BACKEND_REDIS, "a-1", key);
	is_str(key, "apibara:sink:a-1", "the key in Redis");
	backend_key(BACKEND_ETCD, "a-1", key);
	is_str(key, "a-1", "the key in etcd");
	memset(id, 'a', sizeof(id) - 1);
	id[sizeof(id) - 1] = '\0';
	backend_key(BACKEND_REDIS, id, key);
	is_int((long long)strlen(key), (long long)(strlen("apibara:sink:") + sizeof(id) - 1),
	       "the longest key fits");
	ok(credential_name_is_valid("redis.password") && !credential_name_is_valid("") &&
		   !credential_name_is_valid("..") && !credential_name_is_valid("a/b") &&
		   !credential_name_is_valid("a b"),
	   "names of credentials");
}

int main(void)
{
	test_addresses();
	test_bad_addresses();
	test_rows();
	test_environment();
	test_keys();
	return tap_done();
}
