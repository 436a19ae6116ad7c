/*
 * Creating and deleting indexers; see api.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "api.h"
#include "common/util.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/id.h"

#define LIMIT_USEC (600 * USEC_PER_SEC)
#define STARTS_MAX 20

/* Calls a method and gives back its reply where that is wanted. */
static int call(struct client *client, const char *method, const ProtobufCMessage *request,
		ProtobufCMessage **ret)
{
	_cleanup_message_ ProtobufCMessage *reply = NULL;
	struct rpc_status status = {};
	int r = client_call(client, method, request, LIMIT_USEC, &reply, &status);

	if (r >= 0 && status.code != 0) {
		fprintf(stderr, "%s: %s\n", method, status.message);
		r = -EIO;
	}
	rpc_status_clear(&status);
	if (r >= 0 && ret)
		*ret = TAKE(reply);
	return r;
}

/* Calls a method that replies with an indexer, and gives back its state. */
static int call_for_state(struct client *client, const char *method,
			  const ProtobufCMessage *request, Indexerd__V1__State *ret)
{
	_cleanup_message_ ProtobufCMessage *reply = NULL;
	int r = call(client, method, request, &reply);

	if (r >= 0)
		*ret = ((const Indexerd__V1__Indexer *)reply)->status->state;
	return r;
}

static void make_name(int number, char buffer[NAME_MAX_SIZE])
{
	char id[ID_MAX];

	(void)snprintf(id, sizeof(id), "bench-%d", number);
	name_from_id(id, buffer);
}

static int create(struct client *client, int number, int parent, Indexerd__V1__State *ret)
{
	Indexerd__V1__CreateIndexerRequest request = INDEXERD__V1__CREATE_INDEXER_REQUEST__INIT;
	Indexerd__V1__Indexer indexer = INDEXERD__V1__INDEXER__INIT;
	char *args[] = { (char *)"infinity" };
	char id[ID_MAX], name[NAME_MAX_SIZE];

	(void)snprintf(id, sizeof(id), "bench-%d", number);
	request.indexer_id = id;
	request.indexer = &indexer;
	indexer.runtime = (char *)"exec";
	indexer.project_source = (char *)"/srv/bench";
	indexer.script = (char *)"sleep";
	indexer.args = args;
	indexer.n_args = ELEMENTSOF(args);
	if (parent != API_NO_PARENT) {
		make_name(parent, name);
		indexer.spawned_by = name;
	}
	return call_for_state(client, "CreateIndexer", &request.base, ret);
}

int api_create(struct client *client, int number, int parent)
{
	Indexerd__V1__StartIndexerRequest request = INDEXERD__V1__START_INDEXER_REQUEST__INIT;
	Indexerd__V1__State state = INDEXERD__V1__STATE__STATE_UNSPECIFIED;
	char name[NAME_MAX_SIZE];
	int r = create(client, number, parent, &state);

	/* The answer comes after 5 s at the latest; a start of what is starting waits again. */
	make_name(number, name);
	request.name = name;
	for (int i = 0; r >= 0 && state == INDEXERD__V1__STATE__STATE_STARTING && i < STARTS_MAX;
	     i++)
		r = call_for_state(client, "StartIndexer", &request.base, &state);
	if (r >= 0 && state != INDEXERD__V1__STATE__STATE_RUNNING) {
		fprintf(stderr, "%s is not running\n", name);
		r = -EIO;
	}
	return r;
}

int api_delete(struct client *client, int number)
{
	Indexerd__V1__DeleteIndexerRequest request = INDEXERD__V1__DELETE_INDEXER_REQUEST__INIT;
	char name[NAME_MAX_SIZE];

	make_name(number, name);
	request.name = name;
	return call(client, "DeleteIndexer", &request.base, NULL);
}

/* One of those in flight: a client of its own. */
struct worker {
	pthread_t thread;
	atomic_int *next; /* the number of the next one to be created */
	int end, parent, error;
	struct samples milliseconds;
};

static void *work(void *userdata)
{
	struct worker *worker = userdata;
	_cleanup_(client_freep) struct client *client = NULL;
	int r = client_new(API_ADDRESS, &client), number;

	while (r >= 0 && (number = atomic_fetch_add(worker->next, 1)) < worker->end) {
		uint64_t begin = now_usec(CLOCK_MONOTONIC);

		r = api_create(client, number, worker->parent);
		samples_add(&worker->milliseconds,
			    (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_MSEC);
	}
	worker->error = r;
	return NULL;
}

int api_create_many(int first, int end, int parent, size_t in_flight, struct samples *milliseconds,
		    double *ret_seconds)
{
	static struct worker workers[API_IN_FLIGHT_MAX];
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	atomic_int next = first;
	int r = 0;

	assert(in_flight <= API_IN_FLIGHT_MAX);
	for (size_t i = 0; i < in_flight; i++) {
		workers[i] = (struct worker){ .next = &next, .end = end, .parent = parent };
		if (pthread_create(&workers[i].thread, NULL, work, &workers[i]) != 0)
			return -EAGAIN;
	}
	for (size_t i = 0; i < in_flight; i++) {
		(void)pthread_join(workers[i].thread, NULL);
		if (workers[i].error < 0)
			r = workers[i].error;
		for (size_t k = 0; k < workers[i].milliseconds.n; k++)
			samples_add(milliseconds, workers[i].milliseconds.value[k]);
	}
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	return r;
}
