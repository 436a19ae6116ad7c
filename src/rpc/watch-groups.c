/*
 * Groups of watchers, and what changed for them; see watch.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/util.h"
#include "model/indexer.h"
#include "rpc/access.h"
#include "rpc/watch-private.h"

/* More that some watcher has still to be told of have left: the slowest watchers go. */
#define TOMBSTONES_MAX (2 * INDEXERS_MOST)

/*
 * Groups, which is filters that are watched at once: each has a log of all that passes it, and each
 * change is held against each of them. Of one caller's making, and of all.
 */
#define GROUPS_PER_CALLER_MAX 16
#define GROUPS_MAX	      128

void watcher_make_ready(struct watcher *watcher)
{
	if (!watcher->opened || watcher->ready || watcher->waiting || watcher->closed)
		return;
	watcher->ready = true;
	TAILQ_INSERT_TAIL(&watcher->hub->ready, watcher, ready_link);
	pthread_cond_signal(&watcher->hub->work);
}

void watch_wake_group(struct group *group)
{
	struct watcher *watcher;

	TAILQ_FOREACH(watcher, &group->watchers, link)
	watcher_make_ready(watcher);
}

/* It is told by the thread that sends, whether there is room or not. */
static void give_up(struct watcher *watcher, enum give_up why)
{
	watch_cursor_clear(watcher->group->log, &watcher->cursor);
	watcher->give_up = why;
	watcher->waiting = false;
	watcher_make_ready(watcher);
}

/* The slowest of those that hold up what the others do not need any more. */
static void give_up_slowest(struct group *group)
{
	struct watcher *watcher, *slowest = NULL;

	TAILQ_FOREACH(watcher, &group->watchers, link)
	if (watcher->cursor.known && (!slowest || watcher->cursor.seq < slowest->cursor.seq))
		slowest = watcher;
	give_up(slowest, GIVE_UP_TOO_SLOW);
}

/* A change that could not be noted would never be told. */
static void give_up_all(struct group *group, const struct view *view)
{
	struct watcher *watcher;

	log_error("No memory to tell watchers of indexers/%s", view->definition->id);
	TAILQ_FOREACH(watcher, &group->watchers, link)
	give_up(watcher, GIVE_UP_NO_MEMORY);
}

static bool belongs(const struct group *group, const struct snapshot *snapshot,
		    const struct view *view)
{
	return filter_matches(group->filter, view) &&
	       access_allows(&group->caller, snapshot, view->definition->id);
}

/* A view that is new, changed, or (gone) has left, into the log of a group. */
static void note(struct group *group, struct snapshot *snapshot, struct view *view, bool gone)
{
	int r = watch_log_put(group->log, view, !gone && belongs(group, snapshot, view));

	if (r > 0)
		watch_wake_group(group);
	if (r < 0)
		give_up_all(group, view);
	while (watch_log_tombstones(group->log) > TOMBSTONES_MAX)
		give_up_slowest(group);
}

static void note_all(struct watch_hub *hub, struct snapshot *snapshot, struct view *view, bool gone)
{
	struct group *group;

	LIST_FOREACH(group, &hub->groups, link)
	note(group, snapshot, view, gone);
}

/* What differs between two snapshots, both sorted by id; a view that both have is the same. */
static void compare(struct watch_hub *hub, struct snapshot *old, struct snapshot *new)
{
	size_t i = 0, j = 0;

	while (i < snapshot_size(old) || j < snapshot_size(new)) {
		struct view *a = i < snapshot_size(old) ? snapshot_at(old, i) : NULL;
		struct view *b = j < snapshot_size(new) ? snapshot_at(new, j) : NULL;
		int order = !a ? 1 : !b ? -1 : strcmp(a->definition->id, b->definition->id);

		i += order <= 0;
		j += order >= 0;
		if (a == b)
			continue;
		if (order < 0 || (order == 0 && !streq(a->definition->uid, b->definition->uid)))
			note_all(hub, new, a, true);
		if (order >= 0)
			note_all(hub, new, b, false);
	}
}

