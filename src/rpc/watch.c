/*
 * Watching: the thread that sends, and the streams; see watch.h.
 *
 * Packing and sending is done without the hub's lock: a turn takes it for each event anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/condition.h"
#include "common/grpc-message.h"
#include "common/util.h"
#include "rpc/methods.h"
#include "rpc/watch-private.h"

/* Events that a watcher is sent before it is another one's turn. */
#define TURN_EVENTS 64

/* How often what indexers use is looked at while somebody watches, and what counts as a change. */
#define FIGURES_USEC  (1 * USEC_PER_SEC)
#define MARK_BYTES    (1024 * 1024)
#define MARK_CPU_USEC (100 * USEC_PER_MSEC)

/* --- sending ---------------------------------------------------------------------------------- */

/* Puts the message of an event; false where there is no memory for it. */
static bool send_event(struct watcher *watcher, const struct watch_event *event)
{
	Indexerd__V1__WatchIndexersResponse message = INDEXERD__V1__WATCH_INDEXERS_RESPONSE__INIT;
	struct arena arena = { 0 }; /* the call's own would grow for as long as it is open */

	message.event = (Indexerd__V1__WatchEvent)event->kind;
	if (event->view) {
		message.indexer = message_with_usage(event->view, watcher->hub->usage,
						     watcher->hub->secrets, &arena);
		if (!message.indexer) {
			arena_clear(&arena);
			return false;
		}
	}
	rpc_stream_put(watcher->stream, message_slice(&message.base));
	arena_clear(&arena);
	return true;
}

/* With the lock held: the next event of a watcher: 1, 0 where there is none now, or -ENOMEM. */
static int next_event(struct watcher *watcher, struct watch_event *ret)
{
	int r;

	if (watcher->closed || watcher->give_up != GIVE_UP_NOT)
		return 0;
	r = watch_log_next(watcher->group->log, &watcher->cursor, ret);
	if (r == 0 && !watcher->synced) {
		*ret = (struct watch_event){ .kind = WATCH_SYNCED };
		watcher->synced = true;
		r = 1;
	}
	return r;
}

static bool has_room(struct watcher *watcher)
{
	bool room;

	pthread_mutex_lock(&watcher->hub->lock);
	watcher->waiting = true; /* before it is asked: the answer may come at once */
	pthread_mutex_unlock(&watcher->hub->lock);
	room = rpc_stream_has_room(watcher->stream);
	if (room) {
		pthread_mutex_lock(&watcher->hub->lock);
		watcher->waiting = false;
		pthread_mutex_unlock(&watcher->hub->lock);
	}
	return room;
}

/* Sends one event: 1, 0 where there is none or no room for it, or -ENOMEM. */
static int send_one(struct watcher *watcher)
{
	struct watch_event event = { 0 };
	int r;

	if (!has_room(watcher))
		return 0;
	pthread_mutex_lock(&watcher->hub->lock);
	r = next_event(watcher, &event);
	pthread_mutex_unlock(&watcher->hub->lock);
	if (r > 0 && !send_event(watcher, &event))
		r = -ENOMEM;
	view_unref(event.view);
	return r;
}

/* Ends the stream of a watcher that is sent away. */
static void send_away(struct watcher *watcher, enum give_up why)
{
	static const struct refusal too_slow = {
		.code = CODE_RESOURCE_EXHAUSTED,
		.reason = "WATCH_TOO_SLOW",
		.message = (char *)"too much has changed since this watcher has read; watch again",
	};

	rpc_stream_end(watcher->stream,
		       why == GIVE_UP_TOO_SLOW ? &too_slow : &refusal_out_of_memory);
}

/* One turn of a watcher. The caller holds its stream. */
static void send_some(struct watcher *watcher)
{
	enum give_up why;
	int r = 1;

	for (unsigned i = 0; r > 0 && i < TURN_EVENTS; i++)
		r = send_one(watcher);
	rpc_stream_flush(watcher->stream);
	pthread_mutex_lock(&watcher->hub->lock);
	why = r < 0 ? GIVE_UP_NO_MEMORY : watcher->give_up;
	if (r > 0)
		watcher_make_ready(watcher);
	pthread_mutex_unlock(&watcher->hub->lock);
	if (why != GIVE_UP_NOT)
		send_away(watcher, why);
}

/* --- figures -------------------------------------------------------------------------------- */

/* A moment, and whom to ask what is used at it. */
struct look {
	struct usage_table *usage;
	uint64_t now;
};

/* Changes where an indexer uses noticeably more or less; small change is not worth a message. */
static uint64_t mark_of(const struct view *view, void *userdata)
{
	const struct look *look = userdata;
	struct usage usage = { 0 };

	(void)usage_get(look->usage, view, look->now, &usage);
	return usage.memory_bytes / MARK_BYTES << 32 ^ usage.cpu_usec / MARK_CPU_USEC;
}

/*
 * Tells what indexers use, if anybody watches. The figures are read first, without the lock: that
 * takes a while for thousands of them, and they stand for a second.
 */
static void look_at_figures(struct watch_hub *hub)
{
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot = NULL;
	struct look look = { hub->usage, now_usec(CLOCK_MONOTONIC) };
	struct group *group;

	pthread_mutex_lock(&hub->lock);
	snapshot = LIST_EMPTY(&hub->groups) ? NULL : snapshot_ref(hub->snapshot);
	pthread_mutex_unlock(&hub->lock);
	for (size_t i = 0; snapshot && i < snapshot_size(snapshot); i++)
		(void)mark_of(snapshot_at(snapshot, i), &look);
	pthread_mutex_lock(&hub->lock);
	LIST_FOREACH(group, &hub->groups, link)
	if (watch_log_refresh(group->log, mark_of, &look))
		watch_wake_group(group);
	hub->looked_at = look.now;
	pthread_mutex_unlock(&hub->lock);
}

