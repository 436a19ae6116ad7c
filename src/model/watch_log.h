/*
 * What changed, in its order, with each indexer in it once: what the watchers of one filter are
 * told.
 *
 * A change gives an indexer the next number and moves it to the end. A watcher keeps one number,
 * and a bit for each indexer that it knows; it is told of what has a higher number. So one that is
 * slow finds the states in between merged, and costs nothing more; one that begins is told of all
 * that is there.
 *
 * An indexer that has left stays in the log as a tombstone until every watcher that knows it has
 * been told. An indexer is known by its uid: another one of the same id is another one.
 *
 * Not locked; views are referenced.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/indexer.h"

struct watch_log;

/* The numbers are those of the API. */
enum watch_kind {
	WATCH_ADDED = 1,
	WATCH_MODIFIED = 2,
	WATCH_DELETED = 3,
	WATCH_SYNCED = 4, /* never in a log: the watcher's own, when it has come to the end */
};

struct watch_event {
	enum watch_kind kind;
	struct view *view; /* referenced; of DELETED the last one */
};

/* Where a watcher is. All zero is the beginning. */
struct watch_cursor {
	uint64_t seq;	 /* it has been told of all changes up to this one */
	uint64_t *known; /* a bit for each indexer that it knows */
	size_t n_words;
};

int watch_log_new(struct watch_log **ret);
struct watch_log *watch_log_free(struct watch_log *log);
DEFINE_CLEANUP(struct watch_log, watch_log_free);

/*
 * An indexer is as the view says; `matches` where it belongs to what is watched. 1 where that may
 * be news for a watcher, 0 where not, or -ENOMEM, with nothing changed.
 */
int watch_log_put(struct watch_log *log, struct view *view, bool matches);

/*
 * Something that is not in the views has changed where `mark` of one is another than it was at the
 * last call: it is told like any change; the first mark of one is not. True where there was any,
 * false also without memory: then it is found at the next call.
 */
bool watch_log_refresh(struct watch_log *log,
		       uint64_t (*mark)(const struct view *view, void *userdata), void *userdata);

/*
 * The first event behind the cursor, which moves to it: 1, or 0 at the end, or -ENOMEM. The caller
 * owns the view.
 */
int watch_log_next(struct watch_log *log, struct watch_cursor *cursor, struct watch_event *ret);

/* A watcher leaves. */
void watch_cursor_clear(struct watch_log *log, struct watch_cursor *cursor);

/* How many indexers have left that some watcher still has to be told of. */
size_t watch_log_tombstones(const struct watch_log *log);
