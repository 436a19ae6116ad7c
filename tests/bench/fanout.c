/*
 * One line to many followers of one indexer: how long after the first of them the last one has it.
 *
 *	fanout ID COUNT
 *
 * The indexer writes "tick N" now and then (see ticks.sh). Prints a line of the benchmark's table.
 * Runs in a box with the package installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/condition.h"
#include "followers.h"
#include "model/id.h"
#include "samples.h"

#define TICKS	    20
#define BEGIN_LIMIT (120 * USEC_PER_SEC)
#define TICKS_LIMIT (60 * USEC_PER_SEC)

/* When a line was with the first and with the last of those that have it. */
struct arrival {
	uint64_t first, last;
	size_t n;
};

static char indexer[NAME_MAX_SIZE];
static size_t count;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the rest */
static pthread_cond_t changed;
static bool follows[FOLLOWERS_MAX];
static size_t n_follow;		    /* have had a line */
static long newest = -1, base = -1; /* ticks; the one that is number 0, once it is decided */
static struct arrival arrivals[TICKS];
static size_t n_complete;

static void name(size_t follower, char *name)
{
	(void)follower;
	strcpy(name, indexer);
}

static void note_follower_locked(size_t follower)
{
	if (follows[follower])
		return;
	follows[follower] = true;
	n_follow++;
}

static void note_arrival_locked(long tick, uint64_t now)
{
	struct arrival *arrival;

	newest = MAX(newest, tick);
	if (base < 0 || tick < base || tick >= base + TICKS)
		return;
	arrival = &arrivals[tick - base];
	if (arrival->n == 0 || now < arrival->first)
		arrival->first = now;
	arrival->last = MAX(arrival->last, now);
	n_complete += ++arrival->n == count;
}

static bool record(size_t follower, const Indexerd__V1__StreamLogsResponse *record)
{
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	long tick;

	if (sscanf(record->content, "tick %ld", &tick) != 1)
		return true;
	pthread_mutex_lock(&lock);
	note_follower_locked(follower);
	note_arrival_locked(tick, now);
	if (n_follow == count || n_complete == TICKS)
		pthread_cond_signal(&changed);
	pthread_mutex_unlock(&lock);
	return true;
}

/* Waits until all are counted. */
static int await(const size_t *n, size_t all, uint64_t limit)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + limit;
	int r;

	while (*n < all && now_usec(CLOCK_MONOTONIC) < end)
		condition_wait(&changed, &lock, end);
	r = *n < all ? -ETIMEDOUT : 0;
	return r;
}

static int measure(void)
{
	static const struct followers_handler handler = { .name = name,
							  .record = record,
							  .tail = 1 };
	static struct samples spans;
	int r = followers_open(&handler, count);

	pthread_mutex_lock(&lock);
	r = r < 0 ? r : await(&n_follow, count, BEGIN_LIMIT);
	/* Not the present ones, which some have got as stored ones. */
	base = newest + 3;
	r = r < 0 ? r : await(&n_complete, TICKS, TICKS_LIMIT);
	for (size_t i = 0; r == 0 && i < TICKS; i++)
		samples_add(&spans, (double)(arrivals[i].last - arrivals[i].first) / USEC_PER_MSEC);
	pthread_mutex_unlock(&lock);
	if (r == 0)
		printf("| A line to %zu followers, ms from the first that has it to the last "
		       "(median; 90 %%) | %.1f; %.1f | - | - | <= 50 |\n",
		       count, samples_median(&spans), samples_quantile(&spans, 0.9));
	return r;
}

int main(int argc, char *argv[])
{
	int r;

	count = argc == 3 ? strtoul(argv[2], NULL, 10) : 0;
	if (count == 0 || count > FOLLOWERS_MAX || strlen(argv[1]) >= ID_MAX)
		return 2;
	name_from_id(argv[1], indexer);
	condition_init(&changed);
	r = measure();
	if (r < 0)
		fprintf(stderr, "bench fanout: %s\n", strerror(-r));
	/* The streams end with the process. */
	_exit(fflush(stdout) == 0 && r == 0 ? 0 : 1);
}
