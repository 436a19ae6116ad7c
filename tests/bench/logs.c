/*
 * StreamLogs against journalctl, in one run: 300,000 stored lines, the few errors of as many, and
 * single live lines.
 *
 * Prints one line of the benchmark's table for each figure. Runs in a box with the package
 * installed, where the indexers bench-lines, bench-errors and bench-ticks write what it reads (see
 * tests/bench/run).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "common/util.h"
#include "ctl/client.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "journalctl.h"
#include "samples.h"

#define ADDRESS	    "unix:/run/indexerd/indexerd.sock"
#define LINES	    300000
#define ERRORS	    (LINES / 100)
#define ROUNDS	    5
#define TICKS	    40
#define TICKS_LIMIT (60 * USEC_PER_SEC)

static int count_line(const ProtobufCMessage *message, void *userdata)
{
	const Indexerd__V1__StreamLogsResponse *record = (const void *)message;

	*(size_t *)userdata += record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_UNSPECIFIED;
	return 0;
}

/* A log that has been written, and what is read of it. */
struct backlog {
	const char *parent;
	Indexerd__V1__LogLevel level;
	size_t lines; /* so many must come */
};

static int read_backlog(const struct backlog *backlog, double *ret_seconds)
{
	static const struct client_sink sink = { .message = count_line };
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;
	_cleanup_(client_freep) struct client *client = NULL;
	struct rpc_status status = {};
	size_t lines = 0;
	uint64_t begin;
	int r = client_new(ADDRESS, &client);

	request.parent = (char *)backlog->parent;
	request.level = backlog->level;
	request.no_follow = true;
	begin = now_usec(CLOCK_MONOTONIC);
	r = r < 0 ? r
		  : client_stream(client, "StreamLogs", &request.base, 0, &sink, &lines, &status);
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	if (r >= 0 && (status.code != 0 || lines != backlog->lines)) {
		fprintf(stderr, "StreamLogs: code %d, %zu lines\n", status.code, lines);
		r = -EIO;
	}
	rpc_status_clear(&status);
	return r;
}

/* How long journalctl takes to write out all that it finds. */
static int journalctl_backlog(char *const argv[], double *ret_seconds)
{
	FILE *null = fopen("/dev/null", "we");
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	int r;

	if (!null)
		return -errno;
	r = journalctl_wait(journalctl_spawn(argv, fileno(null)));
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	fclose(null);
	return r;
}

static int measure_backlog(void)
{
	static char *const argv[] = {
		(char *)"journalctl", (char *)"-q",  (char *)"-u", (char *)"indexer-bench-lines",
		(char *)"-o",	      (char *)"cat", NULL
	};
	static const struct backlog backlog = { .parent = "indexers/bench-lines", .lines = LINES };
	static struct samples ours, journalctls;

	for (int round = 0; round < ROUNDS; round++) {
		double seconds = 0;
		int r = journalctl_backlog(argv, &seconds);

		if (r < 0)
			return r;
		samples_add(&journalctls, LINES / seconds);
		r = read_backlog(&backlog, &seconds);
		if (r < 0)
			return r;
		samples_add(&ours, LINES / seconds);
	}
	printf("| StreamLogs of %d stored lines, lines/s | %.0f | %.0f | %.2f | >= 1.00 |\n", LINES,
	       samples_median(&ours), samples_median(&journalctls),
	       samples_median(&ours) / samples_median(&journalctls));
	return 0;
}

static void error_row(const char *what, struct samples *ours, struct samples *floor,
		      const char *wanted)
{
	double a = samples_median(ours), b = samples_median(floor);

	printf("| %s | %.1f | %.1f | %.2fx its rate | %s |\n", what, a, b, b / a, wanted);
}

/* The few errors of a log, and what there is without StreamLogs to find them by. */
static int measure_errors(void)
{
	static char *const errors[] = { (char *)"journalctl",
					(char *)"-q",
					(char *)"-u",
					(char *)"indexer-bench-errors",
					(char *)"-p",
					(char *)"err",
					(char *)"-o",
					(char *)"cat",
					NULL };
	static char *const all[] = {
		(char *)"journalctl", (char *)"-q",  (char *)"-u", (char *)"indexer-bench-errors",
		(char *)"-o",	      (char *)"cat", NULL
	};
	static const struct backlog backlog = { .parent = "indexers/bench-errors",
						.level = INDEXERD__V1__LOG_LEVEL__LOG_LEVEL_ERROR,
						.lines = ERRORS };
	static struct samples ours, of_errors, of_all;

	for (int round = 0; round < ROUNDS; round++) {
		double seconds[3] = { 0 };
		int r = journalctl_backlog(errors, &seconds[0]);

		r = r < 0 ? r : read_backlog(&backlog, &seconds[1]);
		r = r < 0 ? r : journalctl_backlog(all, &seconds[2]);
		if (r < 0)
			return r;
		samples_add(&of_errors, seconds[0] * 1000);
		samples_add(&ours, seconds[1] * 1000);
		samples_add(&of_all, seconds[2] * 1000);
	}
	error_row("StreamLogs of the 3,000 errors among 300,000 lines, ms (`journalctl -p err`)",
		  &ours, &of_errors, ">= 2.00");
	error_row("... (`journalctl` of all of them)", &ours, &of_all, "-");
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
	pid = journalctl_spawn(argv, ends[1]);
	close(ends[1]);
	lines = fdopen(ends[0], "re");
	if (pid < 0 || !lines)
		return -EIO;
	if (fgets(line, sizeof(line), lines) && sscanf(line, "tick %ld", &present) == 1)
		r = measure_ticks(lines, present);
	(void)kill(pid, SIGTERM);
	(void)journalctl_wait(pid);
	return r;
}

int main(void)
{
	int r = measure_backlog();

	r = r < 0 ? r : measure_errors();
	r = r < 0 ? r : measure_live();
	if (r < 0) {
		fprintf(stderr, "bench logs: %s\n", strerror(-r));
		return 1;
	}
	return 0;
}
