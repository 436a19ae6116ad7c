/*
 * Calls; see call.h.
 *
 * A unary call is two batches: its message is received; then initial metadata, message and status
 * are sent, and the client's close is received with them. Only a call that waits (for the main
 * loop, or because it is a stream) asks for the close in a batch of its own, to learn early that
 * nobody listens any more.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/grpc-message.h"
#include "common/log.h"
#include "common/util.h"
#include "rpc/admit.h"
#include "rpc/call.h"
#include "rpc/status.h"
#include "rpc/wire.h"

#define OPS_MAX 4

struct call {
	atomic_uint refs;
	struct face *face;
	const struct method *method;
	bool counted, refused; /* of the caller's calls; on its way out since it came */

	pthread_rwlock_t ending; /* written to start the status, read to start a message */
	pthread_mutex_t lock;	 /* guards the next five */
	grpc_call *grpc;	 /* NULL when given back */
	unsigned batches;	 /* in flight */
	bool metadata_sent, watched, finished;
	bool closed; /* the client's close has been received */

	struct tag on_message, on_close, on_finish;
	grpc_byte_buffer *incoming;
	int cancelled; /* written by gRPC; nobody's cancel matters more than the close itself */
	grpc_metadata details;

	bool waiting; /* in the list of those whose request has not come; its lock guards these */
	uint64_t waiting_since;
	TAILQ_ENTRY(call) link;

	struct arena arena;
	void *userdata;
	void (*on_closed)(struct call *call, void *userdata);
	struct loop_item item;
	void (*on_loop)(struct call *call);
};

struct call *call_ref(struct call *call)
{
	atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
	return call;
}

struct call *call_unref(struct call *call)
{
	if (!call || atomic_fetch_sub(&call->refs, 1) > 1)
		return NULL;
	assert(!call->grpc);
	if (call->counted)
		face_leave(call->face, call->method->is_stream);
	if (call->refused)
		face_leave_refused(call->face);
	arena_clear(&call->arena);
	pthread_rwlock_destroy(&call->ending);
	pthread_mutex_destroy(&call->lock);
	face_unref(call->face);
	free(call);
	return NULL;
}

const struct caller *call_caller(const struct call *call)
{
	return face_caller(call->face);
}

struct rpc_core *call_core(const struct call *call)
{
	return face_core(call->face);
}

struct arena *call_arena(struct call *call)
{
	return &call->arena;
}

void call_set_userdata(struct call *call, void *userdata)
{
	call->userdata = userdata;
}

void *call_userdata(const struct call *call)
{
	return call->userdata;
}

/* Counts a batch, with a reference for it, unless the call is over. The lock is held. */
static bool begin_batch_locked(struct call *call)
{
	if (call->closed || !call->grpc)
		return false;
	call->batches++;
	call_ref(call);
	return true;
}

static bool start_batch(struct call *call, const grpc_op *ops, size_t n, struct tag *tag)
{
	queue_hand_over(tag);
	if (grpc_call_start_batch(call->grpc, ops, n, tag, NULL) == GRPC_CALL_OK)
		return true;
	log_error("%s: gRPC refuses a batch", call->method ? call->method->path : "?");
	return false;
}

/* Starts a batch, unless the call is over. The lock is held. */
static bool start_batch_locked(struct call *call, const grpc_op *ops, size_t n, struct tag *tag)
{
	if (!begin_batch_locked(call))
		return false;
	if (start_batch(call, ops, n, tag))
		return true;
	call->batches--;
	call_unref(call); /* the caller has one of its own */
	return false;
}

/* A batch is over; `closes` where it received the client's close. Drops the batch's reference. */
static void batch_done(struct call *call, bool closes)
{
	grpc_call *grpc = NULL;

	pthread_mutex_lock(&call->lock);
	call->batches--;
	call->closed |= closes;
	if (call->closed && call->batches == 0)
		grpc = TAKE(call->grpc);
	pthread_mutex_unlock(&call->lock);
	if (grpc) {
		grpc_call_unref(grpc);
		face_close(call->face);
	}
	call_unref(call);
}

