/*
 * What systemd says of a unit's end, and what its control group says of its use.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "model/exit.h"
#include "systemd/unit-state.h"
#include "systemd/usage.h"
#include "tap.h"

#define GROUP "/indexer.slice/indexer-one.service"

static char directory[] = "/tmp/test-systemd-XXXXXX";

/* A main process that was started at 100 and ended with this. */
#define ENDED(code_, status_)                                                                      \
	.exec_main_code = (code_), .exec_main_status = (status_), .exec_main_exit = 7,             \
	.exec_main_start_monotonic = 100
#define READY	  .active_enter_monotonic = 101
#define COMPLAINT .status_errno = ENOENT

static void test_exit(void)
{
	static const struct {
		const char *name;
		struct unit_state state;
		int code, signal;
		enum exit_reason reason;
		uint64_t time;
	} rows[] = {
		{ "nothing has run", { .result = "success" }, 0, 0, EXIT_REASON_UNSPECIFIED, 0 },
		{ "it runs", { .result = "success", .main_pid = 5 }, 0, 0, 0, 0 },
		{ "its stop has taken too long, and it is still there",
		  { .result = "timeout", .main_pid = 5, .state_change = 9 },
		  0,
		  0,
		  EXIT_REASON_UNSPECIFIED,
		  0 },
		{ "exit code 0",
		  { .result = "success", ENDED(CLD_EXITED, 0), READY },
		  0,
		  0,
		  EXIT_REASON_EXITED,
		  7 },
		{ "exit code 3",
		  { .result = "exit-code", ENDED(CLD_EXITED, 3), READY },
		  3,
		  0,
		  EXIT_REASON_EXITED,
		  7 },
		{ "203 of systemd's",
		  { .result = "exit-code", ENDED(CLD_EXITED, 203) },
		  203,
		  0,
		  EXIT_REASON_START_FAILED,
		  7 },
		{ "226 of systemd's, of a unit that was active before",
		  { .result = "exit-code", ENDED(CLD_EXITED, 226), .active_enter_monotonic = 99 },
		  226,
		  0,
		  EXIT_REASON_START_FAILED,
		  7 },
		{ "203 of indexer-exec's",
		  { .result = "exit-code", ENDED(CLD_EXITED, 203), READY, COMPLAINT },
		  203,
		  0,
		  EXIT_REASON_START_FAILED,
		  7 },
		{ "1 of indexer-exec's",
		  { .result = "exit-code", ENDED(CLD_EXITED, 1), COMPLAINT },
		  1,
		  0,
		  EXIT_REASON_START_FAILED,
		  7 },
		{ "203 of a program that was active",
		  { .result = "exit-code", ENDED(CLD_EXITED, 203), .active_enter_monotonic = 100 },
		  203,
		  0,
		  EXIT_REASON_EXITED,
		  7 },
		{ "245 of a program that ended at once",
		  { .result = "exit-code", ENDED(CLD_EXITED, 245), READY },
		  245,
		  0,
		  EXIT_REASON_EXITED,
		  7 },
		{ "78 of the program's",
		  { .result = "exit-code", ENDED(CLD_EXITED, 78), READY },
		  78,
		  0,
		  EXIT_REASON_CONFIGURATION,
		  7 },
		{ "a signal",
		  { .result = "signal", ENDED(CLD_KILLED, SIGKILL), READY },
		  0,
		  SIGKILL,
		  EXIT_REASON_SIGNALED,
		  7 },
		{ "a core dump",
		  { .result = "core-dump", ENDED(CLD_DUMPED, SIGSEGV), READY },
		  0,
		  SIGSEGV,
		  EXIT_REASON_SIGNALED,
		  7 },
		{ "0 without a word before",
		  { .result = "protocol", ENDED(CLD_EXITED, 0) },
		  0,
		  0,
		  EXIT_REASON_START_FAILED,
		  7 },
		{ "killed in its wait for a restart",
		  { .result = "signal",
		    ENDED(CLD_KILLED, SIGTERM),
		    .status_text = "Waiting 37 s before try 6, until 2026-01-01T12:00:00Z" },
		  0,
		  0,
		  EXIT_REASON_UNSPECIFIED,
		  7 },
		{ "a program that says that it waits, and is out of memory",
		  { .result = "oom-kill",
		    ENDED(CLD_KILLED, SIGKILL),
		    READY,
		    .status_text = "Waiting 37 s before try 6, until 2026-01-01T12:00:00Z" },
		  0,
		  SIGKILL,
		  EXIT_REASON_OUT_OF_MEMORY,
		  7 },
		{ "killed before it was executed",
		  { .result = "signal", ENDED(CLD_KILLED, SIGTERM) },
		  0,
		  SIGTERM,
		  EXIT_REASON_SIGNALED,
		  7 },
		{ "out of memory",
		  { .result = "oom-kill", ENDED(CLD_KILLED, SIGKILL), READY },
		  0,
		  SIGKILL,
		  EXIT_REASON_OUT_OF_MEMORY,
		  7 },
		{ "a stop that took too long",
		  { .result = "timeout", ENDED(CLD_KILLED, SIGKILL), READY },
		  0,
		  SIGKILL,
		  EXIT_REASON_TIMED_OUT,
		  7 },
		{ "no process could be made",
		  { .result = "resources", .state_change = 9 },
		  0,
		  0,
		  EXIT_REASON_START_FAILED,
		  9 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct exit_record record;

		unit_state_exit(&rows[i].state, &record);
		is_int(record.reason, rows[i].reason, "%s: reason", rows[i].name);
		ok(record.code == rows[i].code && record.signal == rows[i].signal &&
			   record.time == rows[i].time,
		   "%s: code, signal and time", rows[i].name);
	}
}

static void test_starting(void)
{
	struct unit_state state = { .active_state = "active" };

	ok(!unit_state_is_starting(&state), "active: the program runs");
	strcpy(state.status_text, EXEC_STATUS_STARTING);
	ok(unit_state_is_starting(&state), "unless it is being executed");
	strcpy(state.status_text, EXEC_STATUS_RUNNING);
	ok(!unit_state_is_starting(&state), "and has been");
	strcpy(state.status_text, "cannot execute x");
	state.status_errno = ENOENT;
	ok(unit_state_is_starting(&state), "or cannot be");
	strcpy(state.active_state, "deactivating");
	ok(!unit_state_is_starting(&state), "it is being stopped");
	state.exec_main_code = CLD_EXITED;
	ok(unit_state_is_starting(&state), "it could not be executed, and is not down yet");
	state.exec_main_start_monotonic = state.active_enter_monotonic = 1;
	state.status_errno = 0;
	ok(!unit_state_is_starting(&state), "its program has ended");
	strcpy(state.active_state, "failed");
	ok(!unit_state_is_starting(&state), "or it has ended meanwhile");
}

/* The wait of indexer-exec's, and what can only look like one. */
static void test_waits(void)
{
	struct unit_state state = { .active_state = "activating",
				    .sub_state = "start",
				    .main_pid = 7,
				    .exec_main_start = 900,
				    .exec_main_start_monotonic = 100,
				    .active_enter = 500,
				    .active_enter_monotonic = 50 };
	struct unit_state before = state;
	struct backoff_wait wait = {};

	ok(!unit_state_is_waiting(&state), "a first start, without a text");
	state.n_restarts = 1;
	ok(unit_state_is_waiting(&state) && unit_state_is_backing_off(&state),
	   "of a restart it is not known yet, but nothing runs");
	ok(!unit_state_wait(&state, &wait), "nor for how long");
	strcpy(state.status_text, EXEC_STATUS_STARTING);
	ok(!unit_state_is_waiting(&state), "a restart that does not wait any more");
	state.n_restarts = 0;
	strcpy(state.status_text, "Waiting 37 s before try 6, until 2026-01-01T12:00:00Z");
	ok(unit_state_wait(&state, &wait) && unit_state_is_waiting(&state) &&
		   unit_state_is_backing_off(&state),
	   "it waits");
	is_int(wait.try, 6, "for which try");
	is_int(wait.until, 1767268800 * USEC_PER_SEC, "and until when");
	ok(!unit_state_is_starting(&state), "that is no start");
	ok(!unit_state_same_but_progress(&before, &state), "nor mere progress");
	is_int(unit_state_program_start(&state), 900, "its program has not been executed");
	state.active_enter = 1000;
	state.active_enter_monotonic = 200;
	is_int(unit_state_program_start(&state), 1000, "now it has been");
	strcpy(state.active_state, "active");
	ok(!unit_state_wait(&state, &wait) && !unit_state_is_backing_off(&state),
	   "a program that says the same waits for nothing");
	strcpy(state.active_state, "activating");
	state.main_pid = 0;
	ok(!unit_state_wait(&state, &wait), "nor does what is not there");
	strcpy(state.sub_state, "auto-restart");
	ok(unit_state_is_backing_off(&state), "systemd's own wait is one");
}

static void test_progress(void)
{
	struct unit_state before = { .active_state = "active", .main_pid = 7 }, after;
	struct progress progress;

	strcpy(before.status_text, "Block 12 of 20 (from 10), moved at 2026-01-31T12:00:00Z");
	before.status_errno = ENOENT;
	ok(!unit_state_is_starting(&before), "a program that has come to a block runs");
	unit_state_progress(&before, &progress);
	ok(progress.current_block == 12 && progress.head_block == 20 &&
		   progress.starting_block == 10 && progress.time == 1769860800 * USEC_PER_SEC,
	   "what the text says");

	after = before;
	ok(unit_state_same_but_progress(&before, &after), "nothing has changed");
	strcpy(after.status_text, "Block 9");
	after.status_errno = before.status_errno = 0;
	ok(unit_state_same_but_progress(&before, &after), "another text");
	unit_state_progress(&after, &progress);
	is_int(progress.time, 0, "which says nothing");
	strcpy(after.status_text, EXEC_STATUS_STARTING);
	ok(!unit_state_same_but_progress(&before, &after), "a text that means more");
	after = before;
	after.main_pid = 0;
	ok(!unit_state_same_but_progress(&before, &after), "another process");
	unit_state_progress(&after, &progress);
	is_int(progress.time, 0, "of no process nothing is known");
}

static void test_forget(void)
{
	struct unit_state state = { .invocation_id = "b", .control_group = "/a" };

	unit_state_forget(&state, "b");
	is_str(state.control_group, "/a", "of the same invocation it stays");
	unit_state_forget(&state, "a");
	is_str(state.control_group, "", "of another one it goes");
	is_int((long long)unit_state_cpu_usage(&state), 0, "and the processor time");
}

static void put_file(const char *name, const char *text)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s" GROUP "/%s", directory, name);
	f = fopen(path, "we");
	assert(f && fputs(text, f) >= 0 && fclose(f) == 0);
}

