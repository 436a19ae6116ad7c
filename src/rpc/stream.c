/*
 * Streams; see stream.h. Who has stalled is found by stalls.c.
 *
 * A message that has another one behind it in our own queue goes out with gRPC's buffer hint, so
 * that many share one write; the last never does, because gRPC would keep it. Nor does anything go
 * out before the initial metadata has: together with the hint that would never complete.
 *
 * Locks are taken in the order list or stalls', stream, call.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/grpc-message.h"
#include "common/util.h"
#include "rpc/stalls.h"
#include "rpc/stream.h"

#define QUEUE_BYTES_MAX	   (2 * 1024 * 1024)
#define QUEUE_BYTES_MIN	   (32 * 1024) /* each has that, however much the others have, */
#define QUEUE_BYTES_FIRST  (4 * 1024)  /* but for one that has stalled: it begins with this */
#define QUEUE_MESSAGES_MAX 16384
#define FLUSH_MESSAGES	   64 /* as many go out together where the producer has not flushed */
#define RING_MIN	   16
#define RING_KEPT	   64 /* an empty queue keeps no more than this */
#define MESSAGE_OVERHEAD   64 /* what a message costs besides its bytes */

struct stream {
	atomic_uint refs;
	struct call *call;
	const struct stream_handler *handler;
	void *userdata;
	struct tag sent;
	TAILQ_ENTRY(stream) link; /* guarded by the list's lock */
	struct stall stall;	  /* the stalls' */

	pthread_mutex_t lock; /* guards the rest */
	grpc_slice *ring;     /* capacity is a power of two */
	size_t capacity, head, n, bytes;
	size_t window;	 /* what the queue may hold where the others leave room */
	size_t burst;	 /* how many more go out without waiting for company */
	uint64_t handed; /* bytes that gRPC has been handed, */
	grpc_slice last; /* and the last message of that, while it is in flight */
	bool unflushed;	 /* the producer is in the middle of something */
	bool sending;	 /* a batch is in flight */
	bool wants_room; /* has_room() was false */
	bool stalled;	 /* nothing is taken until rpc_stream_restart() */
	bool ended;	 /* nothing more is put */
	bool finished;	 /* the status is on its way */
	bool closed;
	const struct refusal *end; /* NULL: OK */
	struct refusal end_words;
};

struct stream *rpc_stream_ref(struct stream *stream)
{
	atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
	return stream;
}

struct stream *rpc_stream_unref(struct stream *stream)
{
	if (!stream || atomic_fetch_sub(&stream->refs, 1) > 1)
		return NULL;
	assert(stream->n == 0);
	stream->handler->free(stream->userdata);
	refusal_clear(&stream->end_words);
	pthread_mutex_destroy(&stream->lock);
	call_unref(stream->call);
	free(stream->ring);
	free(stream);
	return NULL;
}

struct call *rpc_stream_call(const struct stream *stream)
{
	return stream->call;
}

void *rpc_stream_userdata(const struct stream *stream)
{
	return stream->userdata;
}

static void count_bytes(struct stream *stream, const grpc_slice *message, bool add)
{
	size_t size = GRPC_SLICE_LENGTH(*message) + MESSAGE_OVERHEAD;
	atomic_size_t *total = &call_core(stream->call)->queued;

	if (add) {
		stream->bytes += size;
		atomic_fetch_add_explicit(total, size, memory_order_relaxed);
	} else {
		stream->bytes -= size;
		atomic_fetch_sub_explicit(total, size, memory_order_relaxed);
	}
}

static int grow_locked(struct stream *stream)
{
	size_t capacity = stream->capacity ? 2 * stream->capacity : RING_MIN;
	grpc_slice *ring = malloc(capacity * sizeof(*ring));

	if (!ring)
		return -ENOMEM;
	for (size_t i = 0; i < stream->n; i++)
		ring[i] = stream->ring[(stream->head + i) & (stream->capacity - 1)];
	free(stream->ring);
	stream->ring = ring;
	stream->capacity = capacity;
	stream->head = 0;
	return 0;
}

