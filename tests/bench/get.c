/*
 * GetIndexer against its floor, a server that echoes a message of the same size (see echo.c): the
 * rate with 1, 8 and 64 calls in flight on one connection, and how long the slowest of a hundred
 * takes. Both are measured in turn, so that what else the machine does falls on both alike.
 *
 *	get ID
 *
 * Prints one line of the benchmark's table for each figure. Runs in a box with the package
 * installed, the indexer ID and the echo server.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/byte_buffer.h>
#include <stdio.h>

#include "common/util.h"
#include "connection.h"
#include "ctl/client.h"
#include "echo.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/id.h"
#include "samples.h"

#define ADDRESS	      "unix:/run/indexerd/indexerd.sock"
#define METHOD	      "/indexerd.v1.IndexerRunner/GetIndexer"
#define ROUNDS	      9
#define WARM_UP_USEC  (USEC_PER_SEC / 5)
#define ROUND_USEC    USEC_PER_SEC
#define IN_FLIGHT_MAX 64
#define LATENCY_MAX   100000 /* microseconds; longer ones count as this */
#define REQUEST_MAX   4096

static const size_t in_flights[] = { 1, 8, IN_FLIGHT_MAX };

/* One of the two servers, and what was found out about it. */
struct side {
	const char *address, *method;
	uint8_t request[REQUEST_MAX];
	size_t request_size;
	struct samples rate[ELEMENTSOF(in_flights)], p99[ELEMENTSOF(in_flights)];
};

/* One run of calls against a side. */
struct load {
	const struct side *side;
	struct connection connection;
	void *method; /* registered with the channel */
	grpc_slice request;
	size_t replies; /* good ones */
	unsigned latencies[LATENCY_MAX + 1];
};

/* A call in flight; the tag of its one batch. */
struct call {
	struct load *load;
	grpc_call *grpc;
	grpc_metadata_array initial, trailing;
	grpc_byte_buffer *reply;
	grpc_status_code code;
	grpc_slice words;
	uint64_t began;
};

static void call_begin(struct call *call)
{
	struct load *load = call->load;
	grpc_byte_buffer *request = grpc_raw_byte_buffer_create(&load->request, 1);
	const grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = request },
		{ .op = GRPC_OP_SEND_CLOSE_FROM_CLIENT },
		{ .op = GRPC_OP_RECV_INITIAL_METADATA,
		  .data.recv_initial_metadata.recv_initial_metadata = &call->initial },
		{ .op = GRPC_OP_RECV_MESSAGE, .data.recv_message.recv_message = &call->reply },
		{ .op = GRPC_OP_RECV_STATUS_ON_CLIENT,
		  .data.recv_status_on_client = { .trailing_metadata = &call->trailing,
						  .status = &call->code,
						  .status_details = &call->words } },
	};

	call->began = now_usec(CLOCK_MONOTONIC);
	call->reply = NULL;
	grpc_metadata_array_init(&call->initial);
	grpc_metadata_array_init(&call->trailing);
	call->grpc = grpc_channel_create_registered_call(
		load->connection.channel, NULL, GRPC_PROPAGATE_DEFAULTS, load->connection.queue,
		load->method, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	if (grpc_call_start_batch(call->grpc, ops, ELEMENTSOF(ops), call, NULL) != GRPC_CALL_OK)
		abort();
	grpc_byte_buffer_destroy(request);
}

static void call_end(struct call *call)
{
	struct load *load = call->load;
	uint64_t took = now_usec(CLOCK_MONOTONIC) - call->began;

	load->latencies[MIN(took, (uint64_t)LATENCY_MAX)]++;
	if (call->code == GRPC_STATUS_OK && call->reply && grpc_byte_buffer_length(call->reply) > 0)
		load->replies++;
	grpc_byte_buffer_destroy(call->reply);
	grpc_metadata_array_destroy(&call->initial);
	grpc_metadata_array_destroy(&call->trailing);
	grpc_slice_unref(call->words);
	grpc_call_unref(call->grpc);
}

