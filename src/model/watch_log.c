/*
 * Logs of changes; see watch_log.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <search.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/watch_log.h"

#define WORD_BITS 64

/* An indexer that is in the log. */
struct item {
	struct view *view;
	size_t index;	 /* its bit in the cursors */
	uint64_t seq;	 /* of its last change */
	bool marked;	 /* `mark` is one */
	uint64_t mark;	 /* of watch_log_refresh() */
	unsigned n_know; /* watchers that know it */
	bool tombstone;
};

/* A place in the order. NULL: the item has moved on, or is gone. */
struct slot {
	uint64_t seq;
	struct item *item;
};

struct watch_log {
	void *by_uid;	     /* of tsearch(3) */
	struct item **items; /* by index; NULL where one is free */
	size_t n_indexes;    /* used or free */
	size_t n_items, n_tombstones;
	struct slot *slots; /* by their numbers */
	size_t n_slots, n_slots_allocated;
	uint64_t seq;
};

static int compare_uids(const void *a, const void *b)
{
	const struct item *x = a, *y = b;

	return strcmp(x->view->definition->uid, y->view->definition->uid);
}

static void item_free(void *item)
{
	view_unref(((struct item *)item)->view);
	free(item);
}

int watch_log_new(struct watch_log **ret)
{
	struct watch_log *log = calloc(1, sizeof(*log));

	if (!log)
		return -ENOMEM;
	*ret = log;
	return 0;
}

struct watch_log *watch_log_free(struct watch_log *log)
{
	if (!log)
		return NULL;
	tdestroy(log->by_uid, item_free);
	free(log->items);
	free(log->slots);
	free(log);
	return NULL;
}

size_t watch_log_tombstones(const struct watch_log *log)
{
	return log->n_tombstones;
}

/* --- the order ----------------------------------------------------------------------------- */

/* Drops the places that items have moved away from, once there are more of them than items. */
static void compact(struct watch_log *log)
{
	size_t n = 0;

	if (log->n_slots < 2 * log->n_items + WORD_BITS)
		return;
	for (size_t i = 0; i < log->n_slots; i++)
		if (log->slots[i].item)
			log->slots[n++] = log->slots[i];
	log->n_slots = n;
}

static int make_slot(struct watch_log *log)
{
	size_t n = log->n_slots_allocated ? 2 * log->n_slots_allocated : WORD_BITS;
	struct slot *slots;

	compact(log);
	if (log->n_slots < log->n_slots_allocated)
		return 0;
	slots = reallocarray(log->slots, n, sizeof(*slots));
	if (!slots)
		return -ENOMEM;
	log->slots = slots;
	log->n_slots_allocated = n;
	return 0;
}