void watch_hub_publish(struct watch_hub *hub, struct snapshot *snapshot)
{
	struct snapshot *old;

	pthread_mutex_lock(&hub->lock);
	old = hub->snapshot;
	hub->snapshot = snapshot_ref(snapshot);
	if (old && !LIST_EMPTY(&hub->groups))
		compare(hub, old, snapshot);
	pthread_mutex_unlock(&hub->lock);
	snapshot_unref(old);
}

/* --- joining and leaving -----------------------------------------------------------------------
 */

static struct group *find_group(struct watch_hub *hub, const struct filter *filter,
				const struct caller *caller)
{
	struct group *group;

	LIST_FOREACH(group, &hub->groups, link)
	if (streq(filter_text(group->filter), filter_text(filter)) &&
	    streq(group->caller.indexer_uid, caller->indexer_uid))
		break;
	return group;
}

static void group_free(struct group *group)
{
	watch_log_free(group->log);
	filter_free(group->filter);
	free(group);
}

static int fill(struct group *group, struct snapshot *snapshot)
{
	int r = 0;

	for (size_t i = 0; snapshot && r >= 0 && i < snapshot_size(snapshot); i++) {
		struct view *view = snapshot_at(snapshot, i);

		r = watch_log_put(group->log, view, belongs(group, snapshot, view));
	}
	return MIN(r, 0);
}

static int check_groups(const struct watch_hub *hub, const struct caller *caller,
			struct refusal *refusal)
{
	const struct group *group;
	unsigned n = 0, own = 0;

	LIST_FOREACH(group, &hub->groups, link)
	{
		n++;
		own += streq(group->caller.account, caller->account);
	}
	if (n < GROUPS_MAX && own < GROUPS_PER_CALLER_MAX)
		return 0;
	return refuse_quota(refusal, "TOO_MANY_FILTERS",
			    own < GROUPS_PER_CALLER_MAX ? "indexerd" : caller->account,
			    "filter: %u different filters are watched already, %u of them by "
			    "this caller, and %d and %d are allowed",
			    n, own, GROUPS_MAX, GROUPS_PER_CALLER_MAX);
}

static int make_group(struct watch_hub *hub, struct filter *filter, const struct caller *caller,
		      struct group **ret, struct refusal *refusal)
{
	int r = check_groups(hub, caller, refusal);
	struct group *group;

	if (r != 0)
		return r;
	group = calloc(1, sizeof(*group));
	if (!group)
		return -ENOMEM;
	group->filter = filter;
	group->caller = *caller;
	TAILQ_INIT(&group->watchers);
	if (watch_log_new(&group->log) < 0 || fill(group, hub->snapshot) < 0) {
		group->filter = NULL; /* it is still the caller's */
		group_free(group);
		return -ENOMEM;
	}
	LIST_INSERT_HEAD(&hub->groups, group, link);
	*ret = group;
	return 0;
}

int watcher_join(struct watcher *watcher, struct filter *filter, const struct caller *caller,
		 struct refusal *refusal)
{
	struct group *group = find_group(watcher->hub, filter, caller);
	int r = 0;

	if (group)
		filter_free(filter);
	else
		r = make_group(watcher->hub, filter, caller, &group, refusal);
	if (r != 0)
		return r;
	watcher->group = group;
	TAILQ_INSERT_TAIL(&group->watchers, watcher, link);
	return 0;
}

void watcher_leave(struct watcher *watcher)
{
	struct group *group = TAKE(watcher->group);

	if (!group)
		return;
	watch_cursor_clear(group->log, &watcher->cursor);
	TAILQ_REMOVE(&group->watchers, watcher, link);
	if (TAILQ_EMPTY(&group->watchers)) {
		LIST_REMOVE(group, link);
		group_free(group);
	}
}
