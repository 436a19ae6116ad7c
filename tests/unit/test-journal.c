/*
 * The journal without a journald: positions, the fields of an exit, and streams over a directory
 * that has no journal yet. The rest is tried in a box, by tests/box/suite/journal.test.sh.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "journal/bus-error.h"
#include "journal/exit.h"
#include "journal/journal.h"
#include "journal/position.h"
#include "journal/query.h"
#include "journal/reader.h"
#include "tap.h"

#define S1 "s=72be3e3e8f484fb180807c96f3ab7b80;"
#define S2 "s=82be3e3e8f484fb180807c96f3ab7b80;"
#define B1 "b=3e7ec1dbbc5e49bda5440dbafebeb9bf;"
#define B2 "b=4e7ec1dbbc5e49bda5440dbafebeb9bf;"

static void test_parse(void)
{
	static const char good[] = S1 "i=49414;" B1 "m=88387956;t=66109ab557a9d;x=420c9bbd1df0194c";
	static const char *const bad[] = {
		"",
		";",
		"s",
		"s=",
		S1 "i=1;" B1 "m=2",
		S1 "i=;" B1 "m=2;t=3",
		S1 "i=g;" B1 "m=2;t=3",
		S1 "i=11111111111111111;" B1 "m=2;t=3",
		"s=72be;i=1;" B1 "m=2;t=3",
		S1 "i=1;" B1 "m=2;t=3;",
	};
	struct position p = { .seqnum = 7 }, again;
	char text[POSITION_TEXT_MAX];

	for (size_t i = 0; i < ELEMENTSOF(bad); i++)
		ok(position_parse(bad[i], &p) == -EINVAL && p.seqnum == 7 && !p.is_set,
		   "'%s' is no cursor", bad[i]);
	is_int(position_parse(good, &p), 0, "a cursor");
	position_format(&p, text);
	ok(strncmp(text, good, strlen(text)) == 0 && position_parse(text, &again) == 0 &&
		   position_compare(&p, &again) == 0,
	   "is written as it was read, without its hash");
	is_int(p.seqnum, 0x49414, "number");
	is_int(p.monotonic, 0x88387956, "monotonic time");
	is_int(p.realtime, 0x66109ab557a9d, "wall clock");
	is_int(p.seqnum_id.bytes[0], 0x72, "series");
	is_int(p.boot_id.bytes[15], 0xbf, "boot");
}

static void test_compare(void)
{
	static const struct {
		const char *a, *b;
		int want;
		const char *name;
	} rows[] = {
		{ S1 "i=1;" B1 "m=9;t=9", S1 "i=2;" B1 "m=1;t=1", -1, "number before times" },
		{ S1 "i=2;" B1 "m=9;t=9", S1 "i=2;" B2 "m=1;t=1", 0, "the same number" },
		{ S1 "i=9;" B1 "m=1;t=9", S2 "i=1;" B1 "m=2;t=1", -1, "one boot: monotonic time" },
		{ S1 "i=9;" B1 "m=1;t=9", S2 "i=1;" B1 "m=1;t=1", 1, "then the wall clock" },
		{ S1 "i=9;" B1 "m=9;t=1", S2 "i=1;" B2 "m=1;t=2", -1, "two boots: the wall clock" },
		{ S1 "i=9;" B1 "m=9;t=2", S2 "i=1;" B2 "m=1;t=2", 0, "nothing tells them apart" },
	};
	struct position a, b;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		ok(position_parse(rows[i].a, &a) == 0 && position_parse(rows[i].b, &b) == 0,
		   "cursors: %s", rows[i].name);
		is_int(position_compare(&a, &b), rows[i].want, "%s", rows[i].name);
		is_int(position_compare(&b, &a), -rows[i].want, "%s, turned round", rows[i].name);
	}
}

static void test_cursor(void)
{
	static const char uid[] = "0123456789abcdef0123456789abcdef";
	struct log_mark mark = { .inclusive = true,
				 .numbers = { .invocation = UINT64_MAX,
					      .last = { { 300000, 4000, 500 } },
					      .known = { true, false, true },
					      .ended = true } },
			got;
	char text[LOG_CURSOR_SIZE + 1], changed[LOG_CURSOR_SIZE + 2], position[POSITION_TEXT_MAX];
	bool refused = true;

	is_int(position_parse(S1 "i=49414;" B1 "m=88387956;t=66109ab557a9d", &mark.at), 0,
	       "a position");
	log_cursor_format(&mark, uid, text);
	is_int(strlen(text), LOG_CURSOR_SIZE, "cursors are of one size");
	is_int(log_cursor_parse(text, uid, &got), 0, "one is read");
	position_format(&got.at, position);
	is_str(position, S1 "i=49414;" B1 "m=88387956;t=66109ab557a9d", "with its position");
	ok(got.at.is_set && got.inclusive && got.numbers.ended &&
		   got.numbers.invocation == UINT64_MAX,
	   "and its invocation");
	ok(got.numbers.known[CLASS_ALL] && !got.numbers.known[CLASS_WARNING] &&
		   got.numbers.known[CLASS_ERROR],
	   "which numbers are known");
	ok(memcmp(&got.numbers.last, &mark.numbers.last, sizeof(got.numbers.last)) == 0,
	   "and the numbers");
	is_int(log_cursor_parse(text, "1123456789abcdef0123456789abcdef", &got), -EXDEV,
	       "it is of one indexer");
	for (size_t i = 0; i < LOG_CURSOR_SIZE; i++) {
		strcpy(changed, text);
		changed[i] = changed[i] == 'A' ? 'B' : 'A';
		refused &= log_cursor_parse(changed, uid, &got) == -EINVAL;
		changed[i] = (char)(i % 2 ? '=' : 0x80);
		refused &= log_cursor_parse(changed, uid, &got) == -EINVAL;
		changed[i] = '\0';
		refused &= log_cursor_parse(changed, uid, &got) == -EINVAL;
	}
	ok(refused, "none is read with a character changed, or cut short");
	(void)snprintf(changed, sizeof(changed), "%sA", text);
	is_int(log_cursor_parse(changed, uid, &got), -EINVAL, "nor a longer one");
}

static void test_tree_cursor(void)
{
	static const char uid[] = "0123456789abcdef0123456789abcdef";
	struct log_mark mark = { .recursive = true }, got = { 0 };
	char text[LOG_CURSOR_SIZE + 1], other[LOG_CURSOR_SIZE + 1];

	log_cursor_format(&mark, uid, text);
	is_int(log_cursor_parse(text, uid, &got), 0, "a cursor of a recursive stream");
	ok(got.recursive, "is known as one");
	mark.recursive = false;
	log_cursor_format(&mark, uid, other);
	ok(log_cursor_parse(other, uid, &got) == 0 && !got.recursive && strcmp(text, other) != 0,
	   "and another one is not");
}

#define ROOT  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define CHILD "0123456789abcdef0123456789abcdef"

static void test_about(void)
{
	static const struct {
		const char *name, *uid, *id, *lineage;
		enum log_event event;
		bool recursive, want;
	} rows[] = {
		{ "its line", ROOT, "root", ROOT, LOG_LINE, false, true },
		{ "its line, without a lineage", ROOT, "root", "", LOG_LINE, false, true },
		{ "its event", ROOT, "root", ROOT, LOG_EXITED, false, true },
		{ "its deletion", ROOT, "root", ROOT, LOG_DELETED, false, false },
		{ "a child's line", CHILD, "child", ROOT "/" CHILD, LOG_LINE, false, false },
		{ "its line, in a tree", ROOT, "root", ROOT, LOG_LINE, true, true },
		{ "its deletion, in a tree", ROOT, "root", ROOT, LOG_DELETED, true, false },
		{ "a child's, in a tree", CHILD, "child", ROOT "/" CHILD, LOG_LINE, true, true },
		{ "a child's event", CHILD, "child", ROOT "/" CHILD, LOG_STARTED, true, true },
		{ "a child's deletion", CHILD, "child", ROOT "/" CHILD, LOG_DELETED, true, true },
		{ "one without a lineage", CHILD, "child", "", LOG_LINE, true, false },
		{ "one without an id", CHILD, "", ROOT "/" CHILD, LOG_LINE, true, false },
		{ "a parent's, in a tree", CHILD, "child", CHILD, LOG_LINE, true, false },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct log_query query = { .uid = ROOT, .recursive = rows[i].recursive };
		struct reader_record record = { .log.event = rows[i].event,
						.lineage = rows[i].lineage };

		strcpy(record.uid, rows[i].uid);
		strcpy(record.id, rows[i].id);
		is_int(query_is_about(&query, &record), rows[i].want, "%s", rows[i].name);
	}
}

static void test_covers(void)
{
	struct place place = { .numbers = {
				       .invocation = 7, .last = { { 20 } }, .known = { true } } };
	struct position here, later;
	struct reader_record record = { .invocation = 7, .numbers = { { 20 } } };

	(void)position_parse(S1 "i=5;" B1 "m=2;t=3", &place.at);
	(void)position_parse(S1 "i=9;" B1 "m=2;t=3", &here);
	(void)position_parse(S1 "i=9;" B1 "m=3;t=3", &later);
	ok(place_covers(&place, &here, &record),
	   "a line of the same moment is known by its number");
	ok(!place_covers(&place, &later, &record), "one of another moment is not");
	record.numbers.n[CLASS_ALL] = 21;
	ok(!place_covers(&place, &here, &record), "nor the next");
	record = (struct reader_record){ .invocation = 8, .numbers = { { 3 } } };
	ok(!place_covers(&place, &here, &record), "nor another invocation's");
	record = (struct reader_record){ .invocation = 7 };
	ok(!place_covers(&place, &here, &record), "nor one without a number");
}

static void test_exit(void)
{
	static const struct {
		struct exit_fields fields;
		int found, code, signal;
		enum exit_reason reason;
	} rows[] = {
		{ { .time = 5 }, 0, 0, 0, EXIT_REASON_UNSPECIFIED },
		{ { .success = true }, 1, 0, 0, EXIT_REASON_EXITED },
		{ { .success = true, .asked = true }, 0, 0, 0, EXIT_REASON_UNSPECIFIED },
		{ { "killed", "9", "timeout", .asked = true }, 1, 0, 9, EXIT_REASON_TIMED_OUT },
		{ { "exited", "3", "exit-code" }, 1, 3, 0, EXIT_REASON_EXITED },
		{ { "exited", "3", "" }, 1, 3, 0, EXIT_REASON_EXITED },
		{ { "exited", "78", "exit-code" }, 1, 78, 0, EXIT_REASON_CONFIGURATION },
		{ { "exited", "200", "exit-code" }, 1, 200, 0, EXIT_REASON_START_FAILED },
		{ { "exited", "203", "exit-code" }, 1, 203, 0, EXIT_REASON_START_FAILED },
		{ { "killed", "9", "signal" }, 1, 0, 9, EXIT_REASON_SIGNALED },
		{ { "killed", "KILL", "signal" }, 1, 0, 9, EXIT_REASON_SIGNALED },
		{ { "dumped", "11", "core-dump" }, 1, 0, 11, EXIT_REASON_SIGNALED },
		{ { "killed", "9", "oom-kill" }, 1, 0, 9, EXIT_REASON_OUT_OF_MEMORY },
		{ { "killed", "9", "timeout" }, 1, 0, 9, EXIT_REASON_TIMED_OUT },
		{ { "", "", "timeout" }, 1, 0, 0, EXIT_REASON_TIMED_OUT },
		{ { "killed", "6", "watchdog" }, 1, 0, 6, EXIT_REASON_TIMED_OUT },
		{ { "", "", "resources" }, 1, 0, 0, EXIT_REASON_START_FAILED },
		{ { "exited", "0", "protocol" }, 1, 0, 0, EXIT_REASON_EXITED },
		{ { "exited", "no number", "exit-code" }, 1, 0, 0, EXIT_REASON_EXITED },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct exit_record record = { 0 };

		is_int(exit_from_fields(&rows[i].fields, &record), rows[i].found, "%s %s %s",
		       rows[i].fields.code, rows[i].fields.status, rows[i].fields.result);
		ok(record.code == rows[i].code && record.signal == rows[i].signal &&
			   record.reason == rows[i].reason,
		   "  code, signal and reason");
	}
}

struct watcher {
	sem_t ended;
	int error;
};

static int on_record(const struct log_record *record, void *userdata)
{
	(void)record, (void)userdata;
	return 0;
}

static void on_end(int error, void *userdata)
{
	struct watcher *watcher = userdata;

	watcher->error = error;
	sem_post(&watcher->ended);
}

static void on_flush(void *userdata)
{
	(void)userdata;
}

static const struct log_sink sink = { .record = on_record, .end = on_end, .flush = on_flush };

/* True where the stream ends, with this error, within the milliseconds. */
static bool ends(struct watcher *watcher, int error, unsigned msec)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += (long)(msec % 1000) * 1000000;
	until.tv_sec += msec / 1000 + until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	return sem_timedwait(&watcher->ended, &until) == 0 && watcher->error == error;
}

