/*
 * Secrets in an environment: references, patterns, and what is shown.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "model/secret.h"
#include "tap.h"

static void test_references(void)
{
	static const struct {
		const char *value;
		enum reference kind;
		const char *name;
	} rows[] = {
		{ "credential:indexer.a", REFERENCE_VALUE, "indexer.a" },
		{ "credential-file:indexer.a", REFERENCE_FILE, "indexer.a" },
		{ "credential:", REFERENCE_VALUE, "" },
		{ "credential", REFERENCE_NONE, NULL },
		{ "Credential:a", REFERENCE_NONE, NULL },
		{ " credential:a", REFERENCE_NONE, NULL },
		{ "credential-path:a", REFERENCE_NONE, NULL },
		{ "", REFERENCE_NONE, NULL },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const char *name;

		is_int(reference_parse(rows[i].value, &name), rows[i].kind, "'%s'", rows[i].value);
		is_str(name, rows[i].name, "its name");
	}
}

static void test_names(void)
{
	char longest[65];

	memset(longest, 'a', 64);
	longest[64] = '\0';
	ok(reference_name_is_valid("indexer.db-password_1"), "a name");
	ok(reference_name_is_valid(longest), "the longest");
	ok(!reference_name_is_valid(
		   "a"
		   "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
	   "longer");
	ok(!reference_name_is_valid(""), "none");
	ok(!reference_name_is_valid("spec"), "the spec's");
	ok(!reference_name_is_valid("../spec") && !reference_name_is_valid("a/b") &&
		   !reference_name_is_valid(".") && !reference_name_is_valid(".hidden"),
	   "a path is none");
	ok(!reference_name_is_valid("a:b") && !reference_name_is_valid("a b") &&
		   !reference_name_is_valid("a%n") && !reference_name_is_valid("a\nb") &&
		   !reference_name_is_valid("\xc3\xa4"),
	   "nor what has a meaning to systemd");
}

static void test_patterns(void)
{
	static const struct {
		const char *pattern, *text;
		bool with_case, without_case;
	} rows[] = {
		{ "*TOKEN*", "DNA_TOKEN", true, true },
		{ "*TOKEN*", "TOKENS", true, true },
		{ "*TOKEN*", "dna_token", false, true },
		{ "*TOKEN*", "TOKE", false, false },
		{ "*KEY", "API_KEY", true, true },
		{ "*KEY", "KEYS", false, false },
		{ "A?C", "ABC", true, true },
		{ "A?C", "AC", false, false },
		{ "*", "", true, true },
		{ "", "", true, true },
		{ "", "A", false, false },
		{ "**A**", "xAx", true, true },
		{ "*AB", "AAB", true, true },
		{ "*A*B*C", "xAxBxBxC", true, true },
		{ "*A*B*C", "xAxCxB", false, false },
		{ "[A]", "A", false, false },
		{ "@", "`", false, false }, /* one bit apart, and no letters */
	};
	static char text[4096];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		is_int(pattern_matches(rows[i].pattern, rows[i].text, false), rows[i].with_case,
		       "'%s' and '%s'", rows[i].pattern, rows[i].text);
		is_int(pattern_matches(rows[i].pattern, rows[i].text, true), rows[i].without_case,
		       "and without case");
	}
	/* Would not end in the lifetime of the machine if each asterisk were tried anew. */
	memset(text, 'a', sizeof(text) - 1);
	ok(!pattern_matches("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", text, false),
	   "many asterisks take no time");
}

static const char *shown(const struct secret_rules *rules, const char *key, const char *value)
{
	const struct kv variable = { (char *)key, (char *)value };

	return environment_shown(rules, &variable);
}

