/*
 * Runtimes: their files, what is checked of a project, and the spec that comes out.
 *
 * The project lies in a mount namespace of this test's own, for /tmp and /home are hidden from
 * indexers and whatever lies there is refused. Where no namespace is to be had, those checks are
 * skipped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "common/log.h"
#include "common/util.h"
#include "project-place.h"
#include "runtime/private.h"
#include "tap.h"

/* More than fits into the credentials of a unit. */
#define SPEC_TOO_LARGE (1 << 20)

/* Keeps the first of the errors that a file's reader tells. */
static void keep_first(const struct complaint *complaint, void *userdata)
{
	struct complaint *first = userdata;

	if (!first->text[0])
		*first = *complaint;
}

/* Parses a text that comes behind [Runtime] and a good Exec=, in the third line. */
static char *parse(const char *text, struct runtime *runtime)
{
	static char result[1024];
	struct complaint complaint = {};
	const struct complaint_sink sink = { keep_first, &complaint };
	char *copy;
	int r;

	if (asprintf(&copy, "[Runtime]\nExec=/bin/x\n%s", text) < 0)
		abort();
	r = runtime_parse(runtime, copy, strlen(copy), &sink);
	free(copy);
	if (r == 0)
		return (char *)"good";
	snprintf(result, sizeof(result), "%u:%u: %s", complaint.line, complaint.column,
		 complaint.text);
	return result;
}

