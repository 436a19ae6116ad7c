/*
 * What it costs to follow many indexers that all write: StreamLogs against one `journalctl -f` for
 * each, over the same time.
 *
 *	follow ours|floor PID COUNT SECONDS
 *
 * ours: PID is indexerd's; the indexers bench-follow-1 and so on write a line now and then. Prints
 *lines of the benchmark's table. The processor time of ours is indexerd's and this process's, which
 *has all the streams; that of journalctl is of all of them. What journald needs for the lines is
 *the same for both, and left out.
 *
 * floor: PID is the echo server's (see echo.c), which sends as many messages of the size of such
 * lines: what gRPC core takes for them, in a server that does nothing else, and in the client.
 *
 * Runs in a box with the package installed.
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
static size_t count, n_peers;

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
	for (size_t i = 0; i < n_peers; i++) {
		reading->peers += process_seconds(peers[i].pid);
		reading->written[i] = written(&peers[i]);
	}
	for (size_t i = 0; i < count; i++)
		reading->lines += atomic_load(&lines[i]);
}

/* Everybody has had a line. */
static bool all_follow(void)
{
	for (size_t i = 0; i < count; i++)
		if (atomic_load(&lines[i]) == 0 || (i < n_peers && written(&peers[i]) == 0))
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

static void print_floor(const struct reading *before, const struct reading *after)
{
	double server = after->daemon - before->daemon, client = after->client - before->client;

	printf("| ... as many messages of that size from an empty server of gRPC core, and of that "
	       "the "
	       "server's | %.2f, %.2f | - | - | - |\n",
	       server + client, server);
	printf("| ... messages that came from it | %lu | - | - | - |\n",
	       after->lines - before->lines);
}

static int measure(bool floor, pid_t server, unsigned seconds)
{
	static struct followers_handler handler = { .name = name, .record = record, .tail = 1 };
	static struct reading before, after;
	int r;

	handler.floor = floor;
	r = followers_open(&handler, count);
	for (n_peers = 0; !floor && r == 0 && n_peers < count; n_peers++)
		r = peer_start(n_peers);
	r = r < 0 ? r : await_all();
	if (r < 0)
		return r;
	take_reading(server, &before);
	sleep(seconds);
	take_reading(server, &after);
	if (before.daemon < 0 || after.daemon < 0)
		return -ESRCH;
	if (floor)
		print_floor(&before, &after);
	else
		print(&before, &after, seconds);
	return 0;
}

int main(int argc, char *argv[])
{
	bool floor = argc == 5 && streq(argv[1], "floor");
	int r;

	count = argc == 5 ? strtoul(argv[3], NULL, 10) : 0;
	if (count == 0 || count > COUNT_MAX || (!floor && !streq(argv[1], "ours")))
		return 2;
	r = measure(floor, atoi(argv[2]), (unsigned)atoi(argv[4]));
	if (r < 0)
		fprintf(stderr, "bench follow: %s\n", strerror(-r));
	/* The streams and the journalctls end with the process. */
	_exit(fflush(stdout) == 0 && r == 0 ? 0 : 1);
}
