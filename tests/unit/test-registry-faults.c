/*
 * The registry's bad days: a second daemon, kill -9, a full disk, damage, a file that is not for
 * us.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "common/util.h"
#include "registry-helper.h"

/* No child is waited for longer than this. */
#define CHILD_SECONDS 60

#define KILLS 12

static struct seen seen;

static char *read_file(const char *path, size_t *ret_n)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	char *data = malloc(1 << 20);

	*ret_n = f && data ? fread(data, 1, 1 << 20, f) : 0;
	return data;
}

static void write_file(const char *path, const void *data, size_t n, long offset)
{
	_cleanup_fclose_ FILE *f = fopen(path, offset ? "r+e" : "we");

	if (!f || fseek(f, offset, SEEK_SET) < 0 || fwrite(data, 1, n, f) != n)
		printf("# cannot write %s\n", path);
}

/* Opens and closes; returns what registry_open() does. */
static int try_open(const char *path)
{
	_cleanup_(registry_closep) struct registry *registry = NULL;

	return registry_open(path, &registry);
}

/* A child that opens the registry, says so, and holds it until it is killed. */
static pid_t hold(const char *path, int *ret_fd)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0) {
		struct registry *registry = NULL;
		char done = registry_open(path, &registry) == 0 ? 'y' : 'n';

		alarm(CHILD_SECONDS);
		if (write(fds[1], &done, 1) == 1)
			pause();
		_exit(1);
	}
	close(fds[1]);
	*ret_fd = fds[0];
	return pid;
}

static void test_second_daemon(void)
{
	const char *path = test_file("second.db");
	char done = 0;
	int fd;
	pid_t pid = hold(path, &fd);
	uint64_t begin, end;

	is_int(read(fd, &done, 1), 1, "another process says");
	is_int(done, 'y', "that it has the registry");
	begin = now_usec(CLOCK_MONOTONIC);
	is_int(try_open(path), -EBUSY, "this one is refused");
	end = now_usec(CLOCK_MONOTONIC);
	ok(end - begin >= 900 * USEC_PER_MSEC && end - begin < 20 * USEC_PER_SEC, "after a second");
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	close(fd);
	is_int(try_open(path), 0, "and taken in once the other is gone");
}

/* Creates rows without end, and acknowledges each through fd after it is said to be on disk. */
static void create_for_ever(const char *path, unsigned first, int fd)
{
	struct registry *registry = NULL;

	alarm(CHILD_SECONDS);
	if (registry_open(path, &registry) < 0)
		_exit(1);
	for (unsigned i = first;; i++) {
		char id[ID_MAX], parent[ID_MAX];

		snprintf(id, sizeof(id), "i%u", i);
		snprintf(parent, sizeof(parent), "i%u", i / 2);
		if (test_create(registry, id, i, i > 1 ? parent : NULL, SEEN_MAX, NULL) != 0)
			_exit(1);
		if (write(fd, &i, sizeof(i)) != sizeof(i))
			_exit(1);
	}
}

/* Kills a creating child after some time; returns the last number it acknowledged, or `first` - 1.
 */