static void test_file_errors(void)
{
	static const char *const cases[][2] = {
		{ "[Nope]\nA=1", "4:0: unknown section [Nope]; there are [Runtime] and [Service]" },
		{ "Nope=1",
		  "3:0: unknown key Nope= in [Runtime]; indexerd.runtime(5) has the list" },
		{ "# c\n\n ; c\nnope", "6:0: expected KEY=VALUE, a [section] or a comment" },
		{ "[Service", "3:0: the section's header has no ]" },
		{ "[]", "3:0: the section has no name" },
		{ "[Service] x", "3:0: there is text after the section's header" },
		{ "=x", "3:0: there is no key before the =" },
		{ "Exec=/bin/y", "3:0: Exec= is there twice" },
		{ "Script=foo", "3:0: Script=foo: expected path or name" },
		{ "LogFormat=xml",
		  "3:0: LogFormat=xml: expected apibara, auto, json, logfmt, python, raw, syslog "
		  "or tracing" },
		{ "Environment=A", "3:0: Environment=: expected KEY=VALUE" },
		{ "Environment=A=1\nEnvironment=A=2", "4:0: Environment=: A is there twice" },
		{ "Environment=INDEXER_ID=1",
		  "3:0: Environment=: INDEXER_ID is set by indexerd or systemd" },
		{ "Environment=A=x${NOPE",
		  "3:16: Environment=: expected ${NAME} or ${NAME:+words}" },
		{ "Needs=x/${PROJECT}",
		  "3:7: Needs=: expected an absolute path; ${PROJECT} and ${SOURCE} are some" },
		{ "Build=x ${ID}",
		  "3:7: Build=: ${ID} is one indexer's, and what is built is shared; there are "
		  "${PROJECT}, ${SOURCE} and ${DIR}" },
		{ "Build=${DIR}/x", "3:7: Build=: the program must be an absolute path, with its "
				    "first byte / or ${PROJECT} or ${SOURCE} first, or a name "
				    "without a slash" },
		{ "Build=a\nBuild=a\nBuild=a\nBuild=a\nBuild=a\nBuild=a\nBuild=a\nBuild=a\nBuild=a",
		  "11:0: more than 8 Build=" },
		{ "Progress=",
		  "3:10: Progress=: it has none of ${CURRENT}, ${HEAD} and ${STARTING}" },
		{ "Progress=x=${CURRENT}\nProgress= x=${BLOCK}",
		  "4:13: Progress=: expected ${CURRENT}, ${HEAD} or ${STARTING}; a dollar is "
		  "written $$" },
		{ "Progress=a${HEAD}\nProgress=b${HEAD}\nProgress=c${HEAD}\nProgress=d${HEAD}\n"
		  "Progress=e${HEAD}\nProgress=f${HEAD}\nProgress=g${HEAD}\nProgress=h${HEAD}\n"
		  "Progress=i${HEAD}",
		  "11:0: more than 8 Progress=" },
		{ "StalledSec=1d",
		  "3:0: StalledSec=1d: expected a time of at most a year (90, 90s, "
		  "10min, 2h), or infinity" },
		{ "StalledSec=-1",
		  "3:0: StalledSec=-1: expected a time of at most a year (90, 90s, "
		  "10min, 2h), or infinity" },
		{ "StalledSec=99999h", "3:0: StalledSec=99999h: expected a time of at most a year "
				       "(90, 90s, 10min, 2h), or infinity" },
		{ "StalledSec=", "3:0: StalledSec=: expected a time of at most a year (90, 90s, "
				 "10min, 2h), or infinity" },
		{ "Detects=", "3:0: Detects=: there is no condition" },
		{ "Detects=script:*.x  foo:bar",
		  "3:21: Detects=: expected script:PATTERN, file:PATH, executable or text:TEXT" },
		{ "Detects=script:", "3:9: Detects=: there is nothing behind script:" },
		{ "Detects=executables", "3:9: Detects=: expected script:PATTERN, file:PATH, "
					 "executable or text:TEXT" },
		{ "Detects=file:/etc/passwd",
		  "3:9: Detects=: file: expected a path relative to the project's directory" },
		{ "Detects=file:a/../../b",
		  "3:9: Detects=: file: expected a path relative to the project's directory" },
		{ "Detects=script:a script:b script:c script:d script:e",
		  "3:45: Detects=: more than 4 conditions" },
		{ "DetectsPriority=101",
		  "3:0: DetectsPriority=101: expected a number from 0 to 100" },
		{ "DetectsPriority=-1",
		  "3:0: DetectsPriority=-1: expected a number from 0 to 100" },
		{ "DetectsPriority=", "3:0: DetectsPriority=: expected a number from 0 to 100" },
		{ "Preset=kind", "3:0: Preset=: expected a text with ${PRESET} in it" },
		{ "Preset=a${ID}", "3:9: Preset=: expected a text with ${PRESET} in it" },
		{ "Preset=a ${PRESET} $ b",
		  "3:20: Preset=: ${PRESET} stands there once, and no other dollar" },
		{ "Preset=${PRESET};",
		  "3:8: Preset=: there must be text before ${PRESET}, and behind it none that a "
		  "preset could go on with" },
		{ "Preset=a=${PRESET}.",
		  "3:10: Preset=: there must be text before ${PRESET}, and behind it none that a "
		  "preset could go on with" },
		{ "Preset=a=${PRESET};\nScript=name",
		  "3:0: Preset= has no meaning with Script=name" },
		{ "Install=apt install ${NOPE}",
		  "3:21: Install=: unknown variable ${NOPE} (known: PROJECT, SOURCE, DIR, SCRIPT, "
		  "SCRIPT_PATH, PRESET, ID, NAME, ENV_KEYS, ARGS)" },
		{ "Persistence=maybe", "3:0: Persistence=maybe: expected yes or no" },
		{ "Persistence=yes\nEnvironment=PERSIST_TO_ETCD=http://h",
		  "3:0: Persistence=yes: Environment= sets PERSIST_TO_ETCD, which indexerd "
		  "would" },
		{ "HealthySec=0", "3:0: HealthySec=0: expected a time of at most a year, and not 0 "
				  "(90, 90s, 10min, 2h)" },
		{ "HealthySec=infinity", "3:0: HealthySec=infinity: expected a time of at most a "
					 "year, and not 0 (90, 90s, 10min, 2h)" },
		{ "StalledSec=1\nStalledSec=2", "4:0: StalledSec= is there twice" },
		{ "Description=a\\\nb\nNope=", "5:0: unknown key Nope= in [Runtime]; "
					       "indexerd.runtime(5) has the list" },
		{ "[Service]\nMemoryMax=2X", "4:0: MemoryMax=2X: expected bytes (1073741824, 512M, "
					     "2G) or infinity" },
		{ "[Service]\nMemoryMax=1\n", "4:0: MemoryMax=1: less than 1048576 bytes" },
		{ "[Service]\nMemoryMax=99999999T\n",
		  "4:0: MemoryMax=99999999T: expected bytes (1073741824, 512M, 2G) or infinity" },
		{ "[Service]\nMemoryMax=2G\nMemoryMax=3G", "5:0: MemoryMax= is there twice" },
		{ "[Service]\nUser=root",
		  "4:0: unknown key User= in [Service]; indexerd.runtime(5) "
		  "has the list" },
		{ "[Service]\nExecStart=/bin/sh", "4:0: unknown key ExecStart= in [Service]; "
						  "indexerd.runtime(5) has the list" },
		{ "[Service]\nDynamicUser=no", "4:0: unknown key DynamicUser= in [Service]; "
					       "indexerd.runtime(5) has the list" },
		{ "[Service]\nCPUQuota=50", "4:0: CPUQuota=50: expected a number from 1 to 409600, "
					    "followed by %" },
		{ "[Service]\nTimeoutStopSec=301",
		  "4:0: TimeoutStopSec=301: expected a number from 1 to 300 seconds" },
		{ "[Service]\nLogRateLimitIntervalSec=86401",
		  "4:0: LogRateLimitIntervalSec=86401: expected a number from 0 to 86400 seconds" },
		{ "[Service]\nLogRateLimitBurst=0",
		  "4:0: LogRateLimitBurst=0: expected a number from 1 to 100000000" },
		{ "[Service]\nNice=20", "4:0: Nice=20: expected a number from -20 to 19" },
		{ "[Service]\nPrivateNetwork=maybe",
		  "4:0: PrivateNetwork=maybe: expected yes or no" },
		{ "[Service]\nProtectHome=no",
		  "4:0: ProtectHome=no: expected yes, read-only or tmpfs" },
		{ "[Service]\nReadWritePaths=a",
		  "4:0: ReadWritePaths=: a is not an absolute path" },
		{ "[Service]\nReadWritePaths=/a -/b%i",
		  "4:0: ReadWritePaths=: -/b%i has a quote, a backslash or a percent sign" },
		{ "[Service]\nReadWritePaths=", "4:0: ReadWritePaths= has no path" },
		{ "[Service]\nLimitNOFILE=10:5",
		  "4:0: LimitNOFILE=10:5: expected a number from 16 to "
		  "9223372036854775807, infinity, or SOFT:HARD" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		struct runtime *runtime = calloc(1, sizeof(*runtime));

		is_str(parse(cases[i][0], runtime), cases[i][1], "bad file %zu", i);
		runtime_free(runtime);
	}
}

/* Parses a whole text. */
static char *parse_whole(const char *text, size_t size)
{
	static char result[1024];
	struct runtime *runtime = calloc(1, sizeof(*runtime));
	struct complaint complaint = {};
	const struct complaint_sink sink = { keep_first, &complaint };
	char *copy = calloc(1, size + 1);
	int r;

	if (!runtime || !copy)
		abort();
	memcpy(copy, text, size);
	r = runtime_parse(runtime, copy, size, &sink);
	free(copy);
	runtime_free(runtime);
	snprintf(result, sizeof(result), "%u:%u: %s", complaint.line, complaint.column,
		 complaint.text);
	return r == 0 ? (char *)"good" : result;
}

static void test_whole_errors(void)
{
	static const char nul[] = "[Runtime]\nExec=/x\0y\n";

	is_str(parse_whole("", 0), "0:0: there is no Exec= in [Runtime]", "an empty file");
	is_str(parse_whole("A=1", 3), "1:0: A= stands before the first [section]", "no section");
	is_str(parse_whole(nul, sizeof(nul) - 1), "2:0: the file holds a NUL byte", "a NUL");
	is_str(parse_whole("[Runtime]\n  Exec =  a/de x", 26),
	       "2:11: Exec=: the program must be an absolute path, with its first byte / or "
	       "${PROJECT}, ${SOURCE} or ${SCRIPT_PATH} first, or a name without a slash",
	       "a program with half a path, at its column");
	is_str(parse_whole("[Runtime]\n  Exec =  /x ${FOO}", 29) + 13,
	       "unknown variable ${FOO} (known: PROJECT, SOURCE, DIR, SCRIPT, SCRIPT_PATH, PRESET, "
	       "ID, NAME, ENV_KEYS, ARGS)",
	       "an unknown variable");
	is_str(parse_whole("[Runtime]\nScript=name\nExec=/x ${SCRIPT_PATH}", 44),
	       "3:0: Exec=: ${SCRIPT_PATH} has no meaning with Script=name", "a name has no path");
	is_str(parse_whole("\n\n[Runtime]\r\nExec=/x\r\n", 22), "good", "lines of another world");
}

static void test_settings(void)
{
	struct runtime *runtime = calloc(1, sizeof(*runtime));
	const struct setting *s;
	size_t n;

	is_str(parse("Description= a \"b\" # c \\\n  d \n[Service]\nMemoryMax=2G\nMemorySwapMax=0\n"
		     "CPUQuota=150%\nTasksMax=infinity\nLimitNOFILE=1024:infinity\nNice=-5\n"
		     "TimeoutStopSec=90s\nProtectHome=read-only\nPrivateDevices=off\n"
		     "ReadWritePaths=/a "
		     "-/b\nCPUWeight=10\nReadWritePaths=/c\nLogRateLimitIntervalSec=0\n"
		     "LogRateLimitBurst=7\n[Runtime]\nScript=name\n",
		     runtime),
	       "good", "a file with all sorts");
	is_str(runtime->description, "a \"b\" # c     d", "values arrive as they stand, joined");
	ok(runtime->script_is_name, "a section may come again");
	s = runtime_settings(runtime, &n);
	is_int(n, 14, "settings");
	ok(streq(s[0].property, "MemoryMax") && s[0].u64 == 2ULL << 30, "MemoryMax");
	ok(s[1].u64 == 0, "MemorySwapMax");
	ok(streq(s[2].property, "CPUQuotaPerSecUSec") && s[2].u64 == 1500000, "CPUQuota");
	ok(s[3].u64 == UINT64_MAX, "TasksMax");
	ok(streq(s[4].property, "LimitNOFILE") && s[4].u64 == UINT64_MAX, "the hard limit first");
	ok(streq(s[5].property, "LimitNOFILESoft") && s[5].u64 == 1024, "then the soft one");
	ok(s[6].type == SETTING_INT32 && s[6].i32 == -5, "Nice");
	ok(streq(s[7].property, "TimeoutStopUSec") && s[7].u64 == 90000000, "TimeoutStopSec");
	ok(s[8].type == SETTING_STRING && streq(s[8].string, "read-only"), "ProtectHome");
	ok(s[9].type == SETTING_BOOL && !s[9].boolean, "PrivateDevices");
	ok(s[10].type == SETTING_STRINGS && streq(s[10].strings[1], "-/b") &&
		   streq(s[10].strings[2], "/c") && !s[10].strings[3],
	   "paths of two lines are one list");
	ok(streq(s[12].property, "LogRateLimitIntervalUSec") && s[12].u64 == 1,
	   "no rate limit is not 0, which systemd would drop");
	ok(s[13].type == SETTING_UINT32 && s[13].u32 == 7, "LogRateLimitBurst");
	runtime_free(runtime);
}

static void test_stalled(void)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} rows[] = {
		{ "", 600 * USEC_PER_SEC },
		{ "StalledSec=0", 0 },
		{ "StalledSec=infinity", 0 },
		{ "StalledSec=90", 90 * USEC_PER_SEC },
		{ "StalledSec=90s", 90 * USEC_PER_SEC },
		{ "StalledSec=10min", 600 * USEC_PER_SEC },
		{ "StalledSec=2h", 7200 * USEC_PER_SEC },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct runtime *runtime = calloc(1, sizeof(*runtime));

		is_str(parse(rows[i].text, runtime), "good", "'%s'", rows[i].text);
		is_int(runtime->stalled_usec, rows[i].usec, "in microseconds");
		runtime_free(runtime);
	}
}