static grpc_slice pop_locked(struct stream *stream)
{
	grpc_slice message = stream->ring[stream->head];

	stream->head = (stream->head + 1) & (stream->capacity - 1);
	stream->n--;
	count_bytes(stream, &message, false);
	if (stream->n == 0 && stream->capacity > RING_KEPT) {
		free(TAKE(stream->ring));
		stream->capacity = stream->head = 0;
	}
	return message;
}

/*
 * Whether the next message may go out. While the producer is at it, messages wait for one another:
 * one by one they would cost a system call and two changes of thread each.
 */
static bool may_send_locked(struct stream *stream)
{
	if (stream->burst == 0 && (stream->n >= FLUSH_MESSAGES || !stream->unflushed ||
				   stream->wants_room || stream->ended))
		stream->burst = stream->n;
	return stream->burst > 0;
}

/*
 * What goes out next. It is decided with the lock held and done without it: what gRPC does
 * meanwhile takes longer than the producer needs for several messages.
 */
struct step {
	enum { STEP_NOTHING, STEP_SEND, STEP_FINISH } kind;
	grpc_slice message;
	bool more_follows;
};

/* The next message, or the status when there is none left; nothing while one is in flight. */
static struct step next_step_locked(struct stream *stream)
{
	struct step step = { .kind = STEP_NOTHING };

	if (stream->closed || stream->sending || stream->finished)
		return step;
	if (stream->n > 0 && may_send_locked(stream)) {
		step.kind = STEP_SEND;
		step.message = pop_locked(stream);
		step.more_follows = stream->n > 0;
		stream->burst--;
		stream->handed += GRPC_SLICE_LENGTH(step.message);
		stream->last = grpc_slice_ref(step.message);
		stream->sending = true;
	} else if (stream->n == 0 && stream->ended) {
		step.kind = STEP_FINISH;
		stream->finished = true;
	}
	return step;
}

/* The caller has a reference. Where the call is over, its close is on its way and clears the rest.
 */
static void take_step(struct stream *stream, const struct step *step)
{
	if (step->kind == STEP_FINISH)
		call_finish(stream->call, stream->end);
	if (step->kind != STEP_SEND)
		return;
	rpc_stream_ref(stream); /* for the batch */
	if (!call_send(stream->call, step->message, step->more_follows, &stream->sent))
		rpc_stream_unref(stream);
}

/*
 * What the queue may hold. Less where others have used up the total, but not so little that its
 * producer would begin anew for each message: that can cost a thousand times what the message does.
 */
static size_t allowance(const struct stream *stream)
{
	struct rpc_core *core = call_core(stream->call);
	size_t total = atomic_load_explicit(&core->queued, memory_order_relaxed);

	return total < core->limits.stream_bytes ? stream->window
						 : MIN(stream->window, (size_t)QUEUE_BYTES_MIN);
}

/* The queue is half empty and somebody waits for that. */
static bool take_room_locked(struct stream *stream)
{
	bool room = stream->wants_room && stream->bytes <= allowance(stream) / 2 &&
		    stream->n <= QUEUE_MESSAGES_MAX / 2;

	if (!room)
		return false;
	stream->wants_room = false;
	if (!stream->stalled)
		stream->window = MIN(2 * stream->window, (size_t)QUEUE_BYTES_MAX);
	return true;
}

static void drop_last_locked(struct stream *stream)
{
	grpc_slice_unref(stream->last);
	stream->last = grpc_empty_slice();
}

static void on_sent(struct tag *tag, bool success)
{
	struct stream *stream = CONTAINER_OF(tag, struct stream, sent);
	struct call *call = stream->call;
	struct step step;
	bool room;

	(void)success; /* where it failed, the call's close is on its way */
	pthread_mutex_lock(&stream->lock);
	stream->sending = false;
	drop_last_locked(stream);
	step = next_step_locked(stream);
	room = take_room_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	take_step(stream, &step);
	if (room && stream->handler->room)
		stream->handler->room(stream->userdata);
	rpc_stream_unref(stream);
	call_batch_done(call); /* the batch has kept the call until here */
}