static unsigned kill_one(const char *path, unsigned first, bool wait, useconds_t after)
{
	unsigned number, last = first - 1;
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		abort();
	pid = fork();
	if (pid == 0)
		create_for_ever(path, first, fds[1]);
	close(fds[1]);
	if (wait && read(fds[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	usleep(after);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	while (read(fds[0], &number, sizeof(number)) == sizeof(number))
		last = number;
	close(fds[0]);
	return last;
}

static void test_kill(void)
{
	char path[sizeof(test_path)];
	unsigned last = 0;

	strcpy(path, test_file("kill.db"));
	for (int i = 0; i < KILLS; i++) {
		_cleanup_(registry_closep) struct registry *registry = NULL;
		unsigned first = last + 1;

		last = kill_one(path, first, i > 3, (useconds_t)(3000 + i * 7919 % 60000));
		if (!ok(registry_open(path, &registry) == 0 && test_load(registry, &seen) == 0,
			"after kill -9 number %d it opens and loads", i + 1))
			return;
		/* One more may be there: committed, and killed before it said so. */
		ok(seen.n == last || seen.n == last + 1, "%u acknowledged, %zu there", last,
		   seen.n);
		last = (unsigned)seen.n;
	}
	ok(last > KILLS, "rows were being created when the blows fell");
}

static void test_not_for_us(void)
{
	static const struct {
		const char *name, *sql;
	} cases[] = {
		{ "newer.db", "PRAGMA user_version = 99" },
		{ "other.db", "PRAGMA application_id = 12345" },
		{ "no-mark.db", "PRAGMA application_id = 0" },
		{ "version-0.db", "PRAGMA user_version = 0" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_free_ char *before = NULL, *after = NULL;
		const char *path = test_file(cases[i].name);
		size_t n_before, n_after;
		struct stat st;

		is_int(try_open(path), 0, "%s is made", cases[i].name);
		test_sql(path, cases[i].sql);
		chmod(path, 0640);
		before = read_file(path, &n_before);
		is_int(try_open(path), -EUCLEAN, "after %s it is not for us", cases[i].sql);
		after = read_file(path, &n_after);
		ok(n_before > 0 && n_before == n_after && memcmp(before, after, n_after) == 0,
		   "and untouched");
		stat(path, &st);
		is_int(st.st_mode & 0777, 0640, "in its mode too");
	}
}

static void test_unfinished(void)
{
	const char *path = test_file("empty.db");

	write_file(path, "", 0, 0);
	is_int(try_open(path), 0, "an empty file is a registry that was not made yet");
	is_int(test_sql(path, "PRAGMA user_version"), 8, "and is made now");
}

/* A registry with enough rows that most pages are rows. */
static void make_many(const char *path)
{
	struct registry *registry = NULL;
	char id[ID_MAX];

	registry_open(path, &registry);
	for (unsigned i = 0; i < 200; i++) {
		snprintf(id, sizeof(id), "row-%u", i);
		test_create(registry, id, i, NULL, SEEN_MAX, NULL);
	}
	registry_close(registry);
}

static void test_damage(void)
{
	static const char garbage[] = "This is a letter to my aunt, and no database at all.\n";
	char junk[4096];
	struct stat st;
	const char *path;
	int wrong = 0;

	path = test_file("letter.db");
	for (int i = 0; i < 100; i++)
		write_file(path, garbage, sizeof(garbage) - 1, i * 53);
	is_int(try_open(path), -EIO, "a file that is no database");

	memset(junk, 0xa5, sizeof(junk));
	path = test_file("damaged.db");
	make_many(path);
	write_file(path, junk, sizeof(junk), 2 * 4096);
	is_int(try_open(path), -EIO, "a page overwritten");

	path = test_file("short.db");
	make_many(path);
	stat(path, &st);
	is_int(truncate(path, st.st_size / 2), 0, "half of the file is lost");
	is_int(try_open(path), -EIO, "which is found");

	path = test_file("pages.db");
	make_many(path);
	stat(path, &st);
	for (long page = 0; page < st.st_size / 4096; page++) {
		_cleanup_free_ char *data = NULL;
		size_t n;

		data = read_file(path, &n);
		write_file(path, junk, sizeof(junk), page * 4096 + 8);
		wrong += try_open(path) != -EIO;
		write_file(path, data, n, 0);
	}
	is_int(wrong, 0, "whichever page it is");
	is_int(try_open(path), 0, "and the copy that is put back works");
}

static void test_edited(void)
{
	static const char *const edits[] = {
		"UPDATE indexers SET id = 'Capital'",
		"UPDATE indexers SET id = '../../etc'",
		"UPDATE indexers SET uid = '../../../../../../../etc/passwd'",
		"UPDATE indexers SET uid = ''",
		"UPDATE indexers SET id = printf('%.100c', 'a')",
		"UPDATE indexers SET script = 'a' || char(0) || 'b'",
		"UPDATE indexers SET cpu_percent = 1 << 40",
		"UPDATE indexers SET persistence = 'redis'",
		"UPDATE indexers SET persistence = 'etcd redis://h'",
		"UPDATE indexers SET restart = 4",
		"UPDATE indexers SET exit_reason = -1",
		"UPDATE indexers SET restart_count = 1 << 33",
		"UPDATE indexers SET invocation_id = 'abc'",
		"UPDATE indexers SET source_key = '../abc'",
		"UPDATE indexers SET source_key = 'abc'",
		"UPDATE indexers SET source_commit = printf('%.39c', 'a')",
		"UPDATE indexers SET source_fetch = printf('%.40c', 'a')",
		"INSERT INTO labels VALUES (1, 'a', 'a', 'x' || char(0))",
		"INSERT INTO args VALUES (1, 0, char(0))",
		"UPDATE indexers SET parent = key",
	};

	for (size_t i = 0; i < ELEMENTSOF(edits); i++) {
		_cleanup_(registry_closep) struct registry *registry = NULL;
		char name[32];

		snprintf(name, sizeof(name), "edited-%zu.db", i);
		registry_open(test_file(name), &registry);
		test_create(registry, "a", 1, NULL, 10, NULL);
		registry = registry_close(registry);
		test_sql(test_path, edits[i]);
		registry_open(test_path, &registry);
		is_int(registry ? test_load(registry, &seen) : 0, -EIO, "%s", edits[i]);
	}
}

/* Creates until it fails; returns the number of rows that went in, and what it failed with. */
static unsigned fill(struct registry *registry, unsigned first, int *ret)
{
	unsigned n = 0;

	*ret = 0;
	while (*ret == 0 && first + n < SEEN_MAX) {
		char id[ID_MAX];

		snprintf(id, sizeof(id), "full-%u", first + n);
		*ret = test_create(registry, id, first + n, NULL, SEEN_MAX, NULL);
		if (*ret == 0)
			n++;
	}
	return n;
}

/* On a full disk every write is refused and nothing is lost; with room again everything works. */
static void fill_up(const char *ballast)
{
	static char block[256 * 1024];
	struct registry *registry = NULL;
	unsigned n;
	int r;

	write_file(ballast, block, sizeof(block), 0);
	is_int(registry_open(test_path, &registry), 0, "a registry on a small disk");
	n = fill(registry, 1, &r);
	is_int(r, -ENOSPC, "%u rows fill it", n);
	ok(n > 10, "that were some");
	is_int(test_create(registry, "again", 9000, NULL, SEEN_MAX, NULL), -ENOSPC, "and again");
	is_int(test_load(registry, &seen), 0, "what is there can be read");
	is_int(seen.n, n, "and is all there, and no more");
	unlink(ballast);
	is_int(test_create(registry, "again", 9000, NULL, SEEN_MAX, NULL), 0, "with room it works");
	is_int(registry_tombstone(registry, "full-1", NULL), 0, "for everything");
	fill(registry, n + 1, &r);
	is_int(r, -ENOSPC, "it can be filled once more");
	test_load(registry, &seen);
	n = (unsigned)seen.n;
	registry = registry_close(registry);

	is_int(registry_open(test_path, &registry), 0, "it opens on the full disk");
	is_int(test_load(registry, &seen), 0, "and loads");
	is_int(seen.n, n, "with all rows");
	registry_close(registry);
}

/* Mounts a disk that nobody else sees and that goes with this process. */
static bool mount_small_disk(const char *directory, const char *options)
{
	return mkdir(directory, 0700) == 0 && mount("disk", directory, "tmpfs", 0, options) == 0;
}

static void test_full_disk(void)
{
	char directory[PATH_MAX], ballast[PATH_MAX + 16];

	if (geteuid() != 0 || unshare(CLONE_NEWNS) < 0 ||
	    mount("none", "/", "", MS_REC | MS_PRIVATE, NULL) < 0) {
		ok(true, "full disk # SKIP needs root and a mount namespace");
		return;
	}
	snprintf(directory, sizeof(directory), "%s/small", test_directory);
	snprintf(ballast, sizeof(ballast), "%s/ballast", directory);
	if (!ok(mount_small_disk(directory, "size=1m"), "a disk of 1 MB"))
		return;
	test_file("small/full.db");
	fill_up(ballast);
	is_int(umount(directory), 0, "the disk can be taken out");

	strcat(directory, "-none");
	if (!ok(mount_small_disk(directory, "size=4k"), "a disk with hardly a page"))
		return;
	is_int(try_open(test_file("small-none/full.db")), -ENOSPC, "is too small to begin with");
	umount(directory);
}

int main(void)
{
	test_begin();
	test_second_daemon();
	test_kill();
	test_not_for_us();
	test_unfinished();
	test_damage();
	test_edited();
	test_full_disk();
	test_forget(&seen);
	test_end();
	return tap_done();
}