static void test_healthy(void)
{
	static const struct {
		const char *text;
		uint64_t usec;
	} rows[] = {
		{ "", 600 * USEC_PER_SEC },
		{ "HealthySec=1", USEC_PER_SEC },
		{ "HealthySec=2h", 7200 * USEC_PER_SEC },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct runtime *runtime = calloc(1, sizeof(*runtime));

		is_str(parse(rows[i].text, runtime), "good", "'%s'", rows[i].text);
		is_int(runtime->healthy_usec, rows[i].usec, "in microseconds");
		runtime_free(runtime);
	}
}

static struct runtime_set *load(const char *first, const char *second)
{
	const char *const directories[] = { first, second, NULL };
	struct runtime_set *set = NULL;

	if (runtime_set_load(directories, &set) < 0)
		abort();
	return set;
}

/* -1 where it is not there. */
static int64_t value_of(const struct progress_values *values, enum progress_value value)
{
	return values->found & 1u << value ? (int64_t)values->value[value] : -1;
}

/* Lines of real programs, under the patterns that a runtime comes with. */
static void test_shipped_progress(const struct runtime_set *set)
{
	static const struct {
		const char *runtime, *line;
		int64_t current, head; /* -1: not there */
	} rows[] = {
		{ "apibara",
		  "transfers | info Transforming block | orderKey:  1234n  | finality:  accepted",
		  1234, -1 },
		{ "apibara", "[info] Transforming block | orderKey:  0n", 0, -1 },
		{ "apibara", "transfers | info Block 2: 3 transfers", -1, -1 },
		{ "apibara", "  endCursor: { orderKey: 1234n, uniqueKey: undefined }", -1, -1 },
		{ "node", "{\"level\":20,\"time\":1795633892733,\"block\":7,\"msg\":\"accepted\"}",
		  7, -1 },
		{ "node", "{ block: 1, nested: { a: [ 1, 2 ] } }", -1, -1 },
		{ "exec",
		  "2024-11-19T11:35:45.123996Z  INFO handle block batch block=7 status=accepted", 7,
		  -1 },
		{ "exec", "time=2026-01-31T12:00:00Z level=INFO msg=moved block=7 head=9", 7, 9 },
		{ "exec", "{\"message\": \"moved\", \"block\": 7, \"head\": 9}", 7, 9 },
		{ "exec", "block 7", -1, -1 },
		{ "exec", "block=7.5", -1, -1 },
		{ "exec", "head=9", -1, -1 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct runtime *r = runtime_set_find(set, rows[i].runtime);
		struct progress_patterns patterns = {};
		struct progress_values values;
		const char *problem;
		size_t at;

		for (size_t k = 0; k < r->n_progress; k++)
			assert(progress_patterns_add(&patterns, r->progress[k], &problem, &at) ==
			       0);
		(void)progress_patterns_find(&patterns, rows[i].line, strlen(rows[i].line),
					     &values);
		is_int(value_of(&values, PROGRESS_CURRENT), rows[i].current, "%s: %s: current",
		       rows[i].runtime, rows[i].line);
		is_int(value_of(&values, PROGRESS_HEAD), rows[i].head, "head");
	}
}

static void test_shipped(void)
{
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);
	const struct runtime *r = runtime_set_find(set, "apibara");

	is_int(set->n, 6, "six shipped runtimes");
	ok(runtime_set_is_good(set), "each of them a good one");
	for (size_t i = 0; i < set->n; i++)
		ok(!set->runtimes[i]->broken, "%s", set->runtimes[i]->path);
	is_str(r ? runtime_description(r) : NULL, "A built Apibara project (v2)", "apibara");
	r = runtime_set_find(set, "exec");
	ok(r && template_program_is(r->exec, TEMPLATE_SCRIPT_PATH),
	   "exec: the script is the program");
	ok(!runtime_set_find(set, "nope"), "no other");
	test_shipped_progress(set);
	runtime_set_free(set);
}

