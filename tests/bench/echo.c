/*
 * The floor of GetIndexer and of idle streams: the smallest server on gRPC core, with the daemon's
 * own arguments of its connections, its own accept, two threads and as many requested calls.
 *
 *	echo SOCKET
 *
 * It sends back the message of each call, and ends the call; one of ECHO_HOLD it then leaves open
 * until the client ends it, and one of ECHO_REPEAT is sent its message over and over. It runs until
 * it is killed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/grpc_posix.h>
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/util.h"
#include "echo.h"
#include "rpc/face.h"

#define THREADS	    2
#define REQUESTED   64
#define QUOTA_BYTES (64 << 20)

/* A call; it is the tag of each of its three events. */
struct call {
	enum { REQUESTED_CALL, READING, ANSWERING, REPEATING } step;
	grpc_call *grpc;
	grpc_call_details details;
	grpc_metadata_array metadata;
	grpc_byte_buffer *message;
	bool hold, repeat;
	int cancelled;
	int part;	   /* in which the call is repeated to; -1: none yet */
	struct call *next; /* of those that rest between two repeats */
};

static grpc_server *server;
static grpc_completion_queue *queue;

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct call *resting[ECHO_REPEAT_PARTS]; /* guarded by it, as is the next */
static unsigned next_part;

static void request(void)
{
	struct call *call = calloc(1, sizeof(*call));

	assert(call);
	call->part = -1;
	grpc_call_details_init(&call->details);
	grpc_metadata_array_init(&call->metadata);
	if (grpc_server_request_call(server, &call->grpc, &call->details, &call->metadata, queue,
				     queue, call) != GRPC_CALL_OK)
		abort();
}

static void start(struct call *call, const grpc_op *ops, size_t n)
{
	if (grpc_call_start_batch(call->grpc, ops, n, call, NULL) != GRPC_CALL_OK)
		abort();
}

static void read_message(struct call *call)
{
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE,
			     .data.recv_message.recv_message = &call->message };

	call->hold = grpc_slice_str_cmp(call->details.method, ECHO_HOLD) == 0;
	call->repeat = grpc_slice_str_cmp(call->details.method, ECHO_REPEAT) == 0;
	grpc_call_details_destroy(&call->details);
	grpc_metadata_array_destroy(&call->metadata);
	call->step = READING;
	start(call, &op, 1);
}

/*
 * The status is the last operation, so that it can be left out. The call may be over, on the other
 * thread, as soon as the batch is started.
 */
static void answer(struct call *call)
{
	grpc_byte_buffer *message = TAKE(call->message);
	grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = message },
		{ .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
		  .data.recv_close_on_server.cancelled = &call->cancelled },
		{ .op = GRPC_OP_SEND_STATUS_FROM_SERVER },
	};

	call->step = ANSWERING;
	start(call, ops, ELEMENTSOF(ops) - call->hold);
	grpc_byte_buffer_destroy(message);
}

/* The first time: from then on the call rests, and is sent its message when it is its part's turn.
 */
static void begin_repeating(struct call *call)
{
	const grpc_op ops[] = {
		{ .op = GRPC_OP_SEND_INITIAL_METADATA },
		{ .op = GRPC_OP_SEND_MESSAGE, .data.send_message.send_message = call->message },
	};

	call->step = REPEATING;
	start(call, ops, ELEMENTSOF(ops));
}

static void repeat(struct call *call)
{
	const grpc_op op = { .op = GRPC_OP_SEND_MESSAGE,
			     .data.send_message.send_message = call->message };

	start(call, &op, 1);
}

/* A call that has joined a part stays in it. */
static void rest(struct call *call)
{
	pthread_mutex_lock(&lock);
	if (call->part < 0)
		call->part = (int)(next_part++ % ECHO_REPEAT_PARTS);
	call->next = resting[call->part];
	resting[call->part] = call;
	pthread_mutex_unlock(&lock);
}

static void *beat(void *userdata)
{
	for (unsigned part = 0;; part = (part + 1) % ECHO_REPEAT_PARTS) {
		struct call *call;

		usleep(ECHO_REPEAT_USEC / ECHO_REPEAT_PARTS);
		pthread_mutex_lock(&lock);
		call = TAKE(resting[part]);
		pthread_mutex_unlock(&lock);
		while (call) {
			struct call *next = call->next;

			repeat(call);
			call = next;
		}
	}
	return userdata;
}

static void end(struct call *call)
{
	if (call->message)
		grpc_byte_buffer_destroy(call->message);
	grpc_call_unref(call->grpc);
	free(call);
}

static void proceed(struct call *call, bool success)
{
	if (call->step == REQUESTED_CALL) {
		request();
		read_message(call);
	} else if (call->step == READING && call->message) {
		if (call->repeat)
			begin_repeating(call);
		else
			answer(call);
	} else if (call->step == REPEATING && success) {
		rest(call);
	} else {
		end(call);
	}
}

static grpc_event next_event(void)
{
	return grpc_completion_queue_next(queue, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
}

static void *serve(void *userdata)
{
	grpc_event event;

	while ((event = next_event()).type == GRPC_OP_COMPLETE)
		proceed(event.tag, event.success);
	return userdata;
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, SOMAXCONN) < 0)
		return -1;
	return fd;
}

static void accept_all(int listener)
{
	grpc_server_credentials *insecure = grpc_insecure_server_credentials_create();
	int fd;

	while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
		grpc_server_add_channel_from_fd(server, fd, insecure);
}

int main(int argc, char *argv[])
{
	const struct rpc_core core = { .limits = rpc_limits_default };
	grpc_resource_quota *quota;
	pthread_t thread;
	int listener;

	if (argc != 2)
		return 2;
	grpc_init();
	quota = grpc_resource_quota_create(NULL);
	grpc_resource_quota_resize(quota, QUOTA_BYTES);
	queue = grpc_completion_queue_create_for_next(NULL);
	server = face_make_server(&core, quota);
	grpc_server_register_completion_queue(server, queue, NULL);
	grpc_server_start(server);
	for (int i = 0; i < REQUESTED; i++)
		request();
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread, NULL, serve, NULL) != 0)
			return 1;
	if (pthread_create(&thread, NULL, beat, NULL) != 0)
		return 1;
	listener = listen_at(argv[1]);
	if (listener >= 0)
		accept_all(listener);
	fprintf(stderr, "bench echo: %s: %m\n", argv[1]);
	return 1;
}