static void test_shown(void)
{
	static const char *const secret[] = {
		"DNA_TOKEN",	"AUTH_TOKEN",	   "POSTGRES_CONNECTION_STRING",
		"api_key",	"DB_PASSWORD",	   "AWS_SECRET_ACCESS_KEY",
		"PGPASSFILE",	"MYSQL_PWD",	   "SENTRY_DSN",
		"DATABASE_URL", "WALLET_MNEMONIC", "API_KEYS",
		"SEED_PHRASE",	"RPC_ENDPOINT",	   "AUTHORIZATION",
	};
	static const char *const open[] = { "LOG_LEVEL", "NODE_ENV", "PATH",
					    "STREAM",	 "URLS",     "KEYSPACE" };
	struct secret_rules rules = secret_rules_default;

	for (size_t i = 0; i < ELEMENTSOF(secret); i++)
		is_str(shown(&rules, secret[i], "v"), SECRET_REDACTED, "%s is not shown",
		       secret[i]);
	for (size_t i = 0; i < ELEMENTSOF(open); i++)
		is_str(shown(&rules, open[i], "v"), "v", "%s is shown", open[i]);
	is_str(shown(&rules, "DNA_TOKEN", ""), SECRET_REDACTED, "nor that a value is empty");
	is_str(shown(&rules, "DNA_TOKEN", "credential:a"), "credential:a", "a reference is shown");
	is_str(shown(NULL, "DNA_TOKEN", "v"), "v", "without rules everything is");

	is_int(secret_patterns_add(&rules.redact, "MY_*"), 0, "a pattern more");
	is_str(shown(&rules, "my_thing", "v"), SECRET_REDACTED, "counts");
	is_str(shown(&rules, "DNA_TOKEN", "v"), SECRET_REDACTED, "beside the others");
	is_int(secret_patterns_add(&rules.redact, ""), 0, "all taken back");
	is_str(shown(&rules, "MY_THING", "v"), "v", "it does not");
	is_str(shown(&rules, "DNA_TOKEN", "v"), "v", "nor do the defaults");
	secret_rules_clear(&rules);
}

static void test_allowed(void)
{
	char longer[SECRET_PATTERN_MAX + 2];
	struct secret_rules rules = secret_rules_default;

	ok(credential_is_allowed(&rules, "indexer.db") &&
		   credential_is_allowed(&rules, "indexer-db"),
	   "names of indexers");
	ok(!credential_is_allowed(&rules, "postgresql.password") &&
		   !credential_is_allowed(&rules, "indexer") &&
		   !credential_is_allowed(&rules, "Indexer.db") &&
		   !credential_is_allowed(&rules, "indexerdb"),
	   "and no others");
	ok(!credential_is_allowed(&rules, "indexer./../../shadow") &&
		   !credential_is_allowed(&rules, "indexer.a:/etc/shadow"),
	   "no pattern allows what is no name");
	ok(!credential_is_allowed(NULL, "indexer.db"), "without rules none");
	is_int(secret_patterns_add(&rules.credentials, "dna"), 0, "one more");
	ok(credential_is_allowed(&rules, "dna") && credential_is_allowed(&rules, "indexer.db"),
	   "is allowed");
	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	is_int(secret_patterns_add(&rules.credentials, longer), -EINVAL, "a pattern has a limit");
	secret_rules_clear(&rules);
}

static void test_named(void)
{
	struct kv_list environment = {};

	if (kv_list_set(&environment, "A", "indexer.a") < 0 ||
	    kv_list_set(&environment, "B", "credential:indexer.b") < 0 ||
	    kv_list_set(&environment, "C", "credential-file:indexer.c") < 0)
		abort();
	ok(!environment_names(&environment, "indexer.a"), "a value is no name");
	ok(environment_names(&environment, "indexer.b"), "a value's credential");
	ok(environment_names(&environment, "indexer.c"), "a file's");
	ok(!environment_names(&environment, "indexer."), "and none that begins so");
	kv_list_clear(&environment);
}

int main(void)
{
	test_references();
	test_names();
	test_patterns();
	test_shown();
	test_allowed();
	test_named();
	return tap_done();
}