void call_batch_done(struct call *call)
{
	batch_done(call, false);
}

static void on_finish(struct tag *tag, bool success)
{
	struct call *call = CONTAINER_OF(tag, struct call, on_finish);

	(void)success;
	grpc_slice_unref(call->details.value);
	batch_done(call, !call->watched);
}

static void on_close(struct tag *tag, bool success)
{
	struct call *call = CONTAINER_OF(tag, struct call, on_close);

	(void)success;
	pthread_mutex_lock(&call->lock);
	call->closed = true; /* before the stream's own end: it starts no batch any more */
	pthread_mutex_unlock(&call->lock);
	if (call->on_closed)
		call->on_closed(call, call->userdata);
	batch_done(call, true);
}

static grpc_op recv_close_op(struct call *call)
{
	return (grpc_op){ .op = GRPC_OP_RECV_CLOSE_ON_SERVER,
			  .data.recv_close_on_server.cancelled = &call->cancelled };
}

/* Asks for the client's close. The lock is held. */
static bool watch_locked(struct call *call)
{
	const grpc_op op = recv_close_op(call);

	call->watched = true;
	return start_batch_locked(call, &op, 1, &call->on_close);
}

/* Appends the status; its message and details stay valid until the batch is over. */
static grpc_op status_op(struct call *call, const struct refusal *refusal, grpc_slice *message)
{
	grpc_op op = { .op = GRPC_OP_SEND_STATUS_FROM_SERVER };

	if (!refusal)
		return op;
	op.data.send_status_from_server.status = (grpc_status_code)refusal->code;
	*message = grpc_slice_from_copied_string(refusal->message);
	op.data.send_status_from_server.status_details = message;
	if (status_details(refusal, &call->details.value) == 0) {
		call->details.key = grpc_slice_from_static_string(STATUS_DETAILS_KEY);
		op.data.send_status_from_server.trailing_metadata = &call->details;
		op.data.send_status_from_server.trailing_metadata_count = 1;
	}
	return op;
}

/* Sends what is left of the answer, once: the metadata, a message where there is one, the status.
 */
static void finish(struct call *call, grpc_byte_buffer *message, const struct refusal *refusal)
{
	grpc_slice words = grpc_empty_slice();
	grpc_op ops[OPS_MAX];
	size_t n = 0;

	/* A client's bad message may end its stream while another thread sends: see call_send(). */
	pthread_rwlock_wrlock(&call->ending);
	pthread_mutex_lock(&call->lock);
	if (!call->finished && !call->closed) {
		call->finished = true;
		if (!call->metadata_sent)
			ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_INITIAL_METADATA };
		if (message)
			ops[n++] = (grpc_op){ .op = GRPC_OP_SEND_MESSAGE,
					      .data.send_message.send_message = message };
		ops[n++] = status_op(call, refusal, &words);
		if (!call->watched)
			ops[n++] = recv_close_op(call);
		start_batch_locked(call, ops, n, &call->on_finish);
	}
	pthread_mutex_unlock(&call->lock);
	pthread_rwlock_unlock(&call->ending);
	grpc_slice_unref(words);
}

void call_reply(struct call *call, const ProtobufCMessage *message)
{
	grpc_byte_buffer *buffer = message_buffer(message);

	finish(call, buffer, NULL);
	grpc_byte_buffer_destroy(buffer);
}

void call_finish(struct call *call, const struct refusal *refusal)
{
	finish(call, NULL, refusal);
}

void call_answer(struct call *call, int r, struct refusal *refusal)
{
	if (r == 0)
		return;
	if (r < 0)
		r = status_from_errno(r, call->method ? call->method->path : "?", refusal);
	/* There is always an answer. */
	call_finish(call, r == REFUSED ? refusal : &refusal_out_of_memory);
}