struct expected {
	const char *runtime, *source, *dir, *script;
	const char *field; /* NULL: it resolves */
	const char *reason;
	const char *words;
};

static void check(const struct runtime_set *set, const struct expected *e)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct definition *d = definition_make(e->runtime, e->source, e->dir, e->script);
	const struct runtime *runtime = NULL;
	int r = runtime_resolve(set, d, NULL, &runtime, &refusal);
	enum code code = e->field && streq(e->reason, "PROJECT_SOURCE_UNSERVED")
				 ? CODE_UNIMPLEMENTED
				 : CODE_INVALID_ARGUMENT;

	definition_unref(d);
	if (!e->field) {
		ok(r == 0 && runtime && runtime == runtime_set_find(set, e->runtime),
		   "%s: '%s' '%s' '%s'", e->runtime, e->source, e->dir, e->script);
	} else {
		ok(r == REFUSED && !runtime && streq(refusal.reason, e->reason) &&
			   refusal.code == code && streq(refusal.field, e->field) &&
			   strstr(refusal.message, e->words),
		   "%s: '%.50s' '%s' '%s': %s", e->runtime, e->source, e->dir, e->script,
		   e->reason);
	}
	if (r != (e->field ? REFUSED : 0) || getenv("VERBOSE"))
		printf("# %s %s\n", r == REFUSED ? refusal.reason : "resolved",
		       r == REFUSED ? refusal.message : "");
}

