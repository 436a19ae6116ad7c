/*
 * What the threads of the journal share: the streams, and which thread each of them is with.
 *
 * A stream is always in one of the states below, which says whose its inner parts are. It moves so:
 *
 *   open -> QUEUED -> RUNNING -> JOINING -> LIVE       a worker catches up, the live reader takes
 * over
 *              ^---------'                             its time slice is over
 *              ^---------------------'----------'      there is too much left; finish was called
 *           PARKED <-'---------------'----------'      the sink refused; back to QUEUED by resume
 *           ENDED  <-'---------------'----------'      end() was called, or the stream was closed
 *
 * Handing over to the live reader loses nothing and repeats nothing, because it is done on the live
 * reader's own thread: while that stands still, the stream's own reader goes once more to the end,
 * and sees all that the live reader has seen but, perhaps, its last record: journald links a record
 * into the list of one field after the other, so it can be in the slice's list and not yet in the
 * uid's; but never two of them. What several lists hide from one another, reader.c looks for. So
 * the live reader gives its last record once more. Of that and of all that follows, what is not
 * behind the last record that the stream's own reader saw is left out.
 *
 * Lines are numbered, so each stream sees what it has not been given, and tells it as LOST; but
 * only when its own reader, opened anew, has not found it either. Where only lines of WARNING or
 * ERROR are asked for, it is their numbers among such lines that have no gap.
 *
 * A recursive stream keeps that for each indexer (counts.h). It is not read anew for one of them:
 * what is missing is looked for among that one's records alone, and given late (recount.c).
 *
 * Locks:
 *   journal->lock      states, flags, queue, inbox. Never held over a callback or the disk.
 *   stream->callback   held over each callback; `closed` is set under it, so that close waits for a
 *                      callback under way and none comes after it.
 * Whoever holds one of them takes no other one of them. A sink may take its own locks in a
 * callback; log_stream_resume() and log_stream_finish() may be called with these held,
 * log_stream_close() not.
 *
 * References: one is the owner's, until close; one is the journal's, in every state but PARKED and
 * ENDED.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/queue.h>

#include "journal/counts.h"
#include "journal/gaps.h"
#include "journal/notice.h"
#include "journal/reader.h"

/* Records that a stream catches up before it is another one's turn. */
#define SLICE_RECORDS 4096

/* And looks at single members of a tree, each with a reader of its own. */
#define SLICE_RECOUNTS 4

/*
 * Streams that keep their reader open between two slices; each has all journal files open, and an
 * inotify instance, of which a user has 128 by default.
 */
#define OPEN_READERS_MAX 16

/*
 * How long a stream that waits for its sink keeps its reader: longer than a sink that reads at all
 * makes it wait, and short, since an open reader keeps files that journald removed on the disk.
 */
#define PARKED_READER_USEC (1 * USEC_PER_SEC)

/*
 * A stream that has been going on, and for which no journal can be opened since descriptors or
 * inotify instances are all taken, tries again so often, and for so long.
 */
#define SHORT_RETRY_USEC (1 * USEC_PER_SEC)
#define SHORT_MAX_USEC	 (60 * USEC_PER_SEC)

/* Before the journal is opened anew that could not be read on (see step.h). */
#define GIVEN_UP_RETRY_USEC (100 * USEC_PER_MSEC)

#define WORKERS 2

/*
 * With a namespace: journald takes the time of a record, and then writes it down, while other
 * programs run on its processor or its files are rotated.
 */
#define SETTLE_USEC (100 * USEC_PER_MSEC)

enum stream_state {
	STREAM_QUEUED,	/* in the queue; nobody's */
	STREAM_RUNNING, /* a worker's */
	STREAM_JOINING, /* in the inbox or out of it: the live thread's */
	STREAM_LIVE,	/* the live thread's */
	STREAM_PARKED,	/* nobody's */
	STREAM_ENDED,	/* nobody's */
};

struct log_stream {
	struct journal *journal;
	struct log_query query;
	struct log_sink sink;
	void *userdata;
	uint64_t opened; /* CLOCK_MONOTONIC, microseconds */
	atomic_uint references;
	pthread_mutex_t callback;
	atomic_bool closed;
	atomic_uint_least64_t
		removed; /* when the indexer was (CLOCK_REALTIME), or the end of time */

	/* Under the journal's lock. */
	enum stream_state state;
	bool resumed;	   /* resume was called while it was not parked */
	bool finishing;	   /* finish was called, */
	uint64_t finished; /* with this time (CLOCK_MONOTONIC, microseconds) */
	bool in_inbox;
	uint64_t not_before;		    /* queued: a worker takes it from this time on */
	bool in_parked;			    /* parked, with a reader that is idle */
	uint64_t idle_at;		    /* until this time (CLOCK_MONOTONIC, microseconds) */
	TAILQ_ENTRY(log_stream) queue_link; /* of the queue, or of those parked */
	TAILQ_ENTRY(log_stream) inbox_link;

