/*
 * Filters that are refused: at which column, and what was expected there. Last, the limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "model/filter.h"
#include "tap.h"

#define FIELDS                                                                                     \
	" to filter by; there are name, labels.KEY, spawned_by, runtime, script, status.state, "   \
	"create_time and update_time"
#define OPERAND "expected a field, a word, NOT, - or ("
#define NEGATED "expected a field, a word or ("
#define TIME	"expected a time such as 2026-01-31T12:00:00Z or 2026-01-31T12:00:00.5+02:00, not "
#define KEY	"a key is 1 to 128 of A-Z a-z 0-9 - _ . /, and begins and ends with a letter or a digit"
#define STAR	"a star itself is written \\* in quotes"
#define ENDS	"expected a * at the beginning or the end only; " STAR
#define NAME	"expected a name such as \"indexers/my-indexer\", not "

/* The message without what all have in common; "passes" where there is none. */
static const char *show(const char *text)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;
	_cleanup_refusal_ struct refusal refusal = {};
	static char buffer[REFUSAL_MESSAGE_MAX];
	const char *place;
	int r = filter_parse(text, &filter, &refusal);

	if (r == 0)
		return "passes";
	if (r != REFUSED || filter || refusal.code != CODE_INVALID_ARGUMENT ||
	    !streq(refusal.reason, "FILTER_INVALID") || !streq(refusal.field, "filter"))
		return "no refusal of a filter";
	place = startswith(refusal.message, "filter, column ");
	return strcpy(buffer, place ? place : refusal.message);
}