#define SOURCE "indexer.project_source"
#define DIR_   "indexer.project_dir"
#define SCRIPT "indexer.script"

static void test_no_place(void)
{
	static const struct expected cases[] = {
		{ "foo", "/", "", "x", "indexer.runtime", "RUNTIME_UNKNOWN",
		  "'foo'; known: apibara, apibara-sink, deno, exec, node, python" },
		{ "node", "", "", "x", SOURCE, "PROJECT_SOURCE_REQUIRED", "empty" },
		{ "node", "a/b", "", "x", SOURCE, "PATH_NOT_ABSOLUTE", "'a/b'" },
		{ "node", "a/me@x:y", "", "x", SOURCE, "PATH_NOT_ABSOLUTE", "'a/me@x:y'" },
		{ "node", "/srv/nope.tar.xz", "", "x", SOURCE, "PROJECT_SOURCE_UNSERVED",
		  "archives are .tar.gz" },
		{ "node", "/home/nobody/x", "", "x", SOURCE, "PATH_HIDDEN", "under /home" },
		{ "node", "//root/.", "", "x", SOURCE, "PATH_HIDDEN", "under /root" },
		{ "node", "/tmp", "", "x", SOURCE, "PATH_HIDDEN", "under /tmp" },
		{ "node", "/proc/self/cwd", "", "x", SOURCE, "PATH_HIDDEN", "under /proc" },
		{ "node", "/nope-nope", "", "x", SOURCE, "PATH_MISSING", "No such file" },
		{ "node", "/etc/passwd", "", "x", SOURCE, "PATH_NOT_A_DIRECTORY", "/etc/passwd" },
		{ "node", "/etc/passwd/x", "", "x", SOURCE, "PATH_UNREADABLE", "Not a directory" },
	};
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

static void make_project(void)
{
	sh("mkdir -p p/d/.apibara/build p/d/sub other closed/p home run");
	sh("ln -s /mnt/p link && ln -s /mnt/p/d/a.js p/d/inside.js && ln -s /etc/passwd "
	   "p/d/out.js");
	sh("ln -s /mnt/other p/away && ln -s loop p/loop && ln -s /tmp p/tmp && ln -s /tmp tmp");
	sh("touch p/d/a.js closed/p/a.js 'p/d/a b; $(x).js' && touch p/d/run p/d/x.tar.gz");
	sh("mkdir p.tar.gz && touch p.tar.gz/a.js && touch q.tgz");
	sh("chmod 750 closed && chmod 755 p/d/run && touch p/d/secret.js && chmod 600 "
	   "p/d/secret.js");
	sh("touch p/d/mine && chmod 700 p/d/mine && mkfifo p/d/fifo && mkdir p/d/unbuilt");
	sh("touch p/d/.apibara/build/start.mjs");
	/* The shipped files, but for programs that may not be installed here. */
	sh("mkdir runtimes && for f in " SHIPPED_RUNTIMES
	   "/*.conf; do sed 's,^Exec=/usr/bin/[a-z0-9]*,Exec=/bin/sh,' $f > runtimes/${f##*/}; "
	   "done");
}

static void test_preset(void)
{
	static const struct {
		const char *runtime, *preset;
		bool refused;
	} cases[] = {
		{ "apibara", "main", false },
		{ "node", "", false },
		{ "node", "main", true },
		{ "exec", "main", true },
	};
	struct runtime_set *set = load("/mnt/runtimes", NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_refusal_ struct refusal refusal = {};
		struct definition *d = definition_make(cases[i].runtime, "/mnt/p", "d", "run");
		const struct runtime *runtime = NULL;
		bool is_refused;

		if (string_set(&d->preset, cases[i].preset) < 0)
			abort();
		is_refused = runtime_resolve(set, d, NULL, &runtime, &refusal) == REFUSED &&
			     streq(refusal.reason, "PRESET_UNUSED");
		ok(is_refused == cases[i].refused, "%s with preset '%s': %s", cases[i].runtime,
		   cases[i].preset, is_refused ? refusal.message : "taken");
		definition_unref(d);
	}
	runtime_set_free(set);
}

static void test_place(void)
{
	static const struct expected cases[] = {
		{ "node", "/mnt/p", "d", "a.js" },
		{ "node", "/mnt//p/./", "d/", "./a.js" },
		{ "node", "/mnt/p/d", "", "a.js" },
		{ "node", "/mnt/other/../p", "d/sub", "../a.js" },
		{ "node", "/mnt/link", "d", "inside.js" },
		{ "node", "/mnt/p", "d", "a b; $(x).js" },
		{ "node", "/mnt/p.tar.gz", "", "a.js" },
		{ "exec", "/mnt/p", "d", "run" },
		{ "apibara", "/mnt/p", "d", "no file at all" },
		{ "node", "/mnt/p", "nope", "a.js", DIR_, "PATH_MISSING", "'nope'" },
		{ "node", "/mnt/p", "d/a.js", "a.js", DIR_, "PATH_NOT_A_DIRECTORY", "'d/a.js'" },
		{ "node", "/mnt/p", "away", "a.js", DIR_, "PATH_OUTSIDE_SOURCE", "'/mnt/other'" },
		{ "node", "/mnt/p", "..", "a.js", DIR_, "PATH_OUTSIDE_SOURCE", "'..'" },
		{ "node", "/mnt/p", "loop", "a.js", DIR_, "PATH_UNREADABLE", "symbolic links" },
		{ "node", "/mnt/tmp", "", "a.js", SOURCE, "PATH_HIDDEN", "under /tmp" },
		{ "node", "/mnt/p", "d", "", SCRIPT, "SCRIPT_REQUIRED", "empty" },
		{ "node", "/mnt/p", "d", "-e", SCRIPT, "SCRIPT_INVALID", "'-e'" },
		{ "apibara", "/mnt/p", "d", "--help", SCRIPT, "SCRIPT_INVALID", "'--help'" },
		{ "node", "/mnt/p", "d", "nope.js", SCRIPT, "PATH_MISSING", "'nope.js'" },
		{ "node", "/mnt/p", "d", "out.js", SCRIPT, "PATH_OUTSIDE_SOURCE", "'/etc/passwd'" },
		{ "node", "/mnt/p", "d", "../../other", SCRIPT, "PATH_OUTSIDE_SOURCE", "leaves" },
		{ "node", "/mnt/p", "d", "/mnt/p/d/a.js", SCRIPT, "PATH_NOT_RELATIVE", "relative" },
		{ "node", "/mnt/p", "d", "sub", SCRIPT, "SCRIPT_NOT_A_FILE", "'sub'" },
		{ "node", "/mnt/p", "d", "fifo", SCRIPT, "SCRIPT_NOT_A_FILE", "'fifo'" },
		{ "exec", "/mnt/p", "d", "a.js", SCRIPT, "SCRIPT_NOT_EXECUTABLE", "chmod +x" },
		{ "exec", "/mnt/p", "d", "mine", SCRIPT, "PATH_UNREADABLE", "chmod o+x" },
		{ "node", "/mnt/p", "d", "secret.js", SCRIPT, "PATH_UNREADABLE", "mode 0600" },
		{ "node", "/mnt/closed/p", "", "a.js", SOURCE, "PATH_UNREADABLE",
		  "'/mnt/closed' (mode" },
		{ "apibara", "/mnt/p", "d/unbuilt", "x", SOURCE, "PROJECT_NOT_READY",
		  "apibara build" },
	};
	struct runtime_set *set = load("/mnt/runtimes", NULL);

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

/* What an access list looks like to the kernel: version 2, then tag, permissions and id. */
static void grant_by_list(const char *path)
{
	static const struct {
		uint32_t version;
		struct {
			uint16_t tag, perm;
			uint32_t id;
		} entries[5];
	} list = { 2,
		   { { 1, 7, UINT32_MAX },
		     { 4, 5, UINT32_MAX },
		     { 8, 5, 0 },
		     { 16, 5, UINT32_MAX },
		     { 32, 0, UINT32_MAX } } };

	if (setxattr(path, "system.posix_acl_access", &list, sizeof(list), 0) < 0)
		printf("# no access lists here: %m\n");
}

static void test_access(void)
{
	static const struct expected open = { "node", "/mnt/closed/p", "", "a.js" };
	struct runtime_set *set = load("/mnt/runtimes", NULL);
	struct stat st;

	if (stat("/mnt/closed", &st) < 0)
		abort();
	set->unit_group = st.st_gid;
	check(set, &open);
	set->unit_group = (gid_t)-1;
	grant_by_list("/mnt/closed");
	check(set, &open);
	runtime_set_free(set);
}

static void test_override(void)
{
	static const struct expected cases[] = {
		{ "node", "/mnt/p", "d", "a.js", "indexer.runtime", "RUNTIME_BROKEN", "'node'" },
		{ "homely", "/root", "", "a.js", SCRIPT, "PATH_MISSING", "a.js" },
		{ "shut", "/mnt/p", "d", "a.js", SOURCE, "PATH_HIDDEN", "under /mnt/p" },
	};
	struct runtime_set *set;

	sh("mkdir -p etc && echo nonsense > etc/node.conf && touch etc/.x.conf etc/B.conf "
	   "etc/README");
	write_file("/mnt/etc/homely.conf",
		   "[Runtime]\nExec=/bin/cat ${SCRIPT_PATH}\n[Service]\nProtectHome=read-only\n");
	write_file(
		"/mnt/etc/shut.conf",
		"[Runtime]\nExec=/bin/cat ${SCRIPT_PATH}\n[Service]\nInaccessiblePaths=-/mnt/p\n");
	sh("mkdir etc/dir.conf && ln -s /dev/zero etc/zero.conf && ln -s nowhere etc/gone.conf");
	set = load("/mnt/etc", SHIPPED_RUNTIMES);
	is_int(set->n, 11, "files of both directories");
	ok(!runtime_set_find(set, "node"), "a broken file does not fall back to the shipped one");
	ok(runtime_set_find(set, "exec"), "the shipped ones that nothing replaces are there");
	ok(!runtime_set_find(set, "dir") && !runtime_set_find(set, "zero") &&
		   !runtime_set_find(set, "gone"),
	   "neither directories, devices nor dangling links");
	sh("mount -t tmpfs -o mode=0755 tmpfs /root");
	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		check(set, &cases[i]);
	runtime_set_free(set);
}

static const char *find_variable(const Indexerd__Exec__V1__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_environment; i++)
		if (streq(spec->environment[i]->key, key))
			return spec->environment[i]->value;
	return NULL;
}

static const char *find_credential(const Indexerd__Exec__V1__Spec *spec, const char *key)
{
	for (size_t i = 0; i < spec->n_environment; i++)
		if (streq(spec->environment[i]->key, key))
			return spec->environment[i]->credential;
	return NULL;
}

static Indexerd__Exec__V1__Spec *make_spec(const struct runtime *runtime, struct definition *d)
{
	_cleanup_(kv_list_clear) struct kv_list state = {};
	_cleanup_refusal_ struct refusal refusal = {};
	Indexerd__Exec__V1__Spec *spec;
	uint8_t *packed = NULL;
	size_t size = 0;

	if (kv_list_set(&state, "PERSIST_TO_FS", "/state") < 0)
		abort();

	is_int(runtime_make_spec(runtime, d, NULL, "unix:/run/x", &state, &packed, &size, &refusal),
	       0, "a spec");
	spec = indexerd__exec__v1__spec__unpack(NULL, size, packed);
	free(packed);
	if (!spec)
		abort();
	return spec;
}

static void test_spec(void)
{
	struct runtime_set *set = load(SHIPPED_RUNTIMES, NULL);
	struct definition *d = definition_make("apibara", "/srv//p/", "d/./e", "a b; $(x) ${ID}");
	Indexerd__Exec__V1__Spec *spec;

	if (string_set(&d->preset, "main") < 0 || definition_add_arg(d, "--x y") < 0 ||
	    kv_list_set(&d->environment, "INDEXER_NAME", "mine") < 0 ||
	    kv_list_set(&d->environment, "DNA_TOKEN", "t=1") < 0)
		abort();
	spec = make_spec(runtime_set_find(set, "apibara"), d);
	is_str(spec->project_source, "/srv/p", "the source");
	is_str(spec->project_dir, "d/./e", "the directory");
	is_str(spec->script_path, "", "a name is no path");
	is_int(spec->n_argv, 8, "words");
	is_str(spec->argv[1], "/srv/p/d/e/.apibara/build/start.mjs", "the program's file");
	is_str(spec->argv[4], "a b; $(x) ${ID}", "a value is one word, and never expanded");
	is_str(spec->argv[6], "main", "the preset");
	is_str(spec->argv[7], "--x y", "the arguments last");
	is_int(spec->log_format, INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA, "log format");
	is_int(spec->n_progress, 1, "patterns of progress");
	is_str(spec->progress[0], "Transforming block | orderKey: ${CURRENT}n", "as they stand");
	is_int(spec->stalled_usec, 600 * USEC_PER_SEC, "when it is stalled");
	is_str(find_variable(spec, "DNA_TOKEN"), "t=1", "the request's environment");
	is_str(find_variable(spec, "INDEXER_NAME"), "indexers/my-id", "what only the server says");
	is_str(find_variable(spec, "INDEXER_ID"), "my-id", "the id");
	is_str(find_variable(spec, "INDEXER_PROJECT_SOURCE"), "/srv/p", "the source");
	is_str(find_variable(spec, "INDEXER_PROJECT_DIR"), "d/./e", "the directory");
	is_str(find_variable(spec, "INDEXER_RUNNER_ADDRESS"), "unix:/run/x", "the address");
	is_str(find_variable(spec, "PERSIST_TO_FS"), "/state", "where its state is");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);

	ok(!runtime_persists(runtime_set_find(set, "apibara")), "version 2 keeps its own state");
	ok(runtime_persists(runtime_set_find(set, "exec")), "a program may be a sink");
	spec = make_spec(runtime_set_find(set, "exec"), d);
	is_str(spec->script_path, "a b; $(x) ${ID}", "a path is one");
	is_str(spec->argv[0], "/srv/p/d/e/a b; $(x) ${ID}", "and the program");
	is_int(spec->n_argv, 2, "with the arguments");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);
	definition_unref(d);
	runtime_set_free(set);
}

