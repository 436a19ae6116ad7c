/*
 * What an idle stream costs a server in memory.
 *
 *	streams echo|watch|logs PID ID
 *
 * Opens many streams of the echo server (see echo.c), WatchIndexers or StreamLogs of the indexer
 * ID, waits until they have nothing more to say, and prints by how many bytes each has made the
 * resident memory of the process PID larger. What a server has for a connection, or makes only
 * once, is there before. The indexer writes a line whenever it is started. Runs in a box with the
 * package installed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bundle.h"
#include "common/util.h"
#include "ctl/client.h"
#include "echo.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/id.h"
#include "process.h"

#define ADDRESS	    "unix:/run/indexerd/indexerd.sock"
#define SERVICE	    "/indexerd.v1.IndexerRunner/"
#define CONNECTIONS 10
#define EACH	    101 /* streams of a connection: one to make it, and those that are measured */
#define MEASURED    (CONNECTIONS * (EACH - 1))
#define REQUEST_MAX 256

/* A connection, and which of its streams have not told yet what they should. */
struct crowd {
	struct bundle bundle;
	bool awaited[BUNDLE_MAX];
	size_t n_awaited;
};

struct kind {
	const char *name, *address, *method;
	/* Packs the request for an indexer's streams; returns its size. */
	size_t (*request)(char *indexer, uint8_t *buffer);
	/* Whether a stream has told what there is when it has sent this message. */
	bool (*is_last)(const uint8_t *message, size_t size);
	bool restart; /* each has to tell of one more start, to prove that it is up to date */
};

struct run {
	const struct kind *kind;
	char indexer[NAME_MAX_SIZE];
	grpc_slice request;
	struct crowd crowds[CONNECTIONS];
};

/* --- kinds ------------------------------------------------------------------------------------ */

static size_t any_request(char *indexer, uint8_t *buffer)
{
	Indexerd__V1__WatchIndexersRequest request = INDEXERD__V1__WATCH_INDEXERS_REQUEST__INIT;

	(void)indexer;
	return protobuf_c_message_pack(&request.base, buffer);
}

static size_t logs_request(char *indexer, uint8_t *buffer)
{
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;

	request.parent = indexer;
	request.tail = 1;
	return protobuf_c_message_pack(&request.base, buffer);
}

static bool is_any(const uint8_t *message, size_t size)
{
	(void)message, (void)size;
	return true;
}

static bool is_synced(const uint8_t *message, size_t size)
{
	Indexerd__V1__WatchIndexersResponse *response =
		indexerd__v1__watch_indexers_response__unpack(NULL, size, message);
	bool synced = response && response->event == INDEXERD__V1__WATCH_EVENT__WATCH_EVENT_SYNCED;

	indexerd__v1__watch_indexers_response__free_unpacked(response, NULL);
	return synced;
}

static const struct kind kinds[] = {
	{ "echo", ECHO_ADDRESS, ECHO_HOLD, any_request, is_any, false },
	{ "watch", ADDRESS, SERVICE "WatchIndexers", any_request, is_synced, false },
	{ "logs", ADDRESS, SERVICE "StreamLogs", logs_request, is_any, true },
};

/* --- streams ---------------------------------------------------------------------------------- */

static void open_stream(const struct run *run, struct crowd *crowd)
{
	crowd->awaited[crowd->bundle.n] = true;
	crowd->n_awaited++;
	bundle_add(&crowd->bundle, run->kind->method, run->request);
}

/* Waits until each stream of a connection has told what is awaited of it. */
static int await(const struct kind *kind, struct crowd *crowd)
{
	while (crowd->n_awaited > 0) {
		struct bundle_stream *stream;
		grpc_slice message;
		int r = bundle_next(&crowd->bundle, &stream, &message);

		if (r < 0)
			return r;
		if (kind->is_last(GRPC_SLICE_START_PTR(message), GRPC_SLICE_LENGTH(message)) &&
		    crowd->awaited[stream->number]) {
			crowd->awaited[stream->number] = false;
			crowd->n_awaited--;
		}
		grpc_slice_unref(message);
		bundle_receive(stream);
	}
	return 0;
}

static int await_all(struct run *run)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < CONNECTIONS; i++)
		r = await(run->kind, &run->crowds[i]);
	return r;
}

/* --- the measurement -------------------------------------------------------------------------- */

static int restart_indexer(struct run *run)
{
	Indexerd__V1__RestartIndexerRequest request = INDEXERD__V1__RESTART_INDEXER_REQUEST__INIT;
	_cleanup_(client_freep) struct client *client = NULL;
	_cleanup_message_ ProtobufCMessage *reply = NULL;
	struct rpc_status status = {};
	int r = client_new(ADDRESS, &client);

	request.name = run->indexer;
	r = r < 0 ? r
		  : client_call(client, "RestartIndexer", &request.base,
				CONNECTION_LIMIT_SEC * USEC_PER_SEC, &reply, &status);
	if (r == 0 && status.code != 0) {
		fprintf(stderr, "RestartIndexer: %s\n", status.message);
		r = -EIO;
	}
	rpc_status_clear(&status);
	return r;
}

/* Lets the indexer say one more thing to all streams. */
static int hear_restart(struct run *run)
{
	for (size_t i = 0; i < CONNECTIONS; i++) {
		struct crowd *crowd = &run->crowds[i];

		for (size_t k = 0; k < crowd->bundle.n; k++)
			crowd->awaited[k] = true;
		crowd->n_awaited = crowd->bundle.n;
	}
	return restart_indexer(run);
}

/* Opens so many streams of each connection, and waits until all are idle. */
static int open_idle(struct run *run, size_t each)
{
	int r;

	for (size_t i = 0; i < CONNECTIONS; i++)
		for (size_t k = 0; k < each; k++)
			open_stream(run, &run->crowds[i]);
	r = await_all(run);
	if (r < 0 || !run->kind->restart)
		return r;
	r = hear_restart(run);
	return r < 0 ? r : await_all(run);
}

static int measure(struct run *run, pid_t pid)
{
	long before, after;
	int r = open_idle(run, 1);

	if (r < 0)
		return r;
	before = process_resident(pid);
	r = open_idle(run, EACH - 1);
	after = process_resident(pid);
	if (r < 0 || before < 0 || after < 0)
		return r < 0 ? r : -ESRCH;
	printf("%ld\n", (after - before) / MEASURED);
	return 0;
}

static const struct kind *find_kind(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(kinds); i++)
		if (streq(kinds[i].name, name))
			return &kinds[i];
	return NULL;
}

int main(int argc, char *argv[])
{
	static struct run run;
	uint8_t request[REQUEST_MAX];
	size_t size;
	int r;

	run.kind = argc == 4 ? find_kind(argv[1]) : NULL;
	if (!run.kind || strlen(argv[3]) >= ID_MAX)
		return 2;
	name_from_id(argv[3], run.indexer);
	size = run.kind->request(run.indexer, request);
	run.request = grpc_slice_from_copied_buffer((const char *)request, size);
	for (size_t i = 0; i < CONNECTIONS; i++)
		bundle_open(&run.crowds[i].bundle, run.kind->address, 0);
	r = measure(&run, atoi(argv[2]));
	if (r < 0)
		fprintf(stderr, "bench streams: %s\n", strerror(-r));
	/* What is in flight ends with the process. */
	_exit(fflush(stdout) == 0 && r == 0 ? 0 : 1);
}
