/*
 * Templates: what words come out, and what is refused at which column.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "runtime/strv.h"
#include "runtime/template.h"
#include "tap.h"

static char *const args[] = { (char *)"--x", (char *)"y z" };

static const struct template_values values = {
	.text = {
		[TEMPLATE_PROJECT] = "/srv/p/d",
		[TEMPLATE_SOURCE] = "/srv/p",
		[TEMPLATE_DIR] = "d",
		[TEMPLATE_SCRIPT] = "a b; $(x) '${ID}'",
		[TEMPLATE_SCRIPT_PATH] = "/srv/p/d/s",
		[TEMPLATE_PRESET] = "",
		[TEMPLATE_ID] = "my-id",
		[TEMPLATE_NAME] = "indexers/my-id",
		[TEMPLATE_ENV_KEYS] = "A,B",
	},
	.args = args,
	.n_args = ELEMENTSOF(args),
};

/* The words are shown between bars. */
static char *show(const char *text)
{
	_cleanup_(template_freep) struct template *template = NULL;
	_cleanup_(strv_freep) char **argv = NULL;
	struct complaint complaint = {};
	static char buffer[8192];
	size_t n = 0, used;

	if (template_parse(text, TEMPLATE_COMMAND, &template, &complaint) != 0) {
		snprintf(buffer, sizeof(buffer), "%u: %s", complaint.column, complaint.text);
		return buffer;
	}
	if (template_expand(template, &values, &argv, &n) != 0)
		return (char *)"expand failed";
	used = (size_t)snprintf(buffer, sizeof(buffer), "|");
	for (size_t i = 0; i < n; i++)
		used += (size_t)snprintf(buffer + used, sizeof(buffer) - used, "%s|", argv[i]);
	return buffer;
}