/* One that a text is to be parsed into, once. */
static struct runtime *make_runtime(void)
{
	struct runtime *runtime = calloc(1, sizeof(*runtime));

	if (!runtime || !(runtime->name = strdup("x")))
		abort();
	return runtime;
}

static void test_spec_environment(void)
{
	struct runtime *runtime = make_runtime();
	struct definition *d = definition_make("x", "/srv/p", "", "s");
	const struct kv_list state = {};
	_cleanup_refusal_ struct refusal refusal = {};
	Indexerd__Exec__V1__Spec *spec;
	uint8_t *packed = NULL;
	char *big = calloc(1, SPEC_TOO_LARGE);
	size_t size;

	if (!big)
		abort();
	is_str(parse("Environment=SINK_ID=${ID}\nEnvironment=A=b  \"c\" # d\nEnvironment=E=",
		     runtime),
	       "good", "a runtime with an environment");
	ok(!runtime_persists(runtime), "which keeps the state where it says itself");
	if (kv_list_set(&d->environment, "E", "request") < 0)
		abort();
	spec = make_spec(runtime, d);
	is_str(find_variable(spec, "SINK_ID"), "my-id", "a variable is expanded");
	is_str(find_variable(spec, "A"), "b  \"c\" # d", "the rest stays");
	is_str(find_variable(spec, "E"), "request", "the request's wins");
	is_str(find_credential(spec, "E"), "", "and names no credential");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);

	if (kv_list_set(&d->environment, "E", "credential:a") < 0 ||
	    kv_list_set(&d->environment, "F", "credential-file:b") < 0 ||
	    string_set(&d->preset, "credential:c") < 0)
		abort();
	runtime_free(runtime);
	runtime = make_runtime();
	is_str(parse("Environment=P=${PRESET}", runtime), "good", "a runtime with a preset");
	spec = make_spec(runtime, d);
	is_str(find_credential(spec, "E"), "a", "a credential is named");
	is_str(find_variable(spec, "E"), "", "in the place of a value");
	is_str(find_credential(spec, "F"), "b", "for its file, too");
	is_str(find_credential(spec, "P"), "", "but not by another field");
	is_str(find_variable(spec, "P"), "credential:c", "whose text stays text");
	indexerd__exec__v1__spec__free_unpacked(spec, NULL);

	memset(big, 'x', SPEC_TOO_LARGE - 1);
	if (kv_list_set(&d->environment, "BIG", big) < 0)
		abort();
	is_int(runtime_make_spec(runtime, d, NULL, "unix:/x", &state, &packed, &size, &refusal),
	       REFUSED, "more than a credential takes");
	is_str(refusal.reason, "COMMAND_TOO_LONG", "is refused");
	ok(!packed, "and nothing given");
	free(big);
	definition_unref(d);
	runtime_free(runtime);
}

int main(void)
{
	log_set_max_priority(getenv("VERBOSE") ? LOG_DEBUG : -1);
	test_file_errors();
	test_whole_errors();
	test_settings();
	test_stalled();
	test_healthy();
	test_shipped();
	test_no_place();
	test_spec();
	test_spec_environment();
	if (!make_place()) {
		ok(true, "a mount namespace # SKIP %s", strerrordesc_np(errno));
		return tap_done();
	}
	make_project();
	test_preset();
	test_place();
	test_access();
	test_override();
	return tap_done();
}