/* What has another form than the grammar's. */
static void test_syntax(void)
{
	static const char *const cases[][2] = {
		{ "NOT", "4: " NEGATED ", but the filter ends" },
		{ "-", "2: " NEGATED ", but the filter ends" },
		{ "- a", "2: " NEGATED ", not ' '" },
		{ "NOT NOT a", "5: " NEGATED ", not 'NOT'" },
		{ "NOT(a)", "4: expected a blank after NOT" },
		{ "a AND(b)", "6: expected a blank after AND" },
		{ "a AND ", "7: " OPERAND ", but the filter ends" },
		{ "AND a", "1: " OPERAND ", not 'AND'" },
		{ "a AND OR b", "7: " OPERAND ", not 'OR'" },
		{ "(a)OR b", "4: expected a blank, ) or the end, not 'OR'" },
		{ "(a)(b)", "4: expected a blank, ) or the end, not '('" },
		{ "a,b", "2: expected a blank, ) or the end, not ','" },
		{ "\"a\"'b'", "4: expected a blank, ) or the end, not '''" },
		{ "()", "2: " OPERAND ", not ')'" },
		{ "((a)", "1: this ( is not closed" },
		{ "a)", "2: this ) was not opened" },
		{ ".a", "1: " OPERAND ", not '.'" },
		{ "a.", "3: expected a name after the dot, but the filter ends" },
		{ "labels. = x", "8: expected a name after the dot, not ' '" },
		{ "labels . a", "8: " OPERAND ", not '.'" },
		{ "a ! b", "3: expected != or NOT, not '!'" },
		{ "labels.a == b", "11: expected a value, not '='" },
		{ "labels.a =", "11: expected a value, but the filter ends" },
		{ "labels.a = AND", "12: expected a value, not 'AND'" },
		{ "labels.a = ()", "13: expected a value, not ')'" },
		{ "labels.a = (x = y)", "15: expected a value, not '='" },
		{ "labels.a = (x OR", "17: expected a value, but the filter ends" },
		{ "labels.a = (x", "12: this ( is not closed" },
		{ "labels.a = a=b", "13: expected a blank, ) or the end, not '='" },
		{ "labels.a = \"x\"y", "15: expected a blank, ) or the end, not 'y'" },
		{ "labels.a = \"x", "12: this \" is not closed" },
		{ "labels.a = 'x\\", "15: expected one of \\ \" ' * after the backslash" },
		{ "labels.a = \"x\\n\"", "15: expected one of \\ \" ' * after the backslash" },
		{ "a\\b", "2: expected a blank, ) or the end, not '\\'" },
		{ "labels.a = \"äöü😀\" )", "19: this ) was not opened" },
		{ "a \xff", "3: expected UTF-8, not the byte \\xFF" },
		{ "\"é\" \xc3", "5: expected UTF-8, not the byte \\xC3" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		is_str(show(cases[i][0]), cases[i][1], "refused: %s", cases[i][0]);
}

/* What the grammar has and this API has not, with the grammar's own examples. */
static void test_meaning(void)
{
	static const char *const cases[][2] = {
		{ "a < 10 OR a >= 100", "1: there is no field 'a'" FIELDS },
		{ "-file:\".java\"", "2: there is no field 'file'" FIELDS },
		{ "package=com.google", "1: there is no field 'package'" FIELDS },
		{ "x 1 > 0", "3: there is no field '1'" FIELDS },
		{ "2.5 >= 2.4", "1: there is no field '2'" FIELDS },
		{ "yesterday < request.time", "1: there is no field 'yesterday'" FIELDS },
		{ "map:key", "1: there is no field 'map'" FIELDS },
		{ "regex(m.key, '^.*prod.*$')", "1: there is no function 'regex'" },
		{ "math.mem('30mb')", "1: there is no function 'math.mem'" },
		{ "(msg.endsWith('world') AND retries < 10)",
		  "2: there is no function 'msg.endsWith'" },
		{ "script <= cohort(request.user)", "11: there is no function 'cohort'" },
		{ "\"name\" = x", "1: a field is not quoted" },
		{ "a and b",
		  "3: AND is written in capitals; to look for the word, put it in quotes" },
		{ "foo*", "4: a word alone is found anywhere and takes no *; " STAR },
		{ "\"\"", "1: expected a word in the quotes" },
		{ "labels.a", "9: expected a comparison such as = VALUE, but the filter ends" },
		{ "status.state foo", "14: expected a comparison such as = VALUE, not 'foo'" },
		{ "na*me = x", "3: the name of a field or of a label has no *" },
		{ "labels.a* = x", "9: the name of a field or of a label has no *" },
		{ "name.x = y", "6: name has no fields" },
		{ "status.state.x = y", "14: status.state has no fields" },
		{ "status:state", "1: of status only status.state can be filtered by" },
		{ "status.foo = 1", "8: of status only status.state can be filtered by" },
		{ "status.\"state\" = 1", "8: of status only status.state can be filtered by" },
		{ "labels = x", "8: expected ':', as in labels:KEY; a label's value is compared "
				"with labels.KEY = VALUE" },
		{ "labels.a.b = c",
		  "10: a label has no fields; a key with a dot in it is quoted: labels.\"a.b\"" },
		{ "labels.\"\" = x", "8: no label has the key '': " KEY },
		{ "labels:\"ä b\"", "8: no label has the key 'ä b': " KEY },
		{ "labels:a*", "9: a label's key has no *" },
		{ "labels.a = x:y", "12: a value with ':' in it is quoted" },
		{ "labels.a = x*y", "13: " ENDS },
		{ "labels.a = '**x'", "14: " ENDS },
		{ "labels.a > \"é*\"", "14: only = != and : take a *; " STAR },
		{ "name = x", "8: " NAME "'x'" },
		{ "name != X*", "9: " NAME "'X'" },
		{ "name:''", "6: " NAME "''" },
		{ "spawned_by = indexers/A", "14: " NAME "'indexers/A'" },
		{ "status.state > RUNNING", "14: expected = or !=: states have no order" },
		{ "status.state = running",
		  "16: there is no state 'running'; there are STARTING, RUNNING, BACKING_OFF, "
		  "STOPPING, STOPPED, FAILED and DELETING" },
		{ "create_time > yesterday", "15: " TIME "'yesterday'" },
		{ "create_time > 2026-01-31", "15: " TIME "'2026-01-31'" },
		{ "create_time = 2026*", "15: " TIME "'2026'" },
		{ "create_time > 0001-01-01T00:00:00+01:00",
		  "15: expected a time in the years 1 to 9999" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		is_str(show(cases[i][0]), cases[i][1], "refused: %s", cases[i][0]);
}

/* `count` times one text, between two others. */
static const char *repeat(const char *before, const char *text, size_t count, const char *behind)
{
	static char buffer[4 * FILTER_SIZE_MAX];
	char *end = stpcpy(buffer, before);

	while (count-- > 0)
		end = stpcpy(end, text);
	strcpy(end, behind);
	return buffer;
}

static void test_limits(void)
{
	const char *got;

	is_str(show(repeat("", "a", FILTER_SIZE_MAX, "")), "passes", "the longest filter");
	is_str(show(repeat("", "a", FILTER_SIZE_MAX + 1, "")),
	       "8193: a filter has at most 8192 bytes", "one byte more");
	is_str(show(repeat("", "ä", FILTER_SIZE_MAX / 2, "a")),
	       "4097: a filter has at most 8192 bytes", "characters are counted, not bytes");
	is_str(show(repeat("", "a ", FILTER_WORDS_MAX, "")), "passes",
	       "as many words as there may be");
	is_str(show(repeat("", "a ", FILTER_WORDS_MAX, "x")),
	       "21: a filter has at most 10 words alone", "one more");
	is_str(show(repeat("script:a", " script:a", FILTER_TERMS_MAX - 1, "")), "passes",
	       "as many comparisons as there may be");
	is_str(show(repeat("", "script:a ", FILTER_TERMS_MAX, "x")),
	       "901: a filter has at most 100 comparisons and words", "one more");
	is_str(show(repeat("script:a script:a", " OR -(script:a script:a)",
			   FILTER_TERMS_MAX / 2 - 1, "")),
	       "passes", "as many groups as there can be");
	is_str(show(repeat("", "(", FILTER_DEPTH_MAX, "")), "17: " OPERAND ", but the filter ends",
	       "as many parentheses as there may be");
	is_str(show(repeat("", "(", FILTER_DEPTH_MAX + 1, "a")),
	       "17: more than 16 open parentheses", "one more");
	is_str(show(repeat("labels.a = ", "(", FILTER_DEPTH_MAX + 1, "a")),
	       "28: more than 16 open parentheses", "in an argument too");
	is_str(show(repeat("", "(script:a) ", FILTER_TERMS_MAX, "")), "passes",
	       "closed ones do not count");
	got = show(repeat("", "ä", 1000, " = x"));
	ok(strstr(got, "no field 'ääää") && !strstr(got, "\\x") && strlen(got) < 300,
	   "a long word is cut, between characters");
}

int main(void)
{
	test_syntax();
	test_meaning();
	test_limits();
	return tap_done();
}