static void drop_queue_locked(struct stream *stream)
{
	while (stream->n > 0)
		grpc_slice_unref(pop_locked(stream));
}

static void on_closed(struct call *call, void *userdata)
{
	struct stream *stream = userdata;
	struct rpc_core *core = call_core(call);

	pthread_mutex_lock(&core->streams_lock);
	TAILQ_REMOVE(&core->open_streams, stream, link);
	pthread_mutex_unlock(&core->streams_lock);

	pthread_mutex_lock(&stream->lock);
	stream->closed = true;
	drop_queue_locked(stream);
	drop_last_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	if (stream->handler->closed)
		stream->handler->closed(stream->userdata);
	rpc_stream_unref(stream);
}

int rpc_stream_open(struct call *call, const struct stream_handler *handler, void *userdata,
		    struct stream **ret)
{
	struct stream *stream = calloc(1, sizeof(*stream));
	struct rpc_core *core = call_core(call);

	if (!stream)
		return -ENOMEM;
	stream->refs = 3; /* the caller's, the call's until it is closed, the first batch's */
	stream->call = call_ref(call);
	stream->handler = handler;
	stream->userdata = userdata;
	stream->sent.run = on_sent;
	stream->sending = true; /* the initial metadata */
	stream->last = grpc_empty_slice();
	stream->window = QUEUE_BYTES_MAX;
	pthread_mutex_init(&stream->lock, NULL);
	*ret = stream; /* before others find it: its handler may be called from then on */
	pthread_mutex_lock(&core->streams_lock);
	TAILQ_INSERT_TAIL(&core->open_streams, stream, link);
	pthread_mutex_unlock(&core->streams_lock);
	if (!call_open(call, on_closed, &stream->sent, stream)) {
		on_closed(call, stream);
		rpc_stream_unref(stream);
	}
	return 0;
}

bool rpc_stream_has_room(struct stream *stream)
{
	bool room;

	pthread_mutex_lock(&stream->lock);
	room = stream->closed || (!stream->stalled && stream->n < QUEUE_MESSAGES_MAX &&
				  stream->bytes < allowance(stream));
	stream->wants_room |= !room;
	pthread_mutex_unlock(&stream->lock);
	return room;
}

/* Whether there is a place for one more message; a stream that would lose it ends. */
static bool make_place_locked(struct stream *stream)
{
	if (stream->closed || stream->ended || stream->stalled)
		return false;
	if (stream->n < stream->capacity || grow_locked(stream) >= 0)
		return true;
	stream->ended = true; /* after what is in the queue */
	stream->end = &refusal_out_of_memory;
	return false;
}

void rpc_stream_put(struct stream *stream, grpc_slice message)
{
	struct step step;
	bool much;

	pthread_mutex_lock(&stream->lock);
	if (make_place_locked(stream)) {
		stream->ring[(stream->head + stream->n) & (stream->capacity - 1)] = message;
		stream->n++;
		count_bytes(stream, &message, true);
		stream->unflushed = true;
	} else {
		grpc_slice_unref(message);
	}
	step = next_step_locked(stream);
	much = stream->bytes > STALL_BYTES;
	pthread_mutex_unlock(&stream->lock);
	take_step(stream, &step);
	if (much && stream->handler->stalled)
		stalls_watch(call_core(stream->call)->stalls, stream, &stream->stall);
}

void rpc_stream_flush(struct stream *stream)
{
	struct step step;

	pthread_mutex_lock(&stream->lock);
	stream->unflushed = false;
	step = next_step_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	take_step(stream, &step);
}