/* The index of the first place behind a number. */
static size_t first_behind(const struct watch_log *log, uint64_t seq)
{
	size_t low = 0, high = log->n_slots;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (log->slots[middle].seq <= seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* There is a slot. An item leaves nothing behind that points to it: it may be freed. */
static void move_to_end(struct watch_log *log, struct item *item)
{
	if (item->seq > 0)
		log->slots[first_behind(log, item->seq - 1)].item = NULL;
	item->seq = ++log->seq;
	log->slots[log->n_slots++] = (struct slot){ item->seq, item };
}

/* --- items --------------------------------------------------------------------------------- */

static int make_index(struct watch_log *log, size_t *ret)
{
	struct item **items;
	size_t n = log->n_indexes;

	if (log->n_items < n) {
		for (n = 0; log->items[n]; n++)
			;
		*ret = n;
		return 0;
	}
	if ((n & (n - 1)) == 0) { /* the capacities are the powers of two */
		items = reallocarray(log->items, n ? 2 * n : 1, sizeof(struct item *));
		if (!items)
			return -ENOMEM;
		log->items = items;
	}
	log->items[n] = NULL;
	*ret = log->n_indexes++;
	return 0;
}

static int add(struct watch_log *log, struct view *view)
{
	struct item *item = calloc(1, sizeof(*item));

	if (!item)
		return -ENOMEM;
	item->view = view_ref(view);
	if (make_index(log, &item->index) < 0 || !tsearch(item, &log->by_uid, compare_uids)) {
		item_free(item);
		return -ENOMEM;
	}
	log->items[item->index] = item;
	log->n_items++;
	move_to_end(log, item);
	return 1;
}

static void drop(struct watch_log *log, struct item *item)
{
	log->slots[first_behind(log, item->seq - 1)].item = NULL;
	log->items[item->index] = NULL;
	log->n_items--;
	log->n_tombstones -= item->tombstone;
	tdelete(item, &log->by_uid, compare_uids);
	item_free(item);
}

static void drop_if_done(struct watch_log *log, struct item *item)
{
	if (item->tombstone && item->n_know == 0)
		drop(log, item);
}

int watch_log_put(struct watch_log *log, struct view *view, bool matches)
{
	struct item key = { .view = view }, **found, *item;

	if (make_slot(log) < 0)
		return -ENOMEM;
	found = tfind(&key, &log->by_uid, compare_uids);
	if (!found)
		return matches ? add(log, view) : 0;
	item = *found;
	if (item->tombstone && !matches)
		return 0;
	log->n_tombstones -= item->tombstone;
	item->tombstone = !matches;
	log->n_tombstones += item->tombstone;
	view_ref(view);
	view_unref(item->view);
	item->view = view;
	move_to_end(log, item);
	drop_if_done(log, item);
	return 1;
}

bool watch_log_refresh(struct watch_log *log,
		       uint64_t (*mark)(const struct view *view, void *userdata), void *userdata)
{
	bool any = false;

	for (size_t i = 0; i < log->n_indexes; i++) {
		struct item *item = log->items[i];
		uint64_t now = item && !item->tombstone ? mark(item->view, userdata) : 0;

		if (!item || item->tombstone || (item->marked && now == item->mark) ||
		    make_slot(log) < 0)
			continue;
		item->mark = now;
		if (item->marked) {
			move_to_end(log, item);
			any = true;
		}
		item->marked = true; /* the first one was told as it was added */
	}
	return any;
}

/* --- cursors ------------------------------------------------------------------------------- */

static uint64_t *word_of(const struct watch_cursor *cursor, const struct item *item)
{
	return &cursor->known[item->index / WORD_BITS];
}

static bool knows(const struct watch_cursor *cursor, const struct item *item)
{
	return item->index / WORD_BITS < cursor->n_words &&
	       *word_of(cursor, item) >> item->index % WORD_BITS & 1;
}

static int reserve(struct watch_cursor *cursor, const struct item *item)
{
	size_t n = item->index / WORD_BITS + 1;
	uint64_t *known;

	if (n <= cursor->n_words)
		return 0;
	known = reallocarray(cursor->known, n, sizeof(*known));
	if (!known)
		return -ENOMEM;
	memset(known + cursor->n_words, 0, (n - cursor->n_words) * sizeof(*known));
	cursor->known = known;
	cursor->n_words = n;
	return 0;
}

static void set_known(struct watch_cursor *cursor, struct item *item, bool known)
{
	uint64_t bit = 1ULL << item->index % WORD_BITS;

	if (knows(cursor, item) == known)
		return;
	*word_of(cursor, item) ^= bit;
	item->n_know += known ? 1 : -1U;
}

/* The event that an item is for who is at the cursor: false where it is none. */
static bool make_event(const struct watch_cursor *cursor, const struct item *item,
		       struct watch_event *ret)
{
	bool known = knows(cursor, item);

	if (item->tombstone && !known)
		return false;
	ret->kind = item->tombstone ? WATCH_DELETED : known ? WATCH_MODIFIED : WATCH_ADDED;
	ret->view = view_ref(item->view);
	return true;
}

int watch_log_next(struct watch_log *log, struct watch_cursor *cursor, struct watch_event *ret)
{
	for (size_t i = first_behind(log, cursor->seq); i < log->n_slots; i++) {
		struct item *item = log->slots[i].item;

		if (item && reserve(cursor, item) < 0)
			return -ENOMEM;
		if (!item || !make_event(cursor, item, ret))
			continue;
		cursor->seq = item->seq;
		set_known(cursor, item, !item->tombstone);
		drop_if_done(log, item);
		return 1;
	}
	cursor->seq = log->seq;
	return 0;
}

void watch_cursor_clear(struct watch_log *log, struct watch_cursor *cursor)
{
	for (size_t i = 0; i < log->n_indexes && i / WORD_BITS < cursor->n_words; i++) {
		struct item *item = log->items[i];

		if (!item)
			continue;
		set_known(cursor, item, false);
		drop_if_done(log, item);
	}
	free(cursor->known);
	*cursor = (struct watch_cursor){};
}