static void put_usage(uint64_t memory, uint64_t cpu)
{
	char text[256];

	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)memory);
	put_file("memory.current", text);
	snprintf(text, sizeof(text), "usage_usec %llu\nuser_usec 1\nsystem_usec 2\n",
		 (unsigned long long)cpu);
	put_file("cpu.stat", text);
}

static void make_directories(void)
{
	char path[256];

	assert(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/indexer.slice", directory);
	assert(mkdir(path, 0700) == 0);
	snprintf(path, sizeof(path), "%s" GROUP, directory);
	assert(mkdir(path, 0700) == 0);
}

static struct view *make_view(unsigned number, int64_t pid, const char *group)
{
	_cleanup_(definition_unrefp) struct definition *definition = NULL;
	const struct status status = { .main_pid = pid, .control_group = (char *)group };
	struct view *view = NULL;

	assert(definition_new(&definition) == 0);
	snprintf(definition->uid, sizeof(definition->uid), "%08x%024x", number, number);
	assert(view_new(definition, &status, &view) == 0);
	return view;
}

/* A view's figures at a time, as text. */
static const char *usage_at(struct usage_table *table, const struct view *view, uint64_t now)
{
	static char text[64];
	struct usage usage;

	if (!usage_get(table, view, now, &usage))
		return "none";
	snprintf(text, sizeof(text), "%llu %llu", (unsigned long long)usage.memory_bytes,
		 (unsigned long long)usage.cpu_usec);
	return text;
}

static void test_usage(void)
{
	_cleanup_(usage_table_freep) struct usage_table *table = NULL;
	_cleanup_(view_unrefp) struct view *view = make_view(1, 10, GROUP);
	_cleanup_(view_unrefp) struct view *restarted = make_view(1, 11, GROUP);
	_cleanup_(view_unrefp) struct view *ended = make_view(2, 0, GROUP);
	_cleanup_(view_unrefp) struct view *unknown = make_view(3, 12, NULL);
	_cleanup_(view_unrefp) struct view *gone = make_view(4, 13, "/indexer.slice/gone.service");
	const uint64_t t = 5 * USEC_PER_SEC;

	is_int(usage_table_new(directory, &table), 0, "a table");
	put_usage(UINT64_MAX, 1);
	is_str(usage_at(table, view, t), "18446744073709551615 1", "memory and processor time");
	put_usage(2, 3);
	is_str(usage_at(table, view, t + USEC_PER_SEC - 1), "18446744073709551615 1",
	       "within a second nothing is read");
	is_str(usage_at(table, restarted, t), "2 3", "but another process is another question");
	is_str(usage_at(table, view, t + USEC_PER_SEC), "2 3", "a second later it is read");

	is_str(usage_at(table, ended, t), "none", "no process");
	is_str(usage_at(table, unknown, t), "none", "no control group");
	is_str(usage_at(table, gone, t), "none", "a control group that is gone");

	put_file("cpu.stat", "user_usec 5\nusage_usec 77\n");
	put_file("memory.current", "");
	is_str(usage_at(table, view, t + 9 * USEC_PER_SEC), "0 77",
	       "the key counts, not the line; without an account of memory it is 0");
	put_file("cpu.stat", "usage_usec \n");
	is_str(usage_at(table, view, t + 20 * USEC_PER_SEC), "none", "no number");
}

/* Uids whose places in the table are all the same, and more of them than have one. */
static void test_full(void)
{
	_cleanup_(usage_table_freep) struct usage_table *table = NULL;
	struct view *views[100];
	const uint64_t t = 5 * USEC_PER_SEC;
	unsigned right = 0, kept = 0;

	assert(usage_table_new(directory, &table) == 0);
	put_usage(1, 1);
	for (unsigned i = 0; i < ELEMENTSOF(views); i++) {
		views[i] = make_view(0, 10 + i, GROUP);
		/* The same lowest digits of the first half. */
		snprintf(views[i]->definition->uid, ID128_TEXT_MAX, "%08x%024x", i, 1);
		right += streq(usage_at(table, views[i], t + i), "1 1");
	}
	put_usage(2, 2);
	for (unsigned i = ELEMENTSOF(views); i-- > 0;)
		kept += streq(usage_at(table, views[i], t + 200), "1 1");
	is_int(right, ELEMENTSOF(views), "every one is answered");
	is_int(kept, 8, "and the latest are kept");
	for (unsigned i = 0; i < ELEMENTSOF(views); i++)
		view_unref(views[i]);
}

static int remove_path(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st, (void)flag, (void)ftw;
	return remove(path);
}

int main(void)
{
	test_exit();
	test_starting();
	test_waits();
	test_progress();
	test_forget();
	make_directories();
	test_usage();
	test_full();
	nftw(directory, remove_path, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
