/*
 * Which runtime is chosen where none is named, and which preset; and what is said of programs that
 * are not installed, and of files with errors.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/util.h"
#include "project-place.h"
#include "runtime-helper.h"
#include "tap.h"

static void test_presets_in_text(void)
{
	static const struct {
		const char *text;
		int found;
		const char *first, *second;
	} cases[] = {
		{ "export const config = { sinkType: \"console\" }", PRESET_ONE, "console" },
		{ "sinkType:'postgres',", PRESET_ONE, "postgres" },
		{ "sinkType:\n\t\t\"mongo\"", PRESET_ONE, "mongo" },
		{ "{\"sinkType\": \"web-hook\"}", PRESET_ONE, "web-hook" },
		{ "sinkType: \"a\"; sinkType: 'a'", PRESET_ONE, "a" },
		{ "// sinkType: \"a\"\nsinkType: \"b\"", PRESET_SEVERAL, "a", "b" },
		{ "mysinkType: \"a\"", PRESET_NONE },
		{ "sinkType: kind", PRESET_NONE },
		{ "sinkType: \"\"", PRESET_NONE },
		{ "sinkType: \"../x\"", PRESET_NONE },
		{ "sinkType: \"-x\"", PRESET_NONE },
		{ "sinkType: \"a b\"", PRESET_NONE },
		{ "sinkType: \"a", PRESET_NONE },
		{ "sinkType: \"", PRESET_NONE },
		{ "sinkTyp", PRESET_NONE },
		{ "", PRESET_NONE },
	};
	static char *const patterns[] = {
		(char *)"sinkType: \"${PRESET}\"",
		(char *)"sinkType: '${PRESET}'",
		(char *)"\"sinkType\": \"${PRESET}\"",
	};
	static const char binary[] = "\0\xff sinkType: \"a\"\0sinkType: \"b\0\"";
	char *found[2] = {};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		char *values[2] = {};

		is_int(preset_find(patterns, ELEMENTSOF(patterns), cases[i].text,
				   strlen(cases[i].text), values),
		       cases[i].found, "presets in '%s'", cases[i].text);
		is_str(values[0], cases[i].first, "the first");
		is_str(values[1], cases[i].second, "the second");
		free(values[0]);
		free(values[1]);
	}
	is_int(preset_find(patterns, 1, binary, sizeof(binary) - 1, found), PRESET_ONE,
	       "a text of any bytes");
	is_str(found[0], "a", "and no value with a NUL in it");
	free(found[0]);
}

static void make_projects(void)
{
	sh("mkdir -p v2/.apibara/build new deno v1 py bin mixed shut out");
	sh("touch v2/.apibara/build/start.mjs new/apibara.config.ts deno/deno.json");
	sh("touch v2/tool.mjs deno/main.js deno/main.cjs deno/main.ts py/main.py py/a.b.py");
	sh("touch bin/run bin/plain bin/x.js bin/x.py bin/README && chmod 755 bin/run bin/x.js "
	   "bin/x.py");
	write_file("/mnt/v1/console.js", "export const config = { sinkType: \"console\" }\n");
	write_file("/mnt/v1/computed.ts", "const config = { sinkType: kind() };\n");
	write_file("/mnt/v1/two.js",
		   "// sinkType: \"mongo\"\nconst c = { sinkType: 'console' };\n");
	write_file("/mnt/v1/none.js", "console.log(1)\n");
	write_file("/mnt/shut/secret.js", "sinkType: \"console\"\n");
	sh("chmod 640 shut/secret.js && ln -s /etc/passwd out/a.js && mkdir out/b.js");
	sh("mkdir own tie && printf '[Runtime]\\nExec=/bin/sh ${SCRIPT_PATH}\\n"
	   "Detects=file:deno.json script:*.zig\\nDetects=script:*.p?\\n' > tie/mine.conf && "
	   "sed '$aDetectsPriority=51' tie/mine.conf > own/mine.conf");
}

struct choice_case {
	const char *runtime, *preset, *source, *script;
	const char *reason; /* NULL: it is chosen */
	const char *wanted; /* the runtime, or words of the refusal */
	const char *wanted_preset;
};

