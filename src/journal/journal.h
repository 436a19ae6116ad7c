/*
 * The journal as streams of log records.
 *
 * One thread follows the live journal for all streams; a few worker threads serve streams that
 * start in the past or have fallen behind, each from its own position, until they have caught up
 * and join the live reader. A stream is about one indexer, by uid (the record's INDEXER_UID=
 * field), so an earlier indexer of the same id has other logs; or about one and all below it, by
 * the same uid in their lineages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/loop_queue.h"
#include "journal/cursor.h"
#include "model/id.h"
#include "model/indexer.h"
#include "model/level.h"

struct journal;
struct log_stream;

/* Which journal is read. Its strings are copied, or outlive what reads it. */
struct journal_source {
	const char *directory; /* NULL: the system's; or a journal directory (tests) */
	/* Where indexers' lines go, in the system's journal: NULL is where PID 1's records are. */
	const char *log_namespace;
};

/* The numbers are those of LogEvent in the API. */
enum log_event {
	LOG_LINE = 0,
	LOG_STARTED = 1, /* an invocation of the unit begins */
	LOG_EXITED = 2,	 /* it has ended, and no process of it is left */
	LOG_LOST = 3,	 /* lines that were written are not in the journal */
	LOG_DELETED = 4, /* the indexer is gone; its last record */
};

struct log_query {
	char uid[ID128_TEXT_MAX];
	char id[ID_MAX];  /* "": no events of its unit */
	bool recursive;	  /* and of all that are below it at the time, in the journal's order */
	enum level level; /* minimum; LEVEL_UNKNOWN is everything. Events always pass */
	uint64_t since;	  /* microseconds since the epoch; 0: from the first record on */
	int32_t tail;	  /* the last N lines that pass the level; 0: all. `since` and `tail`
			     together: both hold */
	struct log_mark after; /* where an earlier stream ended, if it is set; without the others */
	bool follow;
};

/*
 * The longest content of a record: what one writer can make a reader hold, and each queue to a
 * client; what is longer is cut. indexer-exec splits lines before, at 48 KB. On the wire each byte
 * may become three, and clients take 4 MiB.
 */
#define LOG_CONTENT_MAX (64 * 1024)

/* One record, lent for the duration of the call. */
struct log_record {
	const char *id; /* the indexer's; of a recursive stream, that of the one that it is about */
	enum log_event event;
	enum level level;    /* LEVEL_UNKNOWN: an event has none */
	const char *content; /* not terminated; may be any bytes but never NUL-checked: see rpc */
	size_t content_size;
	uint64_t time;	      /* of the journal's receipt, microseconds since the epoch */
	uint64_t lost;	      /* of LOG_LOST: how many lines */
	struct log_mark mark; /* what a stream has been given with this record */
};

/*
 * Where a stream's records go. Both are called on a journal thread, never two at once for one
 * stream, and never after log_stream_close() has returned. They must not block and must not call
 * log_stream_close().
 */
struct log_sink {
	/*
	 * Takes one record and returns 0, or returns -EAGAIN without taking it: the stream is then
	 * parked, keeping no more than a cursor, until log_stream_resume().
	 */
	int (*record)(const struct log_record *record, void *userdata);
	/*
	 * The stream is over: 0 when all records were given (follow is false, or finish was
	 * called), or a negative errno (-EACCES: the journal cannot be read). Called once at most.
	 */
	void (*end)(int error, void *userdata);
	/* A batch of record() calls is over for now: a good moment to flush. May be NULL. */
	void (*flush)(void *userdata);
};

/*
 * Starts the threads. Of the system's journal all namespaces are read: what was written before the
 * present one was chosen is found, too. Returns 0 or a negative errno; an unreadable journal is not
 * an error here but of each stream.
 */
int journal_new(const struct journal_source *source, struct journal **ret);

/*
 * An indexer is there: at the start, and before its unit is started for the first time. `lineage`
 * as in lineage.h, `created` in microseconds since the epoch. 0 or -ENOMEM. Any thread.
 */
int journal_add_indexer(struct journal *journal, const char *id, const char *lineage,
			uint64_t created);

/*
 * It is about to be gone, and the journal is to have that for good before the registry forgets it:
 * LOG_DELETED of recursive streams. `is_again` where the same may have been asked for before, by a
 * daemon that was killed; streams are given one event of an indexer nevertheless. The item is
 * posted to the queue when journald has taken it in, or has not in 5 s. 0, or a negative errno, and
 * then nothing is posted. Any thread; does not block.
 */
int journal_put_deletion(struct journal *journal, const char *id, bool is_again,
			 struct loop_queue *queue, struct loop_item *item);

/* Nothing is posted any more when this returns, after 5 s at most. */
void journal_end_deletions(struct journal *journal);

/* It is gone, and the id is free. Before log_stream_finish() of its streams. Any thread. */
void journal_remove_indexer(struct journal *journal, const char *id);

/* Stops the threads and frees; all streams must be closed. Takes NULL, returns NULL. */
struct journal *journal_free(struct journal *journal);

/* Opens a stream; delivery begins at once on a journal thread. 0 or -ENOMEM. Any thread. */
int log_stream_open(struct journal *journal, const struct log_query *query,
		    const struct log_sink *sink, void *userdata, struct log_stream **ret);

/* The sink has room again. Any thread, any time; may come before record() has returned -EAGAIN. */
void log_stream_resume(struct log_stream *stream);

/*
 * No more records will be written for this uid, which was removed at this time (CLOCK_REALTIME,
 * microseconds): end after what is there. journald is asked to write down what came up to `since`
 * (CLOCK_MONOTONIC, microseconds), once for all streams: one that is opened later than that is told
 * the same moment. Any thread.
 */
void log_stream_finish(struct log_stream *stream, uint64_t removed, uint64_t since);

/*
 * Closes and frees; waits for a callback that is under way. Takes NULL, returns NULL. Any thread
 * but a journal thread inside a callback of this stream.
 */
struct log_stream *log_stream_close(struct log_stream *stream);

/*
 * How the unit's last invocation in this boot ended, as PID 1 wrote it down: its last EXIT_CODE=,
 * EXIT_STATUS= and UNIT_RESULT=. By the unit and not by an invocation, since systemd may have
 * started others while nobody looked. Returns 1 with *ret filled, 0 where the journal has none, or
 * a negative errno. Blocks on the disk: at start-up, or on a journal thread.
 */
int journal_find_exit(const char *directory, const char *unit, struct exit_record *ret);
