/*
 * What the two files of watching share: the hub, its groups and watchers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>
#include <sys/queue.h>

#include "model/caller.h"
#include "model/watch_log.h"
#include "rpc/watch.h"

/* Why a watcher is sent away. */
enum give_up { GIVE_UP_NOT, GIVE_UP_TOO_SLOW, GIVE_UP_NO_MEMORY };

struct watcher {
	struct watch_hub *hub;
	struct group *group;
	struct stream *stream; /* not owned: it owns us */
	/* Under the hub's lock. */
	struct watch_cursor cursor;
	bool opened;  /* the stream is there */
	bool synced;  /* SYNCED is sent */
	bool ready;   /* in the list of those that have something to be sent */
	bool waiting; /* for room in its stream */
	bool closed;
	enum give_up give_up;
	TAILQ_ENTRY(watcher) link; /* of its group */
	TAILQ_ENTRY(watcher) ready_link;
};

TAILQ_HEAD(watcher_list, watcher);

/* Those who watch the same: one filter, and for an indexer its subtree. */
struct group {
	struct filter *filter;
	struct caller caller;
	struct watch_log *log;
	struct watcher_list watchers;
	LIST_ENTRY(group) link;
};

struct watch_hub {
	pthread_mutex_t lock; /* whoever holds it takes no other one but the usage table's */
	pthread_cond_t work;
	pthread_t thread;
	bool stopping;
	LIST_HEAD(, group) groups;
	struct watcher_list ready;
	struct snapshot *snapshot; /* what the logs are up to */
	uint64_t looked_at;	   /* when the figures were (CLOCK_MONOTONIC, microseconds) */
	struct usage_table *usage; /* not owned; any thread */
	const struct secret_rules *secrets; /* as well */
};

/* All below with the lock held. */

/* The watcher has something to be sent; it waits for its turn, or for room. */
void watcher_make_ready(struct watcher *watcher);

/* All of a group have something to be sent. */
void watch_wake_group(struct group *group);

/*
 * Puts the watcher into the group of its filter and caller, which is made where there is none.
 * Takes over the filter where it returns 0. REFUSED (TOO_MANY_FILTERS) or -ENOMEM.
 */
int watcher_join(struct watcher *watcher, struct filter *filter, const struct caller *caller,
		 struct refusal *refusal);

/* Takes it out again. Takes one that is in no group. */
void watcher_leave(struct watcher *watcher);