void rpc_stream_put_message(struct stream *stream, const ProtobufCMessage *message)
{
	rpc_stream_put(stream, message_slice(message));
	rpc_stream_flush(stream);
}

static const struct refusal *keep_words(struct stream *stream, const struct refusal *refusal)
{
	return refusal_copy(refusal, &stream->end_words) == 0 ? &stream->end_words
							      : &refusal_out_of_memory;
}

static void end(struct stream *stream, const struct refusal *refusal, bool of_producer)
{
	struct step step;

	pthread_mutex_lock(&stream->lock);
	/* The producer of one that has stalled begins anew, and comes to its end again. */
	if (!stream->ended && !stream->closed && !(of_producer && stream->stalled)) {
		stream->ended = true;
		stream->end = refusal ? keep_words(stream, refusal) : NULL;
	}
	step = next_step_locked(stream);
	pthread_mutex_unlock(&stream->lock);
	take_step(stream, &step);
}

void rpc_stream_end(struct stream *stream, const struct refusal *refusal)
{
	end(stream, refusal, true);
}

/* --- stalls -------------------------------------------------------------------------------- */

size_t rpc_stream_backlog(struct stream *stream, uint64_t *handed)
{
	size_t bytes;

	pthread_mutex_lock(&stream->lock);
	*handed = stream->handed;
	bytes = stream->bytes;
	pthread_mutex_unlock(&stream->lock);
	return bytes;
}

/* Whether the client has read since it stalled, and nobody has begun anew. */
static bool is_read_again(struct stream *stream)
{
	bool read;

	pthread_mutex_lock(&stream->lock);
	read = stream->stalled && !stream->sending && !stream->closed;
	pthread_mutex_unlock(&stream->lock);
	return read;
}

size_t rpc_stream_stall(struct stream *stream)
{
	grpc_slice last = grpc_empty_slice();
	size_t dropped = 0;

	pthread_mutex_lock(&stream->lock);
	/* What it ends with in words is not to be found again by its producer. */
	if (!stream->closed && stream->sending && stream->n > 0 &&
	    !(stream->ended && stream->end)) {
		dropped = stream->bytes;
		drop_queue_locked(stream);
		stream->burst = 0;
		stream->window = QUEUE_BYTES_FIRST;
		stream->ended = false;
		stream->stalled = stream->wants_room = true;
		last = grpc_slice_ref(stream->last);
	}
	pthread_mutex_unlock(&stream->lock);
	if (dropped > 0) {
		stream->handler->stalled(last, stream->userdata);
		/* The room of that may have come before, when the producer could not use it. */
		if (is_read_again(stream))
			stream->handler->room(stream->userdata);
	}
	grpc_slice_unref(last);
	return dropped;
}

void rpc_stream_restart(struct stream *stream)
{
	pthread_mutex_lock(&stream->lock);
	stream->stalled = false;
	pthread_mutex_unlock(&stream->lock);
}

/* --- all of them ------------------------------------------------------------------------------ */

void streams_indexer_removed(struct rpc_core *core, const char *uid)
{
	struct stream *stream;

	pthread_mutex_lock(&core->streams_lock);
	TAILQ_FOREACH(stream, &core->open_streams, link)
	if (stream->handler->removed)
		stream->handler->removed(uid, stream->userdata);
	pthread_mutex_unlock(&core->streams_lock);
}

void streams_stop(struct rpc_core *core)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct stream *stream;

	if (refuse(&refusal, CODE_UNAVAILABLE, "SHUTTING_DOWN", NULL,
		   "indexerd is shutting down; indexers keep running, call again later") != REFUSED)
		return;
	refusal.retry_after_usec = USEC_PER_SEC;
	pthread_mutex_lock(&core->streams_lock);
	TAILQ_FOREACH(stream, &core->open_streams, link)
	{
		if (stream->handler->stopping)
			stream->handler->stopping(stream->userdata);
		end(stream, &refusal, false);
	}
	pthread_mutex_unlock(&core->streams_lock);
}