static void run_on_loop(struct loop_item *item)
{
	struct call *call = CONTAINER_OF(item, struct call, item);

	call->on_loop(call);
}

void call_to_loop(struct call *call, void (*run)(struct call *call))
{
	pthread_mutex_lock(&call->lock);
	watch_locked(call);
	pthread_mutex_unlock(&call->lock);
	call->on_loop = run;
	call->item.run = run_on_loop;
	call_ref(call);
	loop_queue_post(call_core(call)->loop, &call->item);
}

bool call_open(struct call *call, void (*closed)(struct call *call, void *userdata),
	       struct tag *sent, void *userdata)
{
	const grpc_op op = { .op = GRPC_OP_SEND_INITIAL_METADATA };
	bool ok;

	pthread_mutex_lock(&call->lock);
	call->on_closed = closed;
	call->userdata = userdata;
	call->metadata_sent = true;
	ok = start_batch_locked(call, &op, 1, sent);
	if (ok)
		watch_locked(call);
	pthread_mutex_unlock(&call->lock);
	return ok;
}

bool call_send(struct call *call, grpc_slice message, bool more_follows, struct tag *sent)
{
	grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&message, 1);
	const grpc_op op = { .op = GRPC_OP_SEND_MESSAGE,
			     .flags = more_follows ? GRPC_WRITE_BUFFER_HINT : 0,
			     .data.send_message.send_message = buffer };
	bool ok;

	grpc_slice_unref(message);
	/* gRPC takes no message beside or behind the status. */
	pthread_rwlock_rdlock(&call->ending);
	pthread_mutex_lock(&call->lock);
	ok = !call->finished && begin_batch_locked(call);
	pthread_mutex_unlock(&call->lock);
	/* Without the lock, for which the batch's end would wait: it may come at once. */
	if (ok && !start_batch(call, &op, 1, sent)) {
		batch_done(call, false);
		ok = false;
	}
	pthread_rwlock_unlock(&call->ending);
	grpc_byte_buffer_destroy(buffer);
	return ok;
}

/* Puts a call whose first message is awaited into the list, or takes it out. */
static void set_waiting(struct call *call, bool waiting)
{
	struct rpc_core *core = call_core(call);

	pthread_mutex_lock(&core->waiting_lock);
	if (waiting && !call->waiting) {
		call->waiting_since = now_usec(CLOCK_MONOTONIC_COARSE);
		TAILQ_INSERT_TAIL(&core->waiting, call, link);
		atomic_fetch_add(&core->n_waiting, 1);
	} else if (!waiting && call->waiting) {
		TAILQ_REMOVE(&core->waiting, call, link);
		atomic_fetch_sub(&core->n_waiting, 1);
	}
	call->waiting = waiting;
	pthread_mutex_unlock(&core->waiting_lock);
}

bool call_receive(struct call *call)
{
	const grpc_op op = { .op = GRPC_OP_RECV_MESSAGE,
			     .data.recv_message.recv_message = &call->incoming };
	bool ok;

	pthread_mutex_lock(&call->lock);
	ok = start_batch_locked(call, &op, 1, &call->on_message);
	pthread_mutex_unlock(&call->lock);
	return ok;
}

/* Unpacks a message that has passed the walk, and hands it to the method. */
static int run_method(struct call *call, const uint8_t *data, size_t size, struct refusal *refusal)
{
	ProtobufCAllocator allocator = arena_allocator(&call->arena);
	ProtobufCMessage *request;
	int r;

	r = wire_check(call->method->request, data, size, refusal);
	if (r != 0)
		return r;
	request = protobuf_c_message_unpack(call->method->request, &allocator, size, data);
	if (!request)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "MESSAGE_MALFORMED", NULL,
			      "the message is not a valid %s", call->method->request->name);
	return call->method->run(call, request, refusal);
}