static void test_streams(const char *directory)
{
	struct log_query query = { .uid = "0123456789abcdef0123456789abcdef" };
	struct watcher watcher = { .error = 1 };
	struct log_stream *stream;
	const struct journal_source source = { .directory = directory };
	struct journal *journal;

	sem_init(&watcher.ended, 0, 0);
	is_int(journal_new(&source, &journal), 0, "the threads start");
	is_int(log_stream_open(journal, &query, &sink, &watcher, &stream), 0, "a stream");
	ok(ends(&watcher, 0, 60000), "without follow it ends where there is nothing");
	log_stream_resume(stream);
	log_stream_finish(stream, now_usec(CLOCK_REALTIME), now_usec(CLOCK_MONOTONIC));
	log_stream_close(stream);

	query.follow = true;
	query.tail = 10;
	is_int(log_stream_open(journal, &query, &sink, &watcher, &stream), 0, "with follow");
	ok(!ends(&watcher, 0, 100), "it waits");
	log_stream_finish(stream, now_usec(CLOCK_REALTIME), now_usec(CLOCK_MONOTONIC));
	ok(ends(&watcher, 0, 60000), "and ends when it is told that no more will come");
	log_stream_close(stream);

	for (unsigned i = 0; i < 200; i++) {
		log_stream_open(journal, &query, &sink, &watcher, &stream);
		usleep(i * 10);
		if (i % 3 == 0)
			log_stream_finish(stream, now_usec(CLOCK_REALTIME),
					  now_usec(CLOCK_MONOTONIC));
		log_stream_close(stream);
	}
	ok(true, "closed at any moment");
	ok(journal_free(journal) == NULL, "the threads stop");
}

