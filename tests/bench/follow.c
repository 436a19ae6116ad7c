/*
 * What it costs to follow many indexers that all write: StreamLogs against one `journalctl -f` for
 * each, over the same time.
 *
 *	follow PID COUNT SECONDS
 *
 * PID is indexerd's; the indexers bench-follow-1 and so on write a line now and then. Prints lines
 * of the benchmark's table. The processor time of ours is indexerd's and this process's, which has
 * all the streams; that of journalctl is of all of them. What journald needs for the lines is the
 * same for both, and left out. Runs in a box with the package installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "followers.h"
#include "journalctl.h"
#include "model/id.h"
#include "process.h"

#define COUNT_MAX   FOLLOWERS_MAX
#define BEGIN_LIMIT (120 * USEC_PER_SEC)
#define STEP_USEC   (100 * USEC_PER_MSEC)
#define READ_MAX    4096
#define USERS_FIRST 60600UL /* users that nobody is */
#define USER_PEERS  100

/* One journalctl, and the memory file into which it writes. */
struct peer {
	pid_t pid;
	int output;
};

static struct peer peers[COUNT_MAX];
static atomic_ulong lines[COUNT_MAX]; /* that have come to each of our followers */
static size_t count;

/* --- ours ------------------------------------------------------------------------------------- */

static void name(size_t follower, char *name)
{
	(void)snprintf(name, NAME_MAX_SIZE, "indexers/bench-follow-%zu", follower + 1);
}

static bool record(size_t follower, const Indexerd__V1__StreamLogsResponse *record)
{
	if (record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_UNSPECIFIED)
		atomic_fetch_add_explicit(&lines[follower], 1, memory_order_relaxed);
	return true;
}

/* --- journalctl ------------------------------------------------------------------------------- */

/* Each has an inotify instance, of which a user has 128 by default. */
static int peer_start(size_t i)
{
	char unit[NAME_MAX_SIZE], user[32];
	char *const argv[] = { (char *)"setpriv",
			       user,
			       (char *)"--regid=systemd-journal",
			       (char *)"--clear-groups",
			       (char *)"--pdeathsig=TERM",
			       (char *)"journalctl",
			       (char *)"-q",
			       (char *)"-f",
			       (char *)"-u",
			       unit,
			       (char *)"-n",
			       (char *)"1",
			       (char *)"-o",
			       (char *)"cat",
			       NULL };

	(void)snprintf(unit, sizeof(unit), "indexer-bench-follow-%zu", i + 1);
	(void)snprintf(user, sizeof(user), "--reuid=%zu", USERS_FIRST + i / USER_PEERS);
	peers[i].output = memfd_create(unit, MFD_CLOEXEC);
	if (peers[i].output < 0)
		return -errno;
	peers[i].pid = journalctl_spawn(argv, peers[i].output);
	return MIN(peers[i].pid, 0);
}

static off_t written(const struct peer *peer)
{
	struct stat st;

	return fstat(peer->output, &st) == 0 ? st.st_size : 0;
}

/* Lines that it has written from one place to another. */
static unsigned long lines_between(const struct peer *peer, off_t at, off_t end)
{
	unsigned long n = 0;
	char buffer[READ_MAX];

	while (at < end) {
		ssize_t size = pread(peer->output, buffer,
				     (size_t)MIN(end - at, (off_t)sizeof(buffer)), at);

		if (size <= 0)
			break;
		for (ssize_t i = 0; i < size; i++)
			n += buffer[i] == '\n';
		at += size;
	}
	return n;
}

/* --- the measurement -------------------------------------------------------------------------- */

/* What has been used and seen up to now. */
struct reading {
	double daemon, client, peers;
	unsigned long lines;
	off_t written[COUNT_MAX];
};

static void take_reading(pid_t daemon, struct reading *reading)
{
	reading->peers = 0;
	reading->lines = 0;
	reading->daemon = process_seconds(daemon);
	reading->client = process_seconds(getpid());
	for (size_t i = 0; i < count; i++) {
		reading->peers += process_seconds(peers[i].pid);
		reading->written[i] = written(&peers[i]);
		reading->lines += atomic_load(&lines[i]);
	}
}

/* Everybody has had a line. */
static bool all_follow(void)
{
	for (size_t i = 0; i < count; i++)
		if (atomic_load(&lines[i]) == 0 || written(&peers[i]) == 0)
			return false;
	return true;
}

static int await_all(void)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + BEGIN_LIMIT;

	while (!all_follow()) {
		if (now_usec(CLOCK_MONOTONIC) > end)
			return -ETIMEDOUT;
		usleep(STEP_USEC);
	}
	return 0;
}

static void print(const struct reading *before, const struct reading *after, unsigned seconds)
{
	double daemon = after->daemon - before->daemon, client = after->client - before->client,
	       floor = after->peers - before->peers;
	unsigned long theirs = 0;

	for (size_t i = 0; i < count; i++)
		theirs += lines_between(&peers[i], before->written[i], after->written[i]);
	printf("| %zu followers of as many indexers that write, processor seconds in %u s "
	       "(a `journalctl -f` each) | %.2f | %.2f | %.3fx | <= 0.20x |\n",
	       count, seconds, daemon + client, floor, (daemon + client) / floor);
	printf("| ... of it indexerd's | %.2f | - | - | - |\n", daemon);
	printf("| ... lines that came to them | %lu | %lu | - | - |\n",
	       after->lines - before->lines, theirs);
}

static int measure(pid_t daemon, unsigned seconds)
{
	static const struct followers_handler handler = { .name = name,
							  .record = record,
							  .tail = 1 };
	static struct reading before, after;
	int r = followers_open(&handler, count);

	for (size_t i = 0; r == 0 && i < count; i++)
		r = peer_start(i);
	r = r < 0 ? r : await_all();
	if (r < 0)
		return r;
	take_reading(daemon, &before);
	sleep(seconds);
	take_reading(daemon, &after);
	if (before.daemon < 0 || after.daemon < 0)
		return -ESRCH;
	print(&before, &after, seconds);
	return 0;
}

int main(int argc, char *argv[])
{
	int r;

	count = argc == 4 ? strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > COUNT_MAX)
		return 2;
	r = measure(atoi(argv[1]), (unsigned)atoi(argv[3]));
	if (r < 0)
		fprintf(stderr, "bench follow: %s\n", strerror(-r));
	/* The streams and the journalctls end with the process. */
	_exit(fflush(stdout) == 0 && r == 0 ? 0 : 1);
}
