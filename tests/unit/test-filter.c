/*
 * Filters: what trees they make, and what passes. The examples of AIP-160 and of its grammar are
 * among them, where they name a field with one of this API's in its place; as they stand they are
 * in test-filter-errors.c.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "model/filter.h"
#include "model/page_token.h"
#include "tap.h"

/* The canonical text of a filter. */
static const char *show(const char *text)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;
	_cleanup_refusal_ struct refusal refusal = {};
	static char buffer[1024];

	if (filter_parse(text, &filter, &refusal) != 0)
		snprintf(buffer, sizeof(buffer), "%s", refusal.message);
	else
		snprintf(buffer, sizeof(buffer), "%s", filter_text(filter));
	return buffer;
}

/* Texts, and the canonical ones: they show what binds to what. */
static void test_trees(void)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ " \t\r\n ", "" },
		/* The grammar's own. */
		{ "a b AND c AND d", "\"a\" AND \"b\" AND \"c\" AND \"d\"" },
		{ "(a b) AND c AND d", "\"a\" AND \"b\" AND \"c\" AND \"d\"" },
		{ "New York Giants OR Yankees",
		  "\"New\" AND \"York\" AND (\"Giants\" OR \"Yankees\")" },
		{ "New York (Giants OR Yankees)",
		  "\"New\" AND \"York\" AND (\"Giants\" OR \"Yankees\")" },
		{ "NOT (a OR b)", "NOT (\"a\" OR \"b\")" },
		{ "-30", "NOT \"30\"" },
		{ "prod", "\"prod\"" },
		{ "create_time < 2026-01-01T00:00:00Z OR create_time >= 2026-02-01T00:00:00Z",
		  "create_time < 2026-01-01T00:00:00Z OR create_time >= 2026-02-01T00:00:00Z" },
		{ "-script:\"*.java\"", "NOT script = \"*.java\"" },
		{ "labels.package=com.google", "labels.\"package\" = \"com.google\"" },
		{ "labels.msg != 'hello'", "NOT labels.\"msg\" = \"hello\"" },
		{ "labels.a >= 2.4", "labels.\"a\" >= \"2.4\"" },
		{ "labels:key", "labels.\"key\":*" },
		/* AIP-160's. */
		{ "42", "\"42\"" },
		{ "Victor Hugo", "\"Victor\" AND \"Hugo\"" },
		{ "a OR b OR c", "\"a\" OR \"b\" OR \"c\"" },
		{ "a AND b OR c", "\"a\" AND (\"b\" OR \"c\")" },
		{ "a OR b AND c", "(\"a\" OR \"b\") AND \"c\"" },
		{ "NOT a", "NOT \"a\"" },
		{ "-a", "NOT \"a\"" },
		{ "labels.a = true", "labels.\"a\" = \"true\"" },
		{ "labels.a > \"foo\"", "labels.\"a\" > \"foo\"" },
		{ "labels.a = \"*.foo\"", "labels.\"a\" = \"*.foo\"" },
		{ "labels.foo:*", "labels.\"foo\":*" },
		{ "labels.foo:42", "labels.\"foo\" = \"42\"" },
		{ "create_time = 2012-04-21T11:30:00-04:00", "create_time = 2012-04-21T15:30:00Z" },
		/* Groups. */
		{ "(((a)))", "\"a\"" },
		{ "( a\tb )\n-(c d)", "\"a\" AND \"b\" AND NOT (\"c\" AND \"d\")" },
		{ "a OR (b OR (c))", "\"a\" OR \"b\" OR \"c\"" },
		{ "a OR (b AND c)", "\"a\" OR (\"b\" AND \"c\")" },
		{ "a OR -b c OR NOT d", "(\"a\" OR NOT \"b\") AND (\"c\" OR NOT \"d\")" },
		{ "NOT (NOT a)", "\"a\"" },
		{ "-(-(a b) c)", "NOT (NOT (\"a\" AND \"b\") AND \"c\")" },
		{ "labels.a = (x OR \"y*\")", "labels.\"a\" = \"x\" OR labels.\"a\" = \"y*\"" },
		{ "labels.a != ( x OR y ) z",
		  "NOT (labels.\"a\" = \"x\" OR labels.\"a\" = \"y\") AND \"z\"" },
		{ "labels:(a OR NOT b)", "labels.\"a\":* OR NOT labels.\"b\":*" },
		{ "script > (a (-b))", "script > \"a\" AND NOT script > \"b\"" },
		/* Words and values. */
		{ "ANDy ORk NOTe a-b", "\"ANDy\" AND \"ORk\" AND \"NOTe\" AND \"a-b\"" },
		{ "\"AND\" \"or\"", "\"AND\" AND \"or\"" },
		{ "2.5 a.b.c.d.e", "\"2.5\" AND \"a.b.c.d.e\"" },
		{ "labels.a='say \"\\'\\\\ \\*'", "labels.\"a\" = \"say \\\"'\\\\ \\*\"" },
		{ "labels.AND = x", "labels.\"AND\" = \"x\"" },
		{ "labels.\"a.b/c\"=1", "labels.\"a.b/c\" = \"1\"" },
		{ "labels.a/b-c:*", "labels.\"a/b-c\":*" },
		{ "labels:*", "labels:*" },
		{ "labels:'*'", "labels:*" },
		{ "labels.a = *", "labels.\"a\" = \"**\"" },
		{ "labels.a = **", "labels.\"a\" = \"**\"" },
		{ "labels.a = *x*", "labels.\"a\" = \"*x*\"" },
		{ "labels.a = x*", "labels.\"a\" = \"x*\"" },
		{ "labels.a = -30", "labels.\"a\" = \"-30\"" },
		{ "labels.a=\"\"", "labels.\"a\" = \"\"" },
		{ "name\n=\n'indexers/x'", "name = \"indexers/x\"" },
		{ "spawned_by = ''", "spawned_by = \"\"" },
		{ "runtime:*", "runtime:*" },
		{ "runtime:no*", "runtime = \"no*\"" },
		{ "status.state = RUNNING", "status.state = RUNNING" },
		{ "status.state:STATE_FAILED", "status.state = FAILED" },
		{ "status.state != 'STOPPED'", "NOT status.state = STOPPED" },
		{ "update_time > 0001-01-01T00:00:00Z", "update_time > 0001-01-01T00:00:00Z" },
		{ "update_time:\"2026-01-31t12:00:00.5z\"",
		  "update_time = 2026-01-31T12:00:00.500000Z" },
		{ "update_time>=2026-01-31T12:00:00.000000001Z",
		  "update_time >= 2026-01-31T12:00:00.0000005Z" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		is_str(show(cases[i][0]), cases[i][1], "%s", cases[i][1]);
		is_str(show(cases[i][1]), cases[i][1], "and again");
	}
}