/* Keeps so many calls in flight for a time. 0, or -EIO where not each has its reply. */
static int load_run(struct load *load, size_t in_flight, uint64_t usec, double *ret_seconds)
{
	static struct call calls[IN_FLIGHT_MAX];
	uint64_t begin = now_usec(CLOCK_MONOTONIC);
	size_t begun = in_flight, ended = 0;
	void *tag;

	load->replies = 0;
	memset(load->latencies, 0, sizeof(load->latencies));
	for (size_t i = 0; i < in_flight; i++) {
		calls[i].load = load;
		call_begin(&calls[i]);
	}
	while (ended < begun) {
		if (!connection_next(&load->connection, &tag))
			return -ETIMEDOUT;
		call_end(tag);
		ended++;
		if (now_usec(CLOCK_MONOTONIC) - begin < usec) {
			call_begin(tag);
			begun++;
		}
	}
	*ret_seconds = (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_SEC;
	return load->replies == ended ? 0 : -EIO;
}

/* The microseconds that `share` (0 to 1) of the calls did not exceed. */
static double load_quantile(const struct load *load, double share)
{
	size_t left = (size_t)((double)load->replies * share);
	size_t i = 0;

	while (i < LATENCY_MAX && load->latencies[i] <= left)
		left -= load->latencies[i++];
	return (double)i;
}

static int measure_side(struct side *side, size_t which)
{
	static struct load load;
	double seconds = 0;
	int r;

	load.side = side;
	load.request =
		grpc_slice_from_copied_buffer((const char *)side->request, side->request_size);
	connection_open(&load.connection, side->address, 0);
	load.method = grpc_channel_register_call(load.connection.channel, side->method, NULL, NULL);
	r = load_run(&load, in_flights[which], WARM_UP_USEC, &seconds);
	r = r < 0 ? r : load_run(&load, in_flights[which], ROUND_USEC, &seconds);
	if (r == 0) {
		samples_add(&side->rate[which], (double)load.replies / seconds);
		samples_add(&side->p99[which], load_quantile(&load, 0.99));
	}
	connection_close(&load.connection);
	grpc_slice_unref(load.request);
	return r;
}

static int pack(const ProtobufCMessage *message, struct side *side)
{
	if (protobuf_c_message_get_packed_size(message) > sizeof(side->request))
		return -E2BIG;
	side->request_size = protobuf_c_message_pack(message, side->request);
	return 0;
}

/* Makes the requests of both sides: the indexer's name, and what GetIndexer replies to that. */
static int make_requests(const char *id, struct side *get, struct side *echo)
{
	Indexerd__V1__GetIndexerRequest request = INDEXERD__V1__GET_INDEXER_REQUEST__INIT;
	_cleanup_(client_freep) struct client *client = NULL;
	_cleanup_message_ ProtobufCMessage *reply = NULL;
	struct rpc_status status = {};
	char name[NAME_MAX_SIZE];
	int r = client_new(ADDRESS, &client);

	name_from_id(id, name);
	request.name = name;
	r = r < 0 ? r : pack(&request.base, get);
	r = r < 0 ? r
		  : client_call(client, "GetIndexer", &request.base,
				CONNECTION_LIMIT_SEC * USEC_PER_SEC, &reply, &status);
	if (r >= 0 && !reply) {
		fprintf(stderr, "GetIndexer: %s\n", status.message);
		r = -EIO;
	}
	rpc_status_clear(&status);
	return r < 0 ? r : pack(reply, echo);
}

static void print_rows(struct side *get, struct side *echo)
{
	for (size_t i = 0; i < ELEMENTSOF(in_flights); i++)
		printf("| GetIndexer (%zu bytes), %zu in flight, calls/s | %.0f | %.0f | %.2f "
		       "| >= 0.70 |\n",
		       echo->request_size, in_flights[i], samples_median(&get->rate[i]),
		       samples_median(&echo->rate[i]),
		       samples_median(&get->rate[i]) / samples_median(&echo->rate[i]));
	for (size_t i = 0; i < ELEMENTSOF(in_flights); i++)
		printf("| GetIndexer, %zu in flight, 99 %%, us | %.0f | %.0f | %.2f | %s |\n",
		       in_flights[i], samples_median(&get->p99[i]), samples_median(&echo->p99[i]),
		       samples_median(&get->p99[i]) / samples_median(&echo->p99[i]),
		       in_flights[i] == IN_FLIGHT_MAX ? "<= 1.50" : "-");
}

int main(int argc, char *argv[])
{
	static struct side get = { .address = ADDRESS, .method = METHOD },
			   echo = { .address = ECHO_ADDRESS, .method = ECHO_ONCE };
	int r;

	if (argc != 2)
		return 2;
	r = make_requests(argv[1], &get, &echo);
	for (int round = 0; r == 0 && round < ROUNDS; round++)
		for (size_t i = 0; r == 0 && i < ELEMENTSOF(in_flights); i++) {
			r = measure_side(&echo, i);
			r = r < 0 ? r : measure_side(&get, i);
		}
	if (r < 0) {
		fprintf(stderr, "bench get: %s\n", strerror(-r));
		return 1;
	}
	print_rows(&get, &echo);
	return 0;
}
