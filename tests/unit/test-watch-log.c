/*
 * Logs of changes: what a watcher is told, merged or not, and that what it has put together from it
 * is what is there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/watch_log.h"
#include "tap.h"

static struct view *make_view(unsigned uid, int restarts)
{
	struct status status = { .restart_count = restarts };
	struct definition *definition;
	struct view *view;

	if (definition_new(&definition) < 0)
		abort();
	(void)snprintf(definition->id, sizeof(definition->id), "i%u", uid);
	(void)snprintf(definition->uid, sizeof(definition->uid), "%032x", uid);
	if (view_new(definition, &status, &view) < 0)
		abort();
	definition_unref(definition);
	return view;
}

static int put(struct watch_log *log, unsigned uid, int restarts, bool matches)
{
	struct view *view = make_view(uid, restarts);
	int r = watch_log_put(log, view, matches);

	view_unref(view);
	return r;
}

/* The next event in words, "-" at the end. */
static const char *next(struct watch_log *log, struct watch_cursor *cursor)
{
	static const char *const kinds[] = {
		[WATCH_ADDED] = "added", [WATCH_MODIFIED] = "modified", [WATCH_DELETED] = "deleted"
	};
	static char words[ID_MAX + 32];
	struct watch_event event = {};

	if (watch_log_next(log, cursor, &event) <= 0)
		return "-";
	(void)snprintf(words, sizeof(words), "%s %s %d", kinds[event.kind],
		       event.view->definition->id, event.view->status.restart_count);
	view_unref(event.view);
	return words;
}

static void test_words(void)
{
	struct watch_cursor quick = {}, late = {};
	struct watch_log *log;

	watch_log_new(&log);
	is_str(next(log, &quick), "-", "an empty log");
	is_int(put(log, 1, 0, true), 1, "one comes");
	is_int(put(log, 2, 0, false), 0, "one that does not match is no news");
	is_str(next(log, &quick), "added i1 0", "it is told");
	is_str(next(log, &quick), "-", "once");
	put(log, 1, 1, true);
	put(log, 3, 0, true);
	put(log, 1, 2, true);
	is_str(next(log, &quick), "added i3 0", "in the order of the last changes");
	is_str(next(log, &quick), "modified i1 2", "with the last state");
	is_str(next(log, &late), "added i3 0", "who begins is told of all");
	is_str(next(log, &late), "added i1 2", "as added");
	put(log, 2, 1, true);
	put(log, 2, 1, false);
	is_str(next(log, &quick), "-", "what came and went meanwhile is nothing");
	is_int(watch_log_tombstones(log), 0, "and leaves nothing");
	put(log, 3, 1, false);
	is_int(watch_log_tombstones(log), 1, "who knows it has to be told that it left");
	is_str(next(log, &quick), "deleted i3 1", "one is told");
	is_int(watch_log_tombstones(log), 1, "the other one not yet");
	put(log, 3, 2, true);
	is_str(next(log, &quick), "added i3 2", "who was told finds it added again");
	is_str(next(log, &late), "modified i3 2", "who was not, modified");
	put(log, 3, 2, false);
	watch_cursor_clear(log, &quick);
	is_int(watch_log_tombstones(log), 1, "one of two has gone");
	watch_cursor_clear(log, &late);
	is_int(watch_log_tombstones(log), 0, "nobody needs it");
	watch_log_free(log);
}

static uint64_t mark_of(const struct view *view, void *userdata)
{
	return streq(view->definition->id, "i1") ? *(uint64_t *)userdata : 7;
}

static void test_refresh(void)
{
	struct watch_cursor cursor = {};
	struct watch_log *log;
	uint64_t mark = 7;

	watch_log_new(&log);
	put(log, 1, 0, true);
	put(log, 2, 0, true);
	ok(!watch_log_refresh(log, mark_of, &mark), "the first marks are no news");
	ok(!watch_log_refresh(log, mark_of, &mark), "the same ones are not");
	(void)next(log, &cursor);
	(void)next(log, &cursor);
	mark = 8;
	ok(watch_log_refresh(log, mark_of, &mark), "another one is");
	is_str(next(log, &cursor), "modified i1 0", "it is told as a change");
	is_str(next(log, &cursor), "-", "of that one only");
	watch_cursor_clear(log, &cursor);
	watch_log_free(log);
}

#define INDEXERS 200
#define WATCHERS 5
#define STEPS	 60000

/* What is there, by its own account or a watcher's: -1 where it is not. */
struct picture {
	int restarts[INDEXERS];
};

/* Applies an event; false where it contradicts what the watcher has been told. */
static bool apply(struct picture *picture, const struct watch_event *event)
{
	int *restarts = &picture->restarts[strtoul(event->view->definition->uid, NULL, 16)];
	bool was_there = *restarts >= 0;

	*restarts = event->kind == WATCH_DELETED ? -1 : event->view->status.restart_count;
	return was_there == (event->kind != WATCH_ADDED);
}

static bool read_some(struct watch_log *log, struct watch_cursor *cursor, struct picture *picture,
		      unsigned n)
{
	struct watch_event event = {};
	bool fits = true;

	while (n-- > 0 && watch_log_next(log, cursor, &event) > 0) {
		fits &= apply(picture, &event);
		view_unref(event.view);
	}
	return fits;
}

static void picture_clear(struct picture *picture)
{
	for (size_t i = 0; i < INDEXERS; i++)
		picture->restarts[i] = -1;
}

/* Watchers of all speeds, some of which begin anew; each always fits together. */
static void test_random(void)
{
	static struct picture truth, pictures[WATCHERS];
	struct watch_cursor cursors[WATCHERS] = {};
	bool fits = true, same = true;
	struct watch_log *log;

	srand(1);
	watch_log_new(&log);
	picture_clear(&truth);
	for (size_t w = 0; w < WATCHERS; w++)
		picture_clear(&pictures[w]);
	for (int step = 0; step < STEPS; step++) {
		unsigned uid = (unsigned)rand() % INDEXERS, w = (unsigned)rand() % WATCHERS;
		bool matches = rand() % 3 > 0;

		put(log, uid, step, matches);
		truth.restarts[uid] = matches ? step : -1;
		if (rand() % 5 < 2) /* the last watcher reads the least */
			fits &= read_some(log, &cursors[w], &pictures[w], 8 >> w);
		if (rand() % 5000 == 0) {
			watch_cursor_clear(log, &cursors[w]);
			picture_clear(&pictures[w]);
		}
	}
	for (size_t w = 0; w < WATCHERS; w++) {
		fits &= read_some(log, &cursors[w], &pictures[w], UINT32_MAX);
		same &= memcmp(&truth, &pictures[w], sizeof(truth)) == 0;
	}
	ok(fits, "no watcher is told what contradicts what it was told before");
	ok(same, "at the end each has the whole picture");
	is_int(watch_log_tombstones(log), 0, "and nothing is kept for anybody");
	for (size_t w = 0; w < WATCHERS; w++)
		watch_cursor_clear(log, &cursors[w]);
	watch_log_free(log);
}

int main(void)
{
	test_words();
	test_refresh();
	test_random();
	return tap_done();
}