/* Three indexers: a root with labels, its child, and one that has nothing. */
static struct view *make_view(int which)
{
	struct status status = { .state = which == 0 ? STATE_RUNNING : STATE_FAILED };
	_cleanup_(definition_unrefp) struct definition *d = NULL;
	struct view *view = NULL;

	if (definition_new(&d) < 0)
		abort();
	strcpy(d->id, which == 0 ? "factory" : which == 1 ? "pool-usdc" : "pool-z");
	if (which == 0) {
		kv_list_set(&d->labels, "env", "prod");
		kv_list_set(&d->labels, "app/part", "*star*");
		kv_list_set(&d->labels, "empty", "");
		string_set(&d->script, "src/main.js");
	}
	if (which == 1) {
		kv_list_set(&d->labels, "env", "próba");
		string_set(&d->spawned_by, "factory");
		string_set(&d->runtime, "node");
		d->update_time = 1;
	}
	d->create_time = 1769860800000000 + (uint64_t)which; /* 2026-01-31 12:00 UTC */
	if (view_new(d, &status, &view) < 0)
		abort();
	return view;
}

/* Which of the views pass, as digits. */
static const char *passing(const char *text)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;
	_cleanup_refusal_ struct refusal refusal = {};
	static char digits[4];
	size_t n = 0;

	if (filter_parse(text, &filter, &refusal) != 0)
		return "refused";
	for (int i = 0; i < 3; i++) {
		_cleanup_(view_unrefp) struct view *view = make_view(i);

		if (filter_matches(filter, view))
			digits[n++] = (char)('0' + i);
	}
	digits[n] = '\0';
	return digits;
}