static int read_message(struct call *call, grpc_byte_buffer *buffer, struct refusal *refusal)
{
	grpc_slice slice;
	int r;

	if (!message_read(buffer, &slice))
		return refuse(refusal, CODE_INVALID_ARGUMENT, "MESSAGE_MALFORMED", NULL,
			      "the message cannot be read");
	arena_clear(&call->arena); /* of the message before, on a stream */
	r = run_method(call, GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice), refusal);
	grpc_slice_unref(slice);
	return r;
}

/*
 * No message came: the client half-closed, or its message was too large or broken. Then gRPC has
 * chosen the status already and ours is not sent, but the call must be ended all the same.
 */
static int end_without_message(struct call *call, struct refusal *refusal)
{
	if (call->method->half_closed) {
		if (call->metadata_sent)
			call->method->half_closed(call);
		else
			call_finish(call, NULL);
		return 0;
	}
	return refuse(refusal, CODE_INVALID_ARGUMENT, "MESSAGE_MISSING", NULL,
		      "the call carried no message");
}

static void on_message(struct tag *tag, bool success)
{
	struct call *call = CONTAINER_OF(tag, struct call, on_message);
	grpc_byte_buffer *buffer = TAKE(call->incoming);
	_cleanup_refusal_ struct refusal refusal = { 0 };
	int r;

	set_waiting(call, false);
	if (success && buffer)
		r = read_message(call, buffer, &refusal);
	else
		r = end_without_message(call, &refusal);
	call_answer(call, r, &refusal);
	if (r != 0 && call->metadata_sent && call->method->half_closed)
		call->method->half_closed(call); /* nothing more is read */
	if (buffer)
		grpc_byte_buffer_destroy(buffer);
	batch_done(call, false);
}

void call_start(struct face *face, grpc_call *grpc, grpc_slice path, size_t metadata_bytes)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct call *call = calloc(1, sizeof(*call));
	int r;

	if (!call) { /* the client's side sees a cancelled call */
		grpc_call_unref(grpc);
		face_close(face);
		return;
	}
	call->refs = 1;
	call->face = face_ref(face);
	call->grpc = grpc;
	call->on_message.run = on_message;
	call->on_close.run = on_close;
	call->on_finish.run = on_finish;
	pthread_rwlock_init(&call->ending, NULL);
	pthread_mutex_init(&call->lock, NULL);
	r = admit(face, path, metadata_bytes, &call->method, &refusal);
	if (r == 0) {
		call->counted = true;
		set_waiting(call, true);
		if (!call_receive(call))
			set_waiting(call, false);
	} else {
		call->refused = true;
		face_enter_refused(face);
		call_answer(call, r, &refusal);
	}
	call_unref(call);
}

uint64_t calls_sweep(struct rpc_core *core)
{
	uint64_t limit = core->limits.request_usec, age;
	struct call *call;

	while (atomic_load(&core->n_waiting) > 0) {
		pthread_mutex_lock(&core->waiting_lock);
		call = TAILQ_FIRST(&core->waiting);
		age = call ? now_usec(CLOCK_MONOTONIC_COARSE) - call->waiting_since : 0;
		if (!call || age < limit) {
			pthread_mutex_unlock(&core->waiting_lock);
			return call ? limit - age + USEC_PER_MSEC : UINT64_MAX;
		}
		TAILQ_REMOVE(&core->waiting, call, link);
		atomic_fetch_sub(&core->n_waiting, 1);
		call->waiting = false;
		call_ref(call); /* it was in the list, so its batch holds one */
		pthread_mutex_unlock(&core->waiting_lock);

		pthread_mutex_lock(&call->lock);
		if (call->grpc)
			grpc_call_cancel_with_status(call->grpc, GRPC_STATUS_DEADLINE_EXCEEDED,
						     "no request came in time", NULL);
		pthread_mutex_unlock(&call->lock);
		call_unref(call);
	}
	return UINT64_MAX;
}
