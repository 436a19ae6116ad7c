/*
 * The record of an indexer's tries: what counts as a row, and what a hostile file comes to.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "exec/tries.h"
#include "tap.h"

#define SEC	USEC_PER_SEC
#define HEALTHY (600 * SEC)
#define NOW	(10000 * SEC)

static char directory[] = "/tmp/test-tries-XXXXXX";

static void test_next(void)
{
	static const struct {
		const char *name;
		struct tries tries;
		uint32_t failed;
	} rows[] = {
		{ "not healthy, and long in stopping", { 7, NOW - HEALTHY, NOW - 1 }, 8 },
		{ "healthy until its end", { 7, NOW - HEALTHY - 9, NOW - 9 }, 1 },
		{ "an end to come", { 7, NOW - HEALTHY, UINT64_MAX }, 1 },
		{ "an end before the beginning", { 7, NOW - HEALTHY, 1 }, 8 },
		{ "the first one failed", { 0, NOW - SEC, 0 }, 1 },
		{ "the second one too", { 1, NOW - SEC, 0 }, 2 },
		{ "just not healthy", { 7, NOW - HEALTHY + 1, 0 }, 8 },
		{ "healthy", { 7, NOW - HEALTHY, 0 }, 1 },
		{ "healthy, and never failed before", { 0, NOW - HEALTHY, 0 }, 1 },
		{ "a wait that was killed", { 7, 0, 0 }, 8 },
		{ "a time to come", { 7, NOW + 1, 0 }, 8 },
		{ "the end of time", { 7, UINT64_MAX, 0 }, 8 },
		{ "the last number", { UINT32_MAX - 2, NOW - SEC, 0 }, UINT32_MAX - 1 },
		{ "and none behind it", { UINT32_MAX - 1, NOW - SEC, 0 }, UINT32_MAX - 1 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct tries tries = rows[i].tries;

		tries_next(&tries, NOW, HEALTHY);
		is_int(tries.failed, rows[i].failed, "%s", rows[i].name);
		ok(tries.began == 0 && tries.ended == 0, "and the next one has not begun");
	}
}

static void test_text(void)
{
	static const char *const others[] = {
		"",
		"\n",
		"failed=",
		"failed=3",
		"failed=3\n",
		"failed=3 began=",
		"failed=3 began=4",
		"failed=3 began=4 ended=5\n\n",
		"failed=3 began=4 ended=5 more\n",
		"failed=3 began=4\n",
		"failed=3 began=4 ended=\n",
		"failed=-3 began=4 ended=5\n",
		"failed= 3 began=4 ended=5\n",
		"failed=4294967295 began=4 ended=5\n",
		"failed=99999999999999999999999 began=4 ended=5\n",
		"failed=3 began=18446744073709551616 ended=5\n",
		"began=4 failed=3\n",
		"failed=3 began=44444444444444444444444444444444444444444444444444 ended=5\n",
	};
	const struct tries most = { UINT32_MAX - 1, UINT64_MAX, UINT64_MAX };
	char text[TRIES_TEXT_MAX];
	struct tries tries = {};
	size_t n = tries_write(&most, text);

	ok(n < TRIES_TEXT_MAX && tries_read(text, n, &tries), "the longest text is read");
	ok(tries.failed == most.failed && tries.began == most.began && tries.ended == most.ended,
	   "as it was written");
	for (size_t i = 0; i < ELEMENTSOF(others); i++) {
		tries = (struct tries){ .failed = 77 };
		ok(!tries_read(others[i], strlen(others[i]), &tries) && tries.failed == 77,
		   "no record: '%s'", others[i]);
	}
	ok(!tries_read("failed=3\0began=4 ended=5\n", 25, &tries), "no record: one with a NUL");
}

static void test_asked_for(void)
{
	static const struct {
		const char *name;
		uint64_t ended, start;
		bool asked;
	} rows[] = {
		{ "at once", NOW, NOW, true },
		{ "just before the pause is over", NOW, NOW + SEC / 2 - 1, true },
		{ "after the pause", NOW, NOW + SEC / 2, false },
		{ "its end is not known", 0, NOW, false },
		{ "it has not ended yet", NOW + 1, NOW, false },
		{ "its start is not known", NOW, 0, false },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct tries tries = { 3, 4, rows[i].ended };

		is_int(tries_asked_for(&tries, rows[i].start, SEC / 2), rows[i].asked, "%s",
		       rows[i].name);
	}
}

static void test_process_start(void)
{
	uint64_t start = tries_process_start(), now = now_usec(CLOCK_BOOTTIME);

	ok(start > 0 && start <= now + SEC / 10 && now - MIN(start, now) < 3600 * SEC,
	   "this process was made a moment ago");
}

static int open_directory(const char *path)
{
	int fd = tries_open(path);

	if (fd < 0)
		abort();
	return fd;
}

static void test_directory(void)
{
	char two[sizeof(directory) + 32];
	int fd;

	is_int(tries_open(NULL), -ENOENT, "no runtime directory");
	is_int(tries_open(""), -ENOENT, "an empty one");
	is_int(tries_open("/nonexistent"), -ENOENT, "one that is not there");
	(void)snprintf(two, sizeof(two), "%s:/nonexistent", directory);
	fd = tries_open(two);
	ok(fd >= 0, "the first of two");
	closep(&fd);
}

static void test_file(void)
{
	_cleanup_close_ int fd = open_directory(directory);
	struct tries tries = { .failed = 77 };

	is_int(tries_load(fd, &tries), -ENOENT, "a first start");
	is_int(tries.failed, 77, "and nothing is read");
	is_int(tries_save(fd, &(struct tries){ 3, 4, 5 }), 0, "a record is written");
	is_int(tries_save(fd, &(struct tries){ 5, 6, 7 }), 0, "and another one over it");
	is_int(tries_load(fd, &tries), 0, "it is read");
	ok(tries.failed == 5 && tries.began == 6 && tries.ended == 7, "the second one");
}

static void test_end(void)
{
	_cleanup_close_ int fd = open_directory(directory);
	struct tries tries = {};

	(void)tries_save(fd, &(struct tries){ 3, 4, 0 });
	tries_end(fd);
	is_int(tries_load(fd, &tries), 0, "an end is noted");
	ok(tries.failed == 3 && tries.began == 4 && tries.ended > 4, "and nothing else");
	tries_forget(fd);
	is_int(tries_load(fd, &tries), -ENOENT, "a record is forgotten");
	tries_end(fd);
	is_int(tries_load(fd, &tries), -ENOENT, "of which there is no end");
}

/* Whatever the indexer puts in the file's place: nothing blocks, and it is written over. */
static void test_hostile(void)
{
	static const char garbage[] = "failed=4294967295 began=1 ended=5\n";
	_cleanup_close_ int fd = open_directory(directory);
	struct tries tries;
	int file;

	(void)unlinkat(fd, "tries", 0);
	ok(mkfifoat(fd, "tries", 0600) == 0, "a FIFO");
	is_int(tries_load(fd, &tries), -EBADMSG, "is no record");
	is_int(tries_save(fd, &tries), 0, "and is written over");
	(void)unlinkat(fd, "tries", 0);
	ok(symlinkat("/etc/passwd", fd, "tries") == 0, "a link");
	is_int(tries_load(fd, &tries), -EBADMSG, "is no record");
	ok(symlinkat("/etc/passwd", fd, "tries.new") == 0, "and a link in the new one's place");
	is_int(tries_save(fd, &(struct tries){ 1, 2, 3 }), 0, "is not followed");
	is_int(tries_load(fd, &tries), 0, "but written over");
	file = openat(fd, "tries", O_WRONLY | O_TRUNC | O_CLOEXEC);
	ok(write(file, garbage, sizeof(garbage) - 1) == sizeof(garbage) - 1, "too large a number");
	is_int(tries_load(fd, &tries), -EBADMSG, "is no record");
	ok(ftruncate(file, 1LL << 40) == 0, "a file without end");
	is_int(tries_load(fd, &tries), -EBADMSG, "is no record");
	closep(&file);
	ok(mkdirat(fd, "tries.new", 0700) == 0, "a directory in the new one's place");
	ok(tries_save(fd, &tries) < 0, "is an error");
	(void)unlinkat(fd, "tries.new", AT_REMOVEDIR);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *ftw)
{
	(void)status, (void)type, (void)ftw;
	return remove(path);
}

int main(void)
{
	if (!mkdtemp(directory))
		return 1;
	test_next();
	test_asked_for();
	test_process_start();
	test_text();
	test_directory();
	test_file();
	test_end();
	test_hostile();
	(void)nftw(directory, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return tap_done();
}
