/*
 * StreamLogs against journalctl, in one run: 300,000 stored lines, and single live lines.
 *
 * Prints one line of the benchmark's table for each figure. Runs in a box with the package
 * installed, where the indexers bench-lines and bench-ticks write what it reads (see
 * tests/bench/run).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>

#include "common/util.h"
#include "ctl/client.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "samples.h"

#define ADDRESS	    "unix:/run/indexerd/indexerd.sock"
#define LINES	    300000
#define ROUNDS	    5
#define TICKS	    40
#define TICKS_LIMIT (60 * USEC_PER_SEC)

extern char **environ;

static int count_line(const ProtobufCMessage *message, void *userdata)
{
	const Indexerd__V1__StreamLogsResponse *record = (const void *)message;

	*(size_t *)userdata += record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_UNSPECIFIED;
	return 0;
}

static int read_backlog(double *ret_seconds)
{
	static const struct client_sink sink = { .message = count_line };
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;
	_cleanup_(client_freep) struct client *client = NULL;
	struct rpc_status status = {};
	size_t lines = 0;
	uint64_t begin;
	int r = client_new(ADDRESS, &client);

	request.parent = (char *)"indexers/bench-lines";
	request.no_follow = true;
	begin = now_usec(CLOCK_MONOTONIC);
	r = r < 0 ? r
		  : client_stream(client, "StreamLogs", &request.base, 0, &sink, &lines, &status);
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	if (r >= 0 && (status.code != 0 || lines != LINES)) {
		fprintf(stderr, "StreamLogs: code %d, %zu lines\n", status.code, lines);
		r = -EIO;
	}
	rpc_status_clear(&status);
	return r;
}

/* Runs journalctl with its output to a descriptor; returns its pid or a negative errno. */
static pid_t spawn_journalctl(char *const argv[], int output)
{
	posix_spawn_file_actions_t actions;
	pid_t pid;
	int r;

	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	r = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	return r == 0 ? pid : -r;
}

static int journalctl_backlog(double *ret_seconds)
{
	static char *const argv[] = {
		(char *)"journalctl", (char *)"-q",  (char *)"-u", (char *)"indexer-bench-lines",
		(char *)"-o",	      (char *)"cat", NULL
	};
	FILE *null = fopen("/dev/null", "we");
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	int status = 0;
	pid_t pid;

	if (!null)
		return -errno;
	pid = spawn_journalctl(argv, fileno(null));
	if (pid > 0 && waitpid(pid, &status, 0) < 0)
		status = -1;
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	fclose(null);
	return pid > 0 && status == 0 ? 0 : -EIO;
}

static int measure_backlog(void)
{
	static struct samples ours, journalctls;

	for (int round = 0; round < ROUNDS; round++) {
		double seconds = 0;
		int r = journalctl_backlog(&seconds);

		if (r < 0)
			return r;
		samples_add(&journalctls, LINES / seconds);
		r = read_backlog(&seconds);
		if (r < 0)
			return r;
		samples_add(&ours, LINES / seconds);
	}
	printf("| StreamLogs of %d stored lines, lines/s | %.0f | %.0f | %.2f | >= 1.00 |\n", LINES,
	       samples_median(&ours), samples_median(&journalctls),
	       samples_median(&ours) / samples_median(&journalctls));
	return 0;
}

/* When tick N was seen, in microseconds; 0 until then. */
struct arrivals {
	uint64_t seen[TICKS];
	long first; /* the tick that is number 0 */
	size_t n;
};

/* Notes a tick; 1 when all are there. */
static int note_tick(struct arrivals *arrivals, const char *line)
{
	long tick;

	if (sscanf(line, "tick %ld", &tick) != 1 || tick < arrivals->first ||
	    tick >= arrivals->first + TICKS)
		return arrivals->n == TICKS;
	arrivals->seen[tick - arrivals->first] = now_usec(CLOCK_MONOTONIC);
	return ++arrivals->n == TICKS;
}

static int on_tick(const ProtobufCMessage *message, void *userdata)
{
	const Indexerd__V1__StreamLogsResponse *record = (const void *)message;

	return note_tick(userdata, record->content) ? -ECANCELED : 0;
}

static void *follow(void *userdata)
{
	static const struct client_sink sink = { .message = on_tick };
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;
	_cleanup_(client_freep) struct client *client = NULL;
	struct rpc_status status = {};

	request.parent = (char *)"indexers/bench-ticks";
	request.tail = 1;
	if (client_new(ADDRESS, &client) >= 0)
		(void)client_stream(client, "StreamLogs", &request.base, TICKS_LIMIT, &sink,
				    userdata, &status);
	rpc_status_clear(&status);
	return NULL;
}

static int journalctl_ticks(struct arrivals *arrivals, FILE *lines)
{
	char line[256];

	while (fgets(line, sizeof(line), lines))
		if (note_tick(arrivals, line))
			return 0;
	return -EIO;
}

/* The ticks to compare begin a few after the present one, when both followers are there. */
static int measure_ticks(FILE *lines, long present)
{
	static struct arrivals ours, journalctls;
	static struct samples behind;
	pthread_t thread;
	int r;

	ours.first = journalctls.first = present + 5;
	if (pthread_create(&thread, NULL, follow, &ours) != 0)
		return -EAGAIN;
	r = journalctl_ticks(&journalctls, lines);
	(void)pthread_join(thread, NULL);
	if (r < 0 || ours.n != TICKS)
		return -EIO;
	for (size_t i = 0; i < TICKS; i++)
		samples_add(&behind,
			    ((double)ours.seen[i] - (double)journalctls.seen[i]) / USEC_PER_MSEC);
	printf("| A live line after `journalctl -f` shows it, ms (median; 90 %%) | %.1f; %.1f | 0 "
	       "| - "
	       "| <= 5 |\n",
	       samples_median(&behind), samples_quantile(&behind, 0.9));
	return 0;
}

static int measure_live(void)
{
	static char *const argv[] = { (char *)"journalctl",
				      (char *)"-f",
				      (char *)"-u",
				      (char *)"indexer-bench-ticks",
				      (char *)"-o",
				      (char *)"cat",
				      (char *)"-n",
				      (char *)"1",
				      NULL };
	_cleanup_fclose_ FILE *lines = NULL;
	char line[256];
	long present = -1;
	int ends[2], r = -EIO;
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	pid = spawn_journalctl(argv, ends[1]);
	close(ends[1]);
	lines = fdopen(ends[0], "re");
	if (pid < 0 || !lines)
		return -EIO;
	if (fgets(line, sizeof(line), lines) && sscanf(line, "tick %ld", &present) == 1)
		r = measure_ticks(lines, present);
	(void)kill(pid, SIGTERM);
	(void)waitpid(pid, NULL, 0);
	return r;
}

int main(void)
{
	int r = measure_backlog();

	r = r < 0 ? r : measure_live();
	if (r < 0) {
		fprintf(stderr, "bench logs: %s\n", strerror(-r));
		return 1;
	}
	return 0;
}