static void check(const struct runtime_set *set, const struct choice_case *e)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *d = definition_make(e->runtime, e->source, "", e->script);
	int r;

	if (string_set(&d->preset, e->preset ? e->preset : "") < 0)
		abort();
	r = runtime_choose(set, d, NULL, &refusal);
	if (!e->reason) {
		is_int(r, 0, "%s/%s: chosen%s%s", e->source, e->script, r ? ": " : "",
		       r ? refusal.message : "");
		is_str(d->runtime, e->wanted, "for its runtime");
		is_str(d->preset, e->wanted_preset ? e->wanted_preset : "", "and its preset");
	} else {
		is_int(r, REFUSED, "%s/%s: refused", e->source, e->script);
		is_str(refusal.reason, e->reason, "for this reason");
		is_int(refusal.code, CODE_INVALID_ARGUMENT, "with this code");
		ok(refusal.message && strstr(refusal.message, e->wanted), "and these words: %s",
		   refusal.message);
	}
	definition_unref(d);
}

static void test_choice(void)
{
	static const struct choice_case cases[] = {
		{ "", NULL, "/mnt/v2", "transfers", NULL, "apibara" },
		{ "", "main", "/mnt/v2", "transfers", NULL, "apibara", "main" },
		{ "", NULL, "/mnt/v2", "tool.mjs", NULL, "node" },
		{ "", NULL, "/mnt/new", "transfers", NULL, "apibara" },
		{ "", NULL, "/mnt/deno", "main.js", NULL, "deno" },
		{ "", NULL, "/mnt/deno", "main.ts", NULL, "deno" },
		{ "", NULL, "/mnt/deno", "main.cjs", NULL, "node" },
		{ "", NULL, "/mnt/v1", "console.js", NULL, "apibara-sink", "console" },
		{ "", "mongo", "/mnt/v1", "console.js", NULL, "apibara-sink", "mongo" },
		{ "", "mongo", "/mnt/v1", "computed.ts", NULL, "apibara-sink", "mongo" },
		{ "", NULL, "/mnt/v1", "none.js", NULL, "node" },
		{ "apibara-sink", NULL, "/mnt/v1", "console.js", NULL, "apibara-sink", "console" },
		{ "node", NULL, "/mnt/v1", "console.js", NULL, "node" },
		{ "nope", NULL, "/mnt/v1", "console.js", NULL, "nope" },
		{ "", NULL, "/mnt", "py/main.py", NULL, "python" },
		{ "", NULL, "/mnt/bin", "run", NULL, "exec" },
		{ "", NULL, "/mnt/bin", "x.js", NULL, "node" },
		{ "", NULL, "/mnt/bin", "x.py", NULL, "python" },
		{ "", NULL, "/mnt/v1", "computed.ts", "PRESET_REQUIRED", "looked for sinkType: " },
		{ "", NULL, "/mnt/v1", "two.js", "PRESET_AMBIGUOUS", "both 'mongo' and 'console'" },
		{ "apibara-sink", NULL, "/mnt/v1", "none.js", "PRESET_REQUIRED", "'none.js'" },
		{ "", NULL, "/mnt/bin", "plain", "RUNTIME_REQUIRED",
		  "'plain' is a file that is not executable, and what was looked for is: apibara "
		  "(file:.apibara/build/start.mjs, " },
		{ "", NULL, "/mnt/bin", "nothing.py", "RUNTIME_REQUIRED",
		  "name one of: apibara, apibara-sink, deno, exec, node, python. None could be "
		  "chosen: 'nothing.py' is no file of the project" },
		{ "", NULL, "/mnt/out", "a.js", "RUNTIME_REQUIRED", "no file of the project" },
		{ "", NULL, "/mnt/out", "b.js", "RUNTIME_REQUIRED", "no file of the project" },
		{ "", NULL, "/mnt/shut", "secret.js", "RUNTIME_REQUIRED", "chmod o+r" },
		{ "apibara-sink", NULL, "/mnt/shut", "secret.js", "PATH_UNREADABLE", "0640" },
		{ "", NULL, "", "a.js", "RUNTIME_REQUIRED", "so is indexer.project_source" },
		{ "", NULL, "/mnt/bin", "", "RUNTIME_REQUIRED", "so is indexer.script" },
		{ "", NULL, "/mnt/nope", "a.js", "PATH_MISSING", "indexer.project_source" },
		{ "", NULL, "/tmp", "a.js", "PATH_HIDDEN", "the sandbox hides" },
		{ "", NULL, "/mnt/bin", "../x", "PATH_OUTSIDE_SOURCE", "indexer.script" },
	};
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

/* An administrator's runtime takes part, and a tie is told. */
static void test_own(void)
{
	static const struct choice_case tie = {
		"", NULL, "/mnt/py", "main.py", "RUNTIME_AMBIGUOUS", "both 'mine' and 'python'"
	};
	static const struct choice_case own = { "", NULL, "/mnt/py", "main.py", NULL, "mine" };
	static const struct choice_case both = { "", NULL, "/mnt/deno", "main.ts", NULL, "deno" };
	struct runtime_set *set = load("/mnt/tie", SHIPPED_RUNTIMES);

	check(set, &tie);
	check(set, &both);
	runtime_set_free(set);
	set = load("/mnt/own", SHIPPED_RUNTIMES);
	check(set, &own);
	runtime_set_free(set);
}

static void test_installed(void)
{
	_cleanup_refusal_ struct refusal refusal = {}, unnamed = {};
	struct definition *d = definition_make("absent", "/mnt/v1", "", "console.js");
	const struct kv_list state = {};
	const struct runtime *runtime = NULL;
	struct runtime_set *set;
	uint8_t *packed = NULL;
	char *text;
	size_t size;

	sh("mkdir more");
	write_file("/mnt/more/absent.conf", "[Runtime]\nExec=no-such-${PRESET} ${SCRIPT_PATH}\n"
					    "Install=get no-such-${PRESET}\n");
	write_file("/mnt/more/gone.conf", "[Runtime]\nExec=/no/such ${SCRIPT_PATH}\n");
	write_file("/mnt/more/there.conf", "[Runtime]\nExec=env ${SCRIPT_PATH}\n");
	write_file("/mnt/more/own.conf", "[Runtime]\nExec=${PROJECT}/no/such\n");
	set = load("/mnt/more", NULL);

	if (string_set(&d->preset, "x") < 0)
		abort();
	is_int(runtime_resolve(set, d, NULL, &runtime, &refusal), REFUSED,
	       "one that is not installed");
	is_str(refusal.reason, "RUNTIME_NOT_INSTALLED", "by its reason");
	is_int(refusal.code, CODE_FAILED_PRECONDITION, "by its code");
	is_str(refusal.message,
	       "indexer.runtime: 'absent' is not installed on the server: there is no no-such-x in "
	       "/usr/local/bin or /usr/bin; install it with: get no-such-x",
	       "with the line that installs it");
	is_int(runtime_make_spec(runtime_set_find(set, "absent"), d, NULL, "unix:/x", &state,
				 &packed, &size, &unnamed),
	       REFUSED, "nor can it be started later");
	is_str(unnamed.reason, "RUNTIME_NOT_INSTALLED", "for the same reason");
	refusal_clear(&refusal);

	if (string_set(&d->preset, "") < 0 || string_set(&d->runtime, "gone") < 0)
		abort();
	is_int(runtime_resolve(set, d, NULL, &runtime, &refusal), REFUSED, "one by its path");
	is_str(refusal.message,
	       "indexer.runtime: 'gone' is not installed on the server: there is no /no/such",
	       "without a line that installs it");

	is_int(runtime_is_installed(runtime_set_find(set, "absent")), 0, "no program of the name");
	is_int(runtime_is_installed(runtime_set_find(set, "gone")), 0, "none at the path");
	is_int(runtime_is_installed(runtime_set_find(set, "there")), 1, "env is there");
	is_int(runtime_is_installed(runtime_set_find(set, "own")), 1, "the project's own");
	text = runtime_program(runtime_set_find(set, "absent"));
	is_str(text, "no-such-${PRESET}", "the program in words");
	free(text);
	text = runtime_install(runtime_set_find(set, "absent"));
	is_str(text, "get no-such-${PRESET}", "and the line");
	free(text);

	if (string_set(&d->runtime, "there") < 0)
		abort();
	is_int(runtime_make_spec(runtime_set_find(set, "there"), d, NULL, "unix:/x", &state,
				 &packed, &size, &unnamed),
	       0, "a program by its name");
	ok(packed && memmem(packed, size, "/usr/bin/env", 12), "is started by its path");
	free(packed);
	definition_unref(d);
	runtime_set_free(set);
}

static char all[4096]; /* that was told */
static const char *file;

static void add_line(const struct complaint *complaint, void *userdata)
{
	char line[1024];

	(void)userdata;
	complaint_format(complaint, file, line, sizeof(line));
	strcat(strcat(all, line), "\n");
}

static int check_file(const char *path)
{
	static const struct complaint_sink sink = { add_line, NULL };

	file = path;
	all[0] = '\0';
	return runtime_check_file(path, &sink);
}

static void test_check_file(void)
{
	write_file("/mnt/good.conf", "[Runtime]\nExec=/bin/x\n");
	is_int(check_file("/mnt/good.conf"), 0, "a good file");
	is_str(all, "", "has no errors");
	write_file("/mnt/bad.conf", "[Runtime]\nnonsense\nExec=/bin/x ${NOPE}\nNope=1\n\n"
				    "Script=foo\n[Service]\nUser=root\nNice=1\n");
	is_int(check_file("/mnt/bad.conf"), MALFORMED, "a bad one");
	is_str(all,
	       "/mnt/bad.conf:2: expected KEY=VALUE, a [section] or a comment\n"
	       "/mnt/bad.conf:3:13: Exec=: unknown variable ${NOPE} (known: PROJECT, SOURCE, DIR, "
	       "SCRIPT, SCRIPT_PATH, PRESET, ID, NAME, ENV_KEYS, ARGS)\n"
	       "/mnt/bad.conf:4: unknown key Nope= in [Runtime]; indexerd.runtime(5) has the "
	       "list\n"
	       "/mnt/bad.conf:6: Script=foo: expected path or name\n"
	       "/mnt/bad.conf:8: unknown key User= in [Service]; indexerd.runtime(5) has the "
	       "list\n",
	       "has all of its errors told, with their lines");
	sh("cp good.conf Bad_Name.conf");
	is_int(check_file("/mnt/Bad_Name.conf"), MALFORMED, "its name too");
	ok(strstr(all, "/mnt/Bad_Name.conf: the file's name is no runtime's"), "%s", all);
	is_int(check_file("/mnt/none.conf"), MALFORMED, "none at all");
	is_str(all, "/mnt/none.conf: cannot be read: No such file or directory\n", "in words");
}

int main(void)
{
	log_set_max_priority(-1);
	test_presets_in_text();
	if (!make_place()) {
		ok(true, "a mount namespace # SKIP %s", strerrordesc_np(errno));
		return tap_done();
	}
	make_projects();
	test_choice();
	test_own();
	test_installed();
	test_check_file();
	return tap_done();
}