static void test_evaluation(void)
{
	static const char *const cases[][2] = {
		{ "", "012" },
		{ "name = \"indexers/pool-z\"", "2" },
		{ "name = \"indexers/pool*\"", "12" },
		{ "name = \"*usdc\"", "1" },
		{ "name = '*/pool-z'", "2" },
		{ "name = '*x*'", "012" },
		{ "name = 'in*'", "012" },
		{ "name != \"indexers/pool*\"", "0" },
		{ "name > indexers/factory", "12" },
		{ "name >= indexers/factory AND name <= indexers/pool-usdc", "01" },
		{ "name < z", "012" },
		{ "name < \"\"", "" },
		{ "spawned_by = indexers/factory", "1" },
		{ "spawned_by = \"\"", "02" },
		{ "spawned_by != indexers/factory", "02" },
		{ "spawned_by:*", "1" },
		{ "spawned_by < a", "02" },
		{ "spawned_by = *", "012" },
		{ "runtime = node", "1" },
		{ "runtime:*", "1" },
		{ "-runtime:*", "02" },
		{ "runtime = ''", "02" },
		{ "script = *.js", "0" },
		{ "script = 'src/*' OR runtime = node", "01" },
		{ "labels.env = prod", "0" },
		{ "labels.env = PROD", "" },
		{ "labels.env = pr*", "01" },
		{ "labels.env = *ó*", "1" },
		/* What is not there is not equal, and neither less nor greater. */
		{ "labels.env != prod", "12" },
		{ "NOT labels.env = prod", "12" },
		{ "labels.env < zzz", "01" },
		{ "NOT labels.env < zzz", "2" },
		{ "labels.env > a AND labels.env != prod", "1" },
		{ "labels.env = *", "01" },
		{ "labels.env != *", "2" },
		{ "labels:env", "01" },
		{ "labels.env:*", "01" },
		{ "-labels:env", "2" },
		{ "labels:*", "01" },
		{ "labels:(empty OR nothing)", "0" },
		{ "labels.empty = \"\"", "0" },
		{ "labels.nothing = \"\"", "" },
		{ "labels.empty != \"\"", "12" },
		{ "labels.\"app/part\" = \"\\*star\\*\"", "0" },
		{ "labels.app/part = \"\\*st*\"", "0" },
		{ "labels.app/part = '\\**'", "0" },
		{ "labels.env = (prod OR *óba)", "01" },
		{ "labels.env != (prod OR *óba)", "2" },
		{ "labels.env = (pr* -*d)", "1" },
		{ "status.state = RUNNING", "0" },
		{ "status.state != STATE_RUNNING", "12" },
		{ "status.state:*", "012" },
		{ "status.state = RUNNING AND labels:env", "0" },
		{ "create_time = 2026-01-31T12:00:00Z", "0" },
		{ "create_time > \"2026-01-31T13:00:00+01:00\"", "12" },
		{ "create_time >= 2026-01-31T12:00:00.000001Z", "12" },
		{ "create_time < 2026-01-31T12:00:00.0000011Z", "01" },
		{ "create_time <= 2026-01-31T12:00:00.0000011Z", "01" },
		{ "create_time >= 2026-01-31T12:00:00.0000011Z", "2" },
		{ "create_time = 2026-01-31T12:00:00.0000011Z", "" },
		{ "create_time > 1969-07-20T20:17:40Z", "012" },
		{ "update_time:*", "1" },
		{ "update_time = 1970-01-01T00:00:00Z", "02" },
		/* Words alone. */
		{ "pool", "12" },
		{ "factory", "01" },
		{ "indexers", "" },
		{ "main.js", "0" },
		{ "node", "1" },
		{ "env -prod", "1" },
		{ "\"star*\"", "refused" },
		{ "'star\\*'", "0" },
		{ "Pool", "" },
		{ "pool OR factory -pool-z", "01" },
		{ "pool AND usdc OR factory", "1" },
		{ "(pool AND usdc) OR main", "01" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		is_str(passing(cases[i][0]), cases[i][1], "passes: %s", cases[i][0]);
}

static bool reads_status(const char *text)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;

	return filter_parse(text, &filter, NULL) == 0 && filter_reads_status(filter);
}

static void test_for_others(void)
{
	_cleanup_(filter_freep) struct filter *filter = NULL, *same = NULL, *other = NULL;
	_cleanup_refusal_ struct refusal refusal = {};
	char token[PAGE_TOKEN_MAX], id[ID_MAX];

	ok(reads_status("a OR NOT status.state = RUNNING"), "a filter that reads the status");
	ok(!reads_status("labels:\"status.state\""), "one that does not");
	ok(!reads_status(""), "nor does the empty one");
	filter_parse("labels.a=x   (runtime:node)", &filter, NULL);
	filter_parse("labels.\"a\" = 'x' AND runtime = node", &same, NULL);
	filter_parse("labels.a=x runtime:node*", &other, NULL);
	page_token_make("a", filter_text(filter), token);
	is_int(page_token_read(token, filter_text(same), id, &refusal), 0,
	       "a token is good for another spelling of its filter");
	is_int(page_token_read(token, filter_text(other), id, &refusal), REFUSED,
	       "but not for another filter");
}

int main(void)
{
	test_trees();
	test_evaluation();
	test_for_others();
	return tap_done();
}
