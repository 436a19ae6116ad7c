/*
 * Many StreamLogs streams; see followers.h.
 *
 * Follower i is stream i / n_bundles of connection i % n_bundles.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bundle.h"
#include "common/util.h"
#include "echo.h"
#include "followers.h"
#include "journal/cursor.h"
#include "model/id.h"

#define ADDRESS	    "unix:/run/indexerd/indexerd.sock"
#define METHOD	    "/indexerd.v1.IndexerRunner/StreamLogs"
#define REQUEST_MAX 512

static_assert(FOLLOWERS_EACH <= BUNDLE_MAX, "each has a place");

static struct bundle bundles[FOLLOWERS_MAX / FOLLOWERS_EACH];
static size_t n_bundles;
static const struct followers_handler *handler;

/* True where the stream is to read on. */
static bool take(size_t follower, grpc_slice message)
{
	Indexerd__V1__StreamLogsResponse *record = indexerd__v1__stream_logs_response__unpack(
		NULL, GRPC_SLICE_LENGTH(message), GRPC_SLICE_START_PTR(message));
	bool goes_on;

	if (!record)
		abort();
	goes_on = handler->record(follower, record);
	indexerd__v1__stream_logs_response__free_unpacked(record, NULL);
	return goes_on;
}

static void *read_bundle(void *userdata)
{
	struct bundle *bundle = userdata;

	for (;;) {
		struct bundle_stream *stream;
		grpc_slice message;
		int r = bundle_next(bundle, &stream, &message);

		if (r == -ETIMEDOUT)
			continue; /* how long to wait is for the measurement to say */
		if (r < 0) {
			fprintf(stderr, "bench: a StreamLogs stream has been ended\n");
			_exit(1);
		}
		if (take(stream->number * n_bundles + (size_t)(bundle - bundles), message))
			bundle_receive(stream);
		grpc_slice_unref(message);
	}
	return NULL;
}

static size_t pack_request(const char *name, uint8_t *packed)
{
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;

	request.parent = (char *)name;
	request.tail = handler->tail;
	return indexerd__v1__stream_logs_request__pack(&request, packed);
}

/* A record of writes.sh. */
static size_t pack_record(const char *name, uint8_t *packed)
{
	Indexerd__V1__StreamLogsResponse record = INDEXERD__V1__STREAM_LOGS_RESPONSE__INIT;
	Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char cursor[LOG_CURSOR_SIZE + 1];

	memset(cursor, 'A', LOG_CURSOR_SIZE);
	cursor[LOG_CURSOR_SIZE] = '\0';
	time.seconds = (int64_t)(now_usec(CLOCK_REALTIME) / USEC_PER_SEC);
	time.nanos = 123456000;
	record.level = INDEXERD__V1__LOG_LEVEL__LOG_LEVEL_INFO;
	record.content = (char *)"line 100 of somebody who is followed, about a hundred bytes long "
				 "as those of real ones are";
	record.time = &time;
	record.cursor = cursor;
	record.indexer = (char *)name;
	return indexerd__v1__stream_logs_response__pack(&record, packed);
}

static void add(size_t follower)
{
	char name[NAME_MAX_SIZE];
	uint8_t packed[REQUEST_MAX];
	grpc_slice slice;

	handler->name(follower, name);
	slice = grpc_slice_from_copied_buffer((const char *)packed,
					      handler->floor ? pack_record(name, packed)
							     : pack_request(name, packed));
	bundle_add(&bundles[follower % n_bundles], handler->floor ? ECHO_REPEAT : METHOD, slice);
	grpc_slice_unref(slice);
}

int followers_open(const struct followers_handler *their_handler, size_t n)
{
	pthread_t thread;
	int r = 0;

	handler = their_handler;
	n_bundles = (n + FOLLOWERS_EACH - 1) / FOLLOWERS_EACH;
	assert(n_bundles <= ELEMENTSOF(bundles));
	for (size_t i = 0; i < n_bundles; i++)
		bundle_open(&bundles[i], handler->floor ? ECHO_ADDRESS : ADDRESS, handler->window);
	for (size_t i = 0; i < n; i++)
		add(i);
	for (size_t i = 0; r == 0 && i < n_bundles; i++)
		r = pthread_create(&thread, NULL, read_bundle, &bundles[i]);
	return -r;
}

void followers_resume(size_t follower)
{
	struct bundle *bundle = &bundles[follower % n_bundles];

	bundle_receive(&bundle->streams[follower / n_bundles]);
}