/* A file of two pages that is cut to nothing while it is mapped; the mapping. */
static const char *map_and_cut(const char *directory, const char *name)
{
	const size_t size = 2 * (size_t)sysconf(_SC_PAGESIZE);
	_cleanup_free_ char *text = malloc(size), *path = NULL;
	_cleanup_close_ int fd = -1;
	char *map;

	if (!text || asprintf(&path, "%s/%s", directory, name) < 0)
		abort();
	memset(text, 'x', size);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || write(fd, text, size) != (ssize_t)size)
		abort();
	map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED || map[size - 1] != 'x' || ftruncate(fd, 0) < 0)
		abort();
	(void)unlink(path);
	return map;
}

/* The signal that a process dies by which reads a byte. */
static int death_by_reading(const volatile char *byte)
{
	const struct rlimit no_core = { 0 };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		_exit(*byte == 'x');
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void test_bus_errors(const char *directory)
{
	const volatile char *other = map_and_cut(directory, "registry.db");
	const volatile char *journal = map_and_cut(directory, "system@1.journal");
	const long page = sysconf(_SC_PAGESIZE);

	(void)signal(SIGBUS, SIG_DFL); /* a sanitizer catches it, too */
	is_int(death_by_reading(journal), SIGBUS, "what a file has lost cannot be read");
	is_int(journal_catch_bus_errors(), 0, "the signal is caught");
	is_int(journal[page + 1], 0, "what a journal file has lost reads as zeros");
	is_int(journal[0], 0, "page by page");
	is_int(death_by_reading(other), SIGBUS, "in other files it is still the end");
}

int main(void)
{
	char directory[] = "/tmp/test-journal.XXXXXX";

	test_parse();
	test_compare();
	test_cursor();
	test_tree_cursor();
	test_about();
	test_covers();
	test_exit();
	if (ok(mkdtemp(directory) != NULL, "a directory")) {
		test_streams(directory);
		test_bus_errors(directory);
		rmdir(directory);
	}
	return tap_done();
}
