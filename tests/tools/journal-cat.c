/*
 * Prints one stream of the journal's layer, as StreamLogs would send it: the level's number and the
 * text.
 *
 *   journal-cat [-f] [-q] [-l LEVEL] [-n TAIL] [-s SINCE-MICROSECONDS] [-D DIRECTORY] UID
 *   journal-cat -x UNIT        how its last invocation in this boot ended
 *
 * -q counts the records instead of printing them. Ends with the stream; with -f never, but for
 * SIGUSR1, which is log_stream_finish().
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <getopt.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "journal/journal.h"

static struct {
	bool quiet;
	long n;
	int error;
	sem_t ended;
} cat;

static int on_record(const struct log_record *record, void *userdata)
{
	(void)userdata;
	cat.n++;
	if (!cat.quiet)
		printf("%d %.*s\n", (int)record->level, (int)record->content_size, record->content);
	return 0;
}

static void on_flush(void *userdata)
{
	(void)userdata;
	fflush(stdout);
}

static void on_end(int error, void *userdata)
{
	(void)userdata;
	cat.error = error;
	sem_post(&cat.ended);
}

static const struct log_sink sink = { .record = on_record, .end = on_end, .flush = on_flush };

static int show_exit(const char *directory, const char *unit)
{
	struct exit_record record;
	int r = journal_find_exit(directory, unit, &record);

	if (r == 1)
		printf("reason %d code %d signal %d\n", (int)record.reason, record.code,
		       record.signal);
	else
		printf("%s\n", r == 0 ? "nothing" : strerror(-r));
	return r != 1;
}

/* Waits for the end of the stream; SIGUSR1 finishes it. */
static void *finish_thread(void *userdata)
{
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	if (sigwait(&set, &signal) == 0)
		log_stream_finish(userdata);
	return NULL;
}

static int run(const char *directory, const struct log_query *query)
{
	struct log_stream *stream;
	struct journal *journal;
	uint64_t begin = now_usec(CLOCK_MONOTONIC), took;
	pthread_t thread;

	if (journal_new(directory, &journal) < 0 ||
	    log_stream_open(journal, query, &sink, NULL, &stream) < 0)
		return 1;
	if (query->follow)
		pthread_create(&thread, NULL, finish_thread, stream);
	sem_wait(&cat.ended);
	took = MAX(now_usec(CLOCK_MONOTONIC) - begin, (uint64_t)1);
	log_stream_close(stream);
	journal_free(journal);
	if (cat.quiet)
		printf("%ld records, %.0f/s\n", cat.n, (double)cat.n * 1e6 / (double)took);
	if (cat.error < 0)
		printf("error: %s\n", strerror(-cat.error));
	return cat.error < 0;
}

int main(int argc, char **argv)
{
	struct log_query query = { 0 };
	const char *directory = NULL;
	bool exit_mode = false;
	sigset_t set;
	int c;

	while ((c = getopt(argc, argv, "fqxl:n:s:D:")) >= 0)
		switch (c) {
		case 'f':
			query.follow = true;
			break;
		case 'q':
			cat.quiet = true;
			break;
		case 'x':
			exit_mode = true;
			break;
		case 'l':
			query.level = (enum level)MAX(level_from_name(optarg), 0);
			break;
		case 'n':
			query.tail = atoi(optarg);
			break;
		case 's':
			query.since = strtoull(optarg, NULL, 10);
			break;
		case 'D':
			directory = optarg;
			break;
		default:
			return 2;
		}
	if (argc - optind != 1)
		return 2;
	if (exit_mode)
		return show_exit(directory, argv[optind]);
	(void)snprintf(query.uid, sizeof(query.uid), "%s", argv[optind]);
	sem_init(&cat.ended, 0, 0);
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	return run(directory, &query);
}
