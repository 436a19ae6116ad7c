/*
 * What indexerctl makes of its command line, and of text that it prints.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "ctl/options.h"
#include "ctl/output.h"
#include "ctl/tree.h"
#include "ctl/value.h"
#include "tap.h"

#define NOW (1767268800 * USEC_PER_SEC) /* 2026-01-01 12:00:00 UTC */
#define BAD UINT64_MAX

static void check_size(const char *text, uint64_t want)
{
	uint64_t value = BAD;
	int r = parse_size(text, &value);

	ok(r == (want == BAD ? -EINVAL : 0) && value == want, "size '%s'", text);
}

static void test_sizes(void)
{
	check_size("1", 1);
	check_size("512M", 512ULL << 20);
	check_size("2G", 2ULL << 30);
	check_size("16777215T", 16777215ULL << 40);
	check_size("16777216T", BAD);
	check_size("18446744073709551616", BAD);
	check_size("0", BAD);
	check_size("", BAD);
	check_size("M", BAD);
	check_size("-1", BAD);
	check_size("1.5G", BAD);
	check_size("1MB", BAD);
	check_size("1m", BAD);
}

static void test_percent(void)
{
	static const struct {
		const char *text;
		uint32_t want;
	} cases[] = { { "50", 50 }, { "150%", 150 }, { "0", 0 },	  { "0%", 0 },
		      { "", 0 },    { "5 %", 0 },    { "4294967296", 0 }, { "%", 0 } };

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		uint32_t value = 0;
		int r = parse_percent(cases[i].text, &value);

		ok(r == (cases[i].want ? 0 : -EINVAL) && value == cases[i].want, "percent '%s'",
		   cases[i].text);
	}
}

static void check_span(const char *text, uint64_t want)
{
	uint64_t value = BAD;
	int r = parse_span(text, &value);

	ok(r == (want == BAD ? -EINVAL : 0) && value == want, "span '%s'", text);
}

static void test_spans(void)
{
	check_span("30", 30 * USEC_PER_SEC);
	check_span("0.25", 250000);
	check_span("1.5min", 90 * USEC_PER_SEC);
	check_span("2h", 7200 * USEC_PER_SEC);
	check_span("3d", 3 * 86400 * USEC_PER_SEC);
	check_span("250ms", 250000);
	check_span("0.0000001", 0);
	check_span("", BAD);
	check_span("1.", BAD);
	check_span(".5", BAD);
	check_span("1y", BAD);
	check_span("1 min", BAD);
	check_span("99999999999d", BAD);
	check_span("4294967295d", BAD);
}

static void check_time(const char *text, uint64_t want)
{
	uint64_t value = BAD;
	int r = parse_time(text, NOW, &value);

	ok(r == (want == BAD ? -EINVAL : 0) && value == want, "time '%s'", text);
}

/* The test's time zone is six hours east of Greenwich. */
static void test_times(void)
{
	check_time("2026-01-01T12:00:00Z", NOW);
	check_time("2026-01-01T12:00:00.5Z", NOW + 500000);
	check_time("2026-01-01T14:30:00+02:30", NOW);
	check_time("2026-01-01T07:00:00-05:00", NOW);
	check_time("2026-01-01 18:00", NOW);
	check_time("2026-01-01 18:00:30", NOW + 30 * USEC_PER_SEC);
	check_time("2026-01-01", NOW - 18 * 3600 * USEC_PER_SEC);
	check_time("-10min", NOW - 600 * USEC_PER_SEC);
	check_time("@1767268800", NOW);
	check_time("2026-02-31", BAD);
	check_time("2026-01-01T25:00:00Z", BAD);
	check_time("2026-01-01T12:00:00", BAD);
	check_time("2026-01-01T12:00:00+2:00", BAD);
	check_time("2026-01-01T12:00:00Zx", BAD);
	check_time("1969-12-31T00:00:00Z", BAD);
	check_time("-", BAD);
	check_time("-99999d", BAD);
	check_time("yesterday", BAD);
	check_time("", BAD);
}

static void test_pairs(void)
{
	struct kv_list list = { 0 };

	is_int(parse_key_value("KEY=a=b", &list), 0, "the first = separates");
	is_str(list.items[0].value, "a=b", "the value keeps the others");
	is_int(parse_key_value("EMPTY=", &list), 0, "an empty value is a value");
	is_str(list.items[0].value, "", "and is kept, before the other key");
	is_int(parse_key_value("KEY=last", &list), 0, "a key may come again");
	is_str(list.items[1].value, "last", "and the last one wins");
	is_int(parse_key_value("KEY", &list), -EINVAL, "without = it is none");
	is_int(parse_key_value("=value", &list), -EINVAL, "nor without a key");
	is_int((long long)list.n, 2, "what is refused adds nothing");
	kv_list_clear(&list);
}

struct test_config {
	bool flag;
	const char *string;
	struct string_list list;
	uint64_t count;
	bool given[4]; /* of the rows */
};

static const struct option_row rows[] = {
	{ "flag", 'f', NULL, take_flag, offsetof(struct test_config, flag), NULL, "" },
	{ "string", 0, "TEXT", take_string, offsetof(struct test_config, string), NULL, "" },
	{ "list", 'l', "TEXT", take_strings, offsetof(struct test_config, list), NULL, "" },
	{ "count", 'n', "N", take_count, offsetof(struct test_config, count), "a number", "",
	  .clears = sizeof(uint64_t) },
};