	/* The thread's that the state names; of one that is parked, the reader is under the lock.
	 */
	struct reader *reader;
	struct place place;
	struct log_mark given; /* as in counts.h, or, of a recursive stream, */
	struct counts *counts; /* those; NULL until its first record */
	unsigned recounts;     /* in this turn */
	bool unflushed;
	uint64_t doubted_invocation; /* the line before which some are missing, as it seems, */
	uint64_t doubted_line;
	unsigned doubts;      /* and how often it was looked for them anew */
	uint64_t short_since; /* when it first found no descriptor left; 0: it finds them */

	/* The live thread's. */
	bool skipping; /* records up to the place have been given by the stream's own reader */
	TAILQ_ENTRY(log_stream) live_link;
	TAILQ_ENTRY(log_stream) flush_link;
};

TAILQ_HEAD(stream_list, log_stream);

struct journal {
	struct journal_source source; /* owned strings */
	struct family *family;
	struct notices *notices;
	struct gaps *gaps;
	pthread_mutex_t lock;
	pthread_cond_t work; /* the queue has a stream, or the end has come */
	struct stream_list queue;
	struct stream_list parked; /* with an idle reader, the first parked first */
	struct stream_list inbox;  /* streams for the live thread to look at */
	atomic_bool inbox_filled;
	int inbox_fd; /* wakes the live thread */
	atomic_bool stopping;
	atomic_uint open_readers;
	atomic_size_t counts_memory; /* see counts.h */

	pthread_mutex_t sync_lock; /* one journald synchronisation at a time; a lock of its own */
	uint64_t synced;	   /* when the last one began that was completed */

	pthread_t workers[WORKERS], live;
	unsigned n_workers;
	bool has_live;
};

/* How long what two journalds write side by side is left to settle; 0 where there is one only. */
static inline uint64_t journal_settle_usec(const struct journal *journal)
{
	return journal->source.log_namespace ? SETTLE_USEC : 0;
}

/* --- stream.c: for the threads ------------------------------------------------------------ */

void stream_unref(struct log_stream *stream);

/* Calls the sink. 0, -EAGAIN where it refused, -ECANCELED where the stream has been closed. */
int stream_deliver(struct log_stream *stream, const struct log_record *record);

/* --- take.c: for the threads -------------------------------------------------------------- */

/*
 * Gives the stream the record that the reader has just read, if its query wants it, and before it a
 * LOG_LOST if there is a gap in the numbers. As stream_deliver(); or -ESTALE where lines are
 * missing that may yet be there: a new reader is to go on from the stream's place. Files that are
 * being renamed can be missed, and lists asked too early.
 */
int stream_take(struct log_stream *stream, struct reader *reader,
		const struct reader_record *record);

/*
 * Gives a recursive stream a line that had been passed over, behind what came instead. As
 * stream_deliver(); *given is then with the line.
 */
int stream_take_late(struct log_stream *stream, struct reader *reader, struct log_mark *given,
		     const struct reader_record *record);

/* Gives the last record of all, that the indexer is gone. As stream_deliver(). */
int stream_take_deleted(struct log_stream *stream);

/* --- stream.c, again: passing a stream on -------------------------------------------------- */

/* Calls the sink's flush() if there was a record since the last time. */
void stream_flush(struct log_stream *stream);

/*
 * Closes the stream's own reader, if it has one, and keeps its place; where that cannot be had, it
 * is behind the last record that was given.
 */
void stream_close_reader(struct log_stream *stream);

/* Closes it without, so that the next one begins behind the last record that was given. */
void stream_drop_reader(struct log_stream *stream);

/*
 * Gives up a stream that the calling thread holds: it goes to the queue (QUEUED), the live thread
 * (JOINING) or waits for its sink (PARKED); a closed one ends instead.
 */
void stream_release(struct log_stream *stream, enum stream_state next);

/* As stream_release(), and tells the sink: 0, or the negative errno that ended it. */
void stream_end(struct log_stream *stream, int error);

/* True from log_stream_finish() on. */
bool stream_is_finishing(struct log_stream *stream);

/*
 * Reads on with the stream's own reader, up to a slice. Returns 1 when there is more, 0 at the end,
 * -EAGAIN where the sink refused, -ECANCELED, or another negative errno.
 */
int stream_catch_up(struct log_stream *stream);

/* A stream that the calling thread is about to release to the queue is left there for a while. */
void stream_try_later(struct log_stream *stream);

/* Does what a result of stream_catch_up() other than 0, or of opening a reader, asks for. */
void stream_settle(struct log_stream *stream, int result);

/* --- recount.c: of a recursive stream, what is about one member alone ---------------------- */

/*
 * Finds out what the stream that was given the cursor, or those before it, had of the record's
 * indexer; nothing is known where the journal has none of it any more. 0 or a negative errno.
 */
int recount_before(struct log_stream *stream, const struct reader_record *record,
		   struct log_numbers *ret);

/*
 * Looks once more for the lines between those given of the record's indexer and this one, and gives
 * those that are there. As stream_deliver(), or another negative errno where it cannot be read.
 */
int recount_missing(struct log_stream *stream, struct log_mark *given,
		    const struct reader_record *record);

/* --- the threads: `journal` is the argument ----------------------------------------------- */

void *worker_thread(void *journal);
void *live_thread(void *journal);

/* Wakes the live thread; with the lock held or not. */
void live_wake(struct journal *journal);
