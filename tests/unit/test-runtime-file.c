/*
 * The files of runtimes: what each key means, and what is said of a wrong one, with its place.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "runtime-helper.h"
#include "tap.h"

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
		struct runtime *runtime = make_runtime();

		is_str(parse(cases[i][0], runtime), cases[i][1], "bad file %zu", i);
		runtime_free(runtime);
	}
}

/* Parses a whole text. */
static char *parse_whole(const char *text, size_t size)
{
	static char result[1024];
	struct runtime *runtime = make_runtime();
	struct complaint complaint = {};
	const struct complaint_sink sink = { keep_first, &complaint };
	char *copy = calloc(1, size + 1);
	int r;

	if (!copy)
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
	struct runtime *runtime = make_runtime();
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
		struct runtime *runtime = make_runtime();

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
		struct runtime *runtime = make_runtime();

		is_str(parse(rows[i].text, runtime), "good", "'%s'", rows[i].text);
		is_int(runtime->healthy_usec, rows[i].usec, "in microseconds");
		runtime_free(runtime);
	}
}

int main(void)
{
	test_file_errors();
	test_whole_errors();
	test_settings();
	test_stalled();
	test_healthy();
	return tap_done();
}
