/*
 * DeleteIndexer of a tree against its floor, the same number of the same units removed bare: all
 * stopped side by side, and their state cleared.
 *
 *	tree N ROUNDS
 *
 * The tree is one indexer and its N - 1 children; each round makes and deletes it anew. Prints one
 *line of the benchmark's table. Runs in a box with the package installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "common/util.h"
#include "floor.h"

#define IN_FLIGHT 2 /* more at a time are started no sooner */

static int measure_floor(size_t n, struct samples *seconds)
{
	static struct samples started;
	struct floor *floor;
	double took = 0;
	int r = floor_new(&floor);

	if (r < 0)
		return r;
	r = floor_start(floor, n, IN_FLIGHT, &started, &took);
	r = r < 0 ? r : floor_remove(floor, &took);
	samples_add(seconds, took);
	floor_free(floor);
	return r;
}

static int measure_delete(size_t n, struct samples *seconds)
{
	static struct samples started;
	_cleanup_(client_freep) struct client *client = NULL;
	uint64_t begin;
	double took;
	int r = client_new(API_ADDRESS, &client);

	r = r < 0 ? r : api_create(client, 0, API_NO_PARENT);
	r = r < 0 ? r : api_create_many(1, (int)n, 0, IN_FLIGHT, &started, &took);
	begin = now_usec(CLOCK_MONOTONIC);
	r = r < 0 ? r : api_delete(client, 0);
	samples_add(seconds, (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC);
	return r;
}

int main(int argc, char *argv[])
{
	static struct samples ours, floors;
	int n = argc == 3 ? atoi(argv[1]) : 0, rounds = argc == 3 ? atoi(argv[2]) : 0, r = 0;

	if (n < 1 || n > SAMPLES_MAX || rounds < 1)
		return 2;
	for (int round = 0; r >= 0 && round < rounds; round++) {
		r = measure_floor((size_t)n, &floors);
		r = r < 0 ? r : measure_delete((size_t)n, &ours);
	}
	if (r < 0) {
		fprintf(stderr, "bench tree: %s\n", strerror(-r));
		return 1;
	}
	printf("| DeleteIndexer of a tree of %d, s | %.2f | %.2f | %.2f | <= 1.20 |\n", n,
	       samples_median(&ours), samples_median(&floors),
	       samples_median(&ours) / samples_median(&floors));
	return 0;
}
