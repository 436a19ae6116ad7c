/*
 * CreateIndexer to RUNNING against its floor, the same unit started bare: one at a time, and 16 in
 * flight. Rounds of both alternate, so that what else the machine does falls on both alike.
 *
 * Prints one line of the benchmark's table for each figure. Runs in a box with the package
 * installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "api.h"
#include "floor.h"

#define ROUNDS	  5
#define ALONE	  20 /* units of a round, one at a time */
#define IN_FLIGHT API_IN_FLIGHT_MAX
#define EACH	  4 /* units of each of those in flight */

static int delete_all(int n)
{
	_cleanup_(client_freep) struct client *client = NULL;
	int r = client_new(API_ADDRESS, &client);

	for (int i = 0; r >= 0 && i < n; i++)
		r = api_delete(client, i);
	return r;
}

/* Rounds of both sides in turn; rates are units a second, medians over the rounds. */
static int measure(struct floor *floor, int in_flight, int each, struct samples *bare,
		   struct samples *api, struct samples *bare_rate, struct samples *api_rate)
{
	for (int round = 0; round < ROUNDS; round++) {
		double seconds = 0;
		int n = in_flight * each;
		int r = floor_start(floor, (size_t)n, (size_t)in_flight, bare, &seconds);

		samples_add(bare_rate, n / seconds);
		r = r < 0 ? r : floor_remove(floor, &seconds);
		if (r < 0)
			return r;
		r = api_create_many(0, n, API_NO_PARENT, (size_t)in_flight, api, &seconds);
		samples_add(api_rate, n / seconds);
		r = r < 0 ? r : delete_all(n);
		if (r < 0)
			return r;
	}
	return 0;
}

int main(void)
{
	static struct samples bare, api, bare_rate, api_rate, many_bare, many_api, many_bare_rate,
		many_api_rate;
	struct floor *floor;
	int r = floor_new(&floor);

	r = r < 0 ? r : measure(floor, 1, ALONE, &bare, &api, &bare_rate, &api_rate);
	r = r < 0 ? r
		  : measure(floor, IN_FLIGHT, EACH, &many_bare, &many_api, &many_bare_rate,
			    &many_api_rate);
	if (r < 0) {
		fprintf(stderr, "bench create: %s\n", strerror(-r));
		return 1;
	}
	printf("| CreateIndexer to RUNNING, one at a time, ms | %.1f | %.1f | %.2f | <= 1.25 |\n",
	       samples_median(&api), samples_median(&bare),
	       samples_median(&api) / samples_median(&bare));
	printf("| CreateIndexer, 16 in flight, units/s | %.0f | %.0f | %.2f | >= 0.85 |\n",
	       samples_median(&many_api_rate), samples_median(&many_bare_rate),
	       samples_median(&many_api_rate) / samples_median(&many_bare_rate));
	floor_free(floor);
	return 0;
}