static int parse(struct test_config *config, bool stop, int argc, char **argv)
{
	const struct option_table table = { rows, ELEMENTSOF(rows), config, config->given };

	return options_parse(&table, 1, stop, argc, argv);
}

static void test_options(void)
{
	struct test_config config = { 0 }, other = { 0 };
	char *words[] = { (char *)"ctl",      (char *)"ID",	(char *)"-fl",
			  (char *)"a",	      (char *)"-n3",	(char *)"--list=",
			  (char *)"--string", (char *)"--flag", NULL };
	char *bad[] = { (char *)"ctl", (char *)"--count=0", NULL };
	char *empty[] = { (char *)"ctl", (char *)"-n3", (char *)"--count=", NULL };
	char *verb[] = { (char *)"ctl", (char *)"-f", (char *)"verb", (char *)"-n1", NULL };

	is_int(parse(&config, false, 8, words), 7, "options are found behind words too");
	ok(config.flag, "short options share a dash");
	is_str(config.string, "--flag", "a value may look like an option");
	is_int((long long)config.list.n, 2, "an option may come again");
	is_str(config.list.items[1], "", "and be empty");
	is_int((long long)config.count, 3, "a short option's value may stick to it");
	ok(config.given[0] && config.given[1] && config.given[3], "what was given is told");
	string_list_clear(&config.list);
	is_int(parse(&config, false, 3, empty), 3, "an empty value is one where it clears");
	is_int((long long)config.count, 0, "what came before");
	is_int(parse(&other, false, 2, bad), -EINVAL, "a wrong value is an error");
	is_int(parse(&other, true, 4, verb), 2, "parsing stops at the verb");
	is_int((long long)other.count, 0, "and leaves the verb's options alone");
	ok(!other.given[3], "a wrong value is not told as given, nor one that is left alone");
}

static void test_fields(void)
{
	static const struct option_row fields[] = {
		{ .name = "plain" },
		{ .name = "arg", .field = "indexer.args" },
		{ .name = "args-max", .field = "indexer.args_max" },
		{ .name = "cpu", .field = "indexer.resources.cpu" },
	};
	static const struct {
		const char *field, *option;
	} cases[] = {
		{ "indexer.args", "arg" },     { "indexer.args[3]", "arg" },
		{ "indexer.args.x", "arg" },   { "indexer.args_max", "args-max" },
		{ "indexer.args_min", NULL },  { "indexer.resources.cpu", "cpu" },
		{ "indexer.resources", NULL }, { "", NULL },
	};
	const struct option_table table = { fields, ELEMENTSOF(fields), NULL };

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		const struct option_row *row = options_find_field(&table, cases[i].field);

		is_str(row ? row->name : NULL, cases[i].option, "the option of the field '%s'",
		       cases[i].field);
	}
}

static void test_clean(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "plain\ttext \xc3\xa9", "plain\ttext \xc3\xa9" },
		{ "\033[1;31mred\033[0m", "red" },
		{ "\033]0;title\007", "]0;title" },
		{ "a\rb\nc\x7f", "abc" },
		{ "\xc2\x9b"
		  "31m",
		  "31m" },
		{ "\xc2\xa9", "\xc2\xa9" },
		{ "cut\033[1;", "cut" },
		{ "cut\033", "cut" },
		{ "\033\033[m[m", "[m" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_free_ char *text = strdup(cases[i].text);

		is_str(clean(text), cases[i].want, "control characters, case %zu", i);
	}
}

static void test_tree(void)
{
	static const struct {
		const char *name, *parent, *prefix;
		size_t place; /* in the drawing */
	} cases[] = {
		{ "indexers/a", "", "", 0 },
		{ "indexers/b", "indexers/a", "|-", 1 },
		{ "indexers/c", "indexers/a", "`-", 3 },
		{ "indexers/d", "indexers/b", "| `-", 2 },
		{ "indexers/e", "indexers/gone", "", 4 },
	};
	Indexerd__V1__Indexer all[ELEMENTSOF(cases)], *pointers[ELEMENTSOF(cases)];
	struct tree_row *drawing = NULL;

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		indexerd__v1__indexer__init(&all[i]);
		all[i].name = (char *)cases[i].name;
		all[i].spawned_by = (char *)cases[i].parent;
		pointers[i] = &all[i];
	}
	is_int(tree_draw(pointers, ELEMENTSOF(cases), false, &drawing), 0, "a tree is drawn");
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		const struct tree_row *row = &drawing[cases[i].place];

		is_str(row->indexer->name, cases[i].name, "row %zu", cases[i].place);
		is_str(row->prefix, cases[i].prefix, "its lines");
	}
	tree_free(drawing, ELEMENTSOF(cases));
}

static void test_enums(void)
{
	is_str(enum_text(&indexerd__v1__state__descriptor, 3), "BACKING_OFF", "a state");
	is_str(enum_text(&indexerd__v1__log_level__descriptor, 4), "WARNING", "a level");
	is_str(enum_text(&indexerd__v1__state__descriptor, 99), "?", "an unknown one");
}

int main(void)
{
	setenv("TZ", "UTC-6", 1);
	test_sizes();
	test_percent();
	test_spans();
	test_times();
	test_pairs();
	test_options();
	test_fields();
	test_clean();
	test_tree();
	test_enums();
	return tap_done();
}