static void test_words(void)
{
	static const char *const cases[][2] = {
		{ "/bin/a", "|/bin/a|--x|y z|" },
		{ "  /bin/a \t b  ", "|/bin/a|b|--x|y z|" },
		{ "/bin/a ${SCRIPT}", "|/bin/a|a b; $(x) '${ID}'|--x|y z|" },
		{ "/bin/a --i=${SCRIPT}x", "|/bin/a|--i=a b; $(x) '${ID}'x|--x|y z|" },
		{ "/bin/a ${ENV_KEYS:+--env ${ENV_KEYS}}", "|/bin/a|--env|A,B|--x|y z|" },
		{ "/bin/a ${ARGS} end", "|/bin/a|--x|y z|end|" },
		{ "/bin/a ${ARGS} ${ARGS}", "|/bin/a|--x|y z|--x|y z|" },
		{ "/bin/a ${ARGS:+--}", "|/bin/a|--|--x|y z|" },
		{ "/bin/a ${ARGS:+-- ${ARGS}}", "|/bin/a|--|--x|y z|" },
		{ "/bin/a ${PRESET}", "|/bin/a||--x|y z|" },
		{ "/bin/a ${PRESET:+--preset ${PRESET}} z", "|/bin/a|z|--x|y z|" },
		{ "/bin/a ${ID:+--id ${ID} '}' $$} z", "|/bin/a|--id|my-id|}|$|z|--x|y z|" },
		{ "/bin/a ${ID:+ x }", "|/bin/a|x|--x|y z|" },
		{ "/bin/a 'b  c' \"d 'e'\" f' 'g", "|/bin/a|b  c|d 'e'|f g|--x|y z|" },
		{ "/bin/a '' \"${ID} ${NAME}\"", "|/bin/a||my-id indexers/my-id|--x|y z|" },
		{ "/bin/a $$HOME 5$$ %h }", "|/bin/a|$HOME|5$|%h|}|--x|y z|" },
		{ "${SCRIPT_PATH}", "|/srv/p/d/s|--x|y z|" },
		{ "${PROJECT}/x ${SOURCE} ${DIR}", "|/srv/p/d/x|/srv/p|d|--x|y z|" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		is_str(show(cases[i][0]), cases[i][1], "%s", cases[i][0]);
}

static void test_errors(void)
{
	static const char *const cases[][2] = {
		{ "", "1: it is empty" },
		{ "   ", "1: it is empty" },
		{ "/a $HOME", "4: a dollar is written $$, a variable ${NAME}" },
		{ "/a $", "4: a dollar is written $$, a variable ${NAME}" },
		{ "/a ${", "4: expected ${NAME} or ${NAME:+words}" },
		{ "/a ${ID", "4: expected ${NAME} or ${NAME:+words}" },
		{ "/a ${ID:-x}", "4: expected ${NAME} or ${NAME:+words}" },
		{ "/a ${ID:+x", "4: ${NAME:+words} is not closed" },
		{ "/a ${ID:+}", "4: ${NAME:+} without words" },
		{ "/a x${ID:+y}", "5: ${NAME:+words} must be a word of its own" },
		{ "/a '${ID:+y}'", "5: ${NAME:+words} must be a word of its own" },
		{ "/a ${ID:+y}x", "12: ${NAME:+words} must be a word of its own" },
		{ "/a ${ID:+${ID:+x}}", "10: ${NAME:+words} within another one" },
		{ "/a ${ARGS}x", "4: ${ARGS} must be a word of its own, in a command" },
		{ "/a x${ARGS}", "5: ${ARGS} must be a word of its own, in a command" },
		{ "/a '${ARGS}'", "5: ${ARGS} must be a word of its own, in a command" },
		{ "/a 'b c", "4: the quote ' is not closed" },
		{ "/a b\\ c", "5: a backslash has no meaning here; use quotes" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		is_str(show(cases[i][0]), cases[i][1], "refused: %s", cases[i][0]);
	ok(strstr(show("/a ${NOPE}"), "4: unknown variable ${NOPE}"), "an unknown variable");
	ok(strstr(show("/a ${}"), "4: unknown variable ${}"), "a variable without a name");
}

static void test_limits(void)
{
	char text[2 * TEMPLATE_SIZE_MAX];

	memset(text, 'a', sizeof(text));
	text[TEMPLATE_SIZE_MAX] = '\0';
	ok(show(text)[0] == '|', "the longest template");
	text[TEMPLATE_SIZE_MAX] = 'a';
	text[TEMPLATE_SIZE_MAX + 1] = '\0';
	ok(strstr(show(text), "longer than"), "one byte more");
	for (size_t i = 0; i <= TEMPLATE_WORDS_MAX; i++)
		memcpy(text + 2 * i, "a ", 3);
	is_str(show(text), "129: more than 64 words", "one word more");
	for (size_t i = 0; i <= TEMPLATE_PARTS_MAX; i++)
		memcpy(text + 5 * i, "${ID}", 6);
	is_str(show(text), "1281: more than 256 pieces", "one piece more");
}

static void test_long_values(void)
{
	_cleanup_(template_freep) struct template *template = NULL;
	_cleanup_free_ char *big = malloc(TEMPLATE_WORD_MAX + 1);
	struct template_values v = values;
	struct complaint complaint;
	char **argv = NULL;
	size_t n;

	if (!big)
		abort();
	memset(big, 'x', TEMPLATE_WORD_MAX);
	big[TEMPLATE_WORD_MAX] = '\0';
	v.text[TEMPLATE_SCRIPT] = big;
	ok(template_parse("/a ${SCRIPT}", TEMPLATE_COMMAND, &template, &complaint) == 0, "parsed");
	is_int(template_expand(template, &v, &argv, &n), -E2BIG, "a word longer than execve takes");
	ok(!argv, "and nothing given");
	big[TEMPLATE_WORD_MAX - 1] = '\0';
	is_int(template_expand(template, &v, &argv, &n), 0, "the longest word");
	argv = strv_free(argv);
	v.text[TEMPLATE_SCRIPT] = "s";
	big[TEMPLATE_WORD_MAX - 1] = 'x';
	v.args = &big;
	v.n_args = 1;
	is_int(template_expand(template, &v, &argv, &n), -E2BIG, "an argument longer than that");
}

static void test_text(void)
{
	_cleanup_(template_freep) struct template *template = NULL;
	_cleanup_free_ char *text = NULL;
	struct complaint complaint = {};

	is_int(template_parse(" 'a' \\n ${ID} $$ \"", TEMPLATE_TEXT, &template, &complaint), 0,
	       "a text keeps quotes, blanks and backslashes");
	is_int(template_expand_text(template, &values, &text), 0, "expanded");
	is_str(text, " 'a' \\n my-id $ \"", "as it stands");
	template = template_free(template);
	is_int(template_parse("${ARGS}", TEMPLATE_TEXT, &template, &complaint), MALFORMED,
	       "a text has no ${ARGS}");
	is_int(template_parse("${ID:+x}", TEMPLATE_TEXT, &template, &complaint), MALFORMED,
	       "nor words");
	free(TAKE(text));
	is_int(template_parse("", TEMPLATE_TEXT, &template, &complaint), 0, "it may be empty");
	is_int(template_expand_text(template, &values, &text), 0, "expanded");
	is_str(text, "", "to nothing");
}

static void test_program(void)
{
	static const struct {
		const char *text;
		bool absolute, script, name, fixed;
	} cases[] = {
		{ "/bin/x ${SCRIPT_PATH}", .absolute = true, .fixed = true },
		{ "${SCRIPT_PATH} x", .absolute = true, .script = true },
		{ "${SCRIPT_PATH}.sh", .absolute = true },
		{ "${PROJECT}/bin/x", .absolute = true },
		{ "'/opt/my node' x", .absolute = true, .fixed = true },
		{ "node ${SCRIPT_PATH}", .name = true, .fixed = true },
		{ "sink-${PRESET} x", .name = true },
		{ "${PRESET} x" },
		{ "sink-${SCRIPT}" },
		{ "bin/x", .fixed = true },
		{ "${SCRIPT}" },
		{ "${DIR}/x" },
		{ "${ARGS}" },
		{ "'' x", .fixed = true },
		{ "${PRESET:+/bin/x} y", .fixed = true },
		{ "${PRESET:+x} y", .fixed = true },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_(template_freep) struct template *template = NULL;
		struct complaint complaint;

		if (template_parse(cases[i].text, TEMPLATE_COMMAND, &template, &complaint) != 0)
			continue;
		ok(template_program_is_absolute(template) == cases[i].absolute, "absolute: %s",
		   cases[i].text);
		ok(template_program_is_name(template) == cases[i].name, "a name: %s",
		   cases[i].text);
		ok(template_program_is_fixed(template) == cases[i].fixed, "fixed: %s",
		   cases[i].text);
		ok(template_program_is(template, TEMPLATE_SCRIPT_PATH) == cases[i].script,
		   "the script: %s", cases[i].text);
	}
}

int main(void)
{
	test_words();
	test_errors();
	test_limits();
	test_long_values();
	test_text();
	test_program();
	return tap_done();
}
