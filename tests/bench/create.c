/*
 * CreateIndexer to RUNNING against its floor, the same unit started bare: one at a time, and 16 in
 * flight. Rounds of both alternate, so that what else the machine does falls on both alike.
 *
 * Prints one line of the benchmark's table for each figure. Runs in a box with the package
 * installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>

#include "common/util.h"
#include "ctl/client.h"
#include "floor.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/id.h"
#include "samples.h"

#define ADDRESS	   "unix:/run/indexerd/indexerd.sock"
#define PROGRAM	   "/srv/bench/sleep"
#define ROUNDS	   5
#define ALONE	   20 /* units of a round, one at a time */
#define IN_FLIGHT  16
#define EACH	   4 /* units of each of those in flight */
#define LIMIT_USEC (60 * USEC_PER_SEC)

static int call(struct client *client, const char *method, const ProtobufCMessage *request,
		bool wants_running)
{
	_cleanup_message_ ProtobufCMessage *reply = NULL;
	struct rpc_status status = {};
	int r = client_call(client, method, request, LIMIT_USEC, &reply, &status);

	if (r >= 0 && status.code != 0) {
		fprintf(stderr, "%s: %s\n", method, status.message);
		r = -EIO;
	}
	if (r >= 0 && wants_running) {
		const Indexerd__V1__Indexer *indexer = (const Indexerd__V1__Indexer *)reply;

		if (!indexer->status ||
		    indexer->status->state != INDEXERD__V1__STATE__STATE_RUNNING) {
			fprintf(stderr, "%s is not running\n", indexer->name);
			r = -EIO;
		}
	}
	rpc_status_clear(&status);
	return r;
}

static int create(struct client *client, const char *id)
{
	Indexerd__V1__CreateIndexerRequest request = INDEXERD__V1__CREATE_INDEXER_REQUEST__INIT;
	Indexerd__V1__Indexer indexer = INDEXERD__V1__INDEXER__INIT;
	char *args[] = { (char *)"infinity" };

	request.indexer_id = (char *)id;
	request.indexer = &indexer;
	indexer.runtime = (char *)"exec";
	indexer.project_source = (char *)"/srv/bench";
	indexer.script = (char *)"sleep";
	indexer.args = args;
	indexer.n_args = ELEMENTSOF(args);
	return call(client, "CreateIndexer", &request.base, true);
}

static int delete (struct client *client, const char *id)
{
	Indexerd__V1__DeleteIndexerRequest request = INDEXERD__V1__DELETE_INDEXER_REQUEST__INIT;
	char name[NAME_MAX_SIZE];

	name_from_id(id, name);
	request.name = name;
	return call(client, "DeleteIndexer", &request.base, false);
}

static double since_ms(uint64_t begin)
{
	return (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_MSEC;
}

/* One of those in flight: a client of its own. */
struct worker {
	pthread_t thread;
	int number, each, error;
	struct samples milliseconds;
};

static void *work(void *userdata)
{
	struct worker *worker = userdata;
	_cleanup_(client_freep) struct client *client = NULL;
	int r = client_new(ADDRESS, &client);

	for (int i = 0; r >= 0 && i < worker->each; i++) {
		char id[ID_MAX];
		uint64_t begin = now_usec(CLOCK_MONOTONIC);

		(void)snprintf(id, sizeof(id), "bench-%d-%d", worker->number, i);
		r = create(client, id);
		samples_add(&worker->milliseconds, since_ms(begin));
	}
	worker->error = r;
	return NULL;
}

static int delete_all(int in_flight, int each)
{
	_cleanup_(client_freep) struct client *client = NULL;
	int r = client_new(ADDRESS, &client);

	for (int number = 0; number < in_flight; number++)
		for (int i = 0; r >= 0 && i < each; i++) {
			char id[ID_MAX];

			(void)snprintf(id, sizeof(id), "bench-%d-%d", number, i);
			r = delete (client, id);
		}
	return r;
}

static int api_start(int in_flight, int each, struct samples *milliseconds, double *ret_seconds)
{
	static struct worker workers[IN_FLIGHT];
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	int r = 0;

	for (int i = 0; i < in_flight; i++) {
		workers[i] = (struct worker){ .number = i, .each = each };
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return -EAGAIN;
	}
	for (int i = 0; i < in_flight; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		if (workers[i].error < 0)
			r = workers[i].error;
		for (size_t k = 0; k < workers[i].milliseconds.n; k++)
			samples_add(milliseconds, workers[i].milliseconds.value[k]);
	}
	*ret_seconds = since_ms(begin) / 1000;
	return r < 0 ? r : delete_all(in_flight, each);
}

/* Rounds of both sides in turn; rates are units a second, medians over the rounds. */
static int measure(struct floor *floor, int in_flight, int each, struct samples *bare,
		   struct samples *api, struct samples *bare_rate, struct samples *api_rate)
{
	for (int round = 0; round < ROUNDS; round++) {
		double seconds = 0;
		int n = in_flight * each;
		int r = floor_start(floor, (size_t)n, (size_t)in_flight, bare, &seconds);

		if (r < 0)
			return r;
		samples_add(bare_rate, n / seconds);
		r = api_start(in_flight, each, api, &seconds);
		if (r < 0)
			return r;
		samples_add(api_rate, n / seconds);
	}
	return 0;
}

int main(void)
{
	static struct samples bare, api, bare_rate, api_rate, many_bare, many_api, many_bare_rate,
		many_api_rate;
	struct floor *floor;
	int r = floor_new(PROGRAM, &floor);

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