/* With the lock held: when the figures are to be looked at again; never while nobody watches. */
static uint64_t next_look(const struct watch_hub *hub)
{
	return LIST_EMPTY(&hub->groups) ? UINT64_MAX : hub->looked_at + FIGURES_USEC;
}

/* --- the thread ----------------------------------------------------------------------------- */

/*
 * Takes the next watcher that has something to be sent, with a reference on its stream. NULL at the
 * end, or with *look where it is time for the figures.
 */
static struct watcher *take_ready(struct watch_hub *hub, bool *look)
{
	struct watcher *watcher = NULL;

	pthread_mutex_lock(&hub->lock);
	while (!hub->stopping && TAILQ_EMPTY(&hub->ready) &&
	       next_look(hub) > now_usec(CLOCK_MONOTONIC))
		condition_wait(&hub->work, &hub->lock, next_look(hub));
	*look = !hub->stopping && next_look(hub) <= now_usec(CLOCK_MONOTONIC);
	if (!hub->stopping && !*look) {
		watcher = TAILQ_FIRST(&hub->ready);
		TAILQ_REMOVE(&hub->ready, watcher, ready_link);
		watcher->ready = false;
		rpc_stream_ref(watcher->stream);
	}
	pthread_mutex_unlock(&hub->lock);
	return watcher;
}

static void *send_all(void *userdata)
{
	struct watch_hub *hub = userdata;
	struct watcher *watcher;
	bool look;

	while ((watcher = take_ready(hub, &look)) || look) {
		if (look) {
			look_at_figures(hub);
			continue;
		}
		send_some(watcher);
		rpc_stream_unref(watcher->stream);
	}
	return NULL;
}

/* --- streams ---------------------------------------------------------------------------------- */

static void on_room(void *userdata)
{
	struct watcher *watcher = userdata;

	pthread_mutex_lock(&watcher->hub->lock);
	watcher->waiting = false;
	watcher_make_ready(watcher);
	pthread_mutex_unlock(&watcher->hub->lock);
}

static void on_closed(void *userdata)
{
	struct watcher *watcher = userdata;

	pthread_mutex_lock(&watcher->hub->lock);
	watcher->closed = true;
	if (watcher->ready)
		TAILQ_REMOVE(&watcher->hub->ready, watcher, ready_link);
	watcher->ready = false;
	pthread_mutex_unlock(&watcher->hub->lock);
}

/* The last reference is gone, the thread's too. */
static void watcher_free(void *userdata)
{
	struct watcher *watcher = userdata;

	pthread_mutex_lock(&watcher->hub->lock);
	watcher_leave(watcher);
	pthread_mutex_unlock(&watcher->hub->lock);
	free(watcher);
}

static const struct stream_handler handler = {
	.room = on_room,
	.closed = on_closed,
	.free = watcher_free,
};

int watch_open(struct watch_hub *hub, struct call *call, struct filter *filter,
	       struct refusal *refusal)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));
	int r = -ENOMEM;

	if (watcher) {
		watcher->hub = hub;
		pthread_mutex_lock(&hub->lock);
		r = watcher_join(watcher, filter, call_caller(call), refusal);
		pthread_mutex_unlock(&hub->lock);
	}
	if (r != 0) {
		filter_free(filter);
		free(watcher);
		return r;
	}
	r = rpc_stream_open(call, &handler, watcher, &watcher->stream);
	if (r < 0) {
		watcher_free(watcher);
		return r;
	}
	pthread_mutex_lock(&hub->lock);
	watcher->opened = true; /* nobody sends before the stream is there */
	watcher_make_ready(watcher);
	pthread_mutex_unlock(&hub->lock);
	rpc_stream_unref(watcher->stream);
	return 0;
}

/* --- the hub ---------------------------------------------------------------------------------- */

int watch_hub_new(struct usage_table *usage, const struct secret_rules *secrets,
		  struct watch_hub **ret)
{
	struct watch_hub *hub = calloc(1, sizeof(*hub));
	int r;

	if (!hub)
		return -ENOMEM;
	pthread_mutex_init(&hub->lock, NULL);
	condition_init(&hub->work);
	hub->usage = usage;
	hub->secrets = secrets;
	TAILQ_INIT(&hub->ready);
	r = pthread_create(&hub->thread, NULL, send_all, hub);
	if (r != 0) {
		free(hub);
		return -r;
	}
	(void)pthread_setname_np(hub->thread, "watch");
	*ret = hub;
	return 0;
}

struct watch_hub *watch_hub_free(struct watch_hub *hub)
{
	if (!hub)
		return NULL;
	pthread_mutex_lock(&hub->lock);
	hub->stopping = true;
	pthread_cond_broadcast(&hub->work);
	pthread_mutex_unlock(&hub->lock);
	(void)pthread_join(hub->thread, NULL);
	assert(LIST_EMPTY(&hub->groups));
	snapshot_unref(hub->snapshot);
	pthread_mutex_destroy(&hub->lock);
	pthread_cond_destroy(&hub->work);
	free(hub);
	return NULL;
}
