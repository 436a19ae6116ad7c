/*
 * Snapshots: the sorted array of all views, counted, and the box that holds the present one.
 *
 * Written by the main loop's thread, read by any. The box's lock is held for a pointer and a count
 * only, so no reader ever waits for work.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/snapshot.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

struct snapshot {
	unsigned refs;
	size_t n;
	struct view **views;
};

struct snapshot_box {
	pthread_mutex_t lock;
	struct snapshot *present; /* guarded by lock */
};

int snapshot_new(struct view **views, size_t n, struct snapshot **ret)
{
	struct snapshot *snapshot = malloc(sizeof(*snapshot));

	if (!snapshot)
		return -ENOMEM;
	for (size_t i = 1; i < n; i++)
		assert(strcmp(views[i - 1]->definition->id, views[i]->definition->id) < 0);
	*snapshot = (struct snapshot){ .refs = 1, .n = n, .views = views };
	*ret = snapshot;
	return 0;
}

struct snapshot *snapshot_ref(struct snapshot *snapshot)
{
	__atomic_fetch_add(&snapshot->refs, 1, __ATOMIC_RELAXED);
	return snapshot;
}

struct snapshot *snapshot_unref(struct snapshot *snapshot)
{
	if (!snapshot || __atomic_fetch_sub(&snapshot->refs, 1, __ATOMIC_ACQ_REL) > 1)
		return NULL;
	for (size_t i = 0; i < snapshot->n; i++)
		view_unref(snapshot->views[i]);
	free(snapshot->views);
	free(snapshot);
	return NULL;
}

size_t snapshot_size(const struct snapshot *snapshot)
{
	return snapshot->n;
}

struct view *snapshot_at(const struct snapshot *snapshot, size_t i)
{
	assert(i < snapshot->n);
	return snapshot->views[i];
}

size_t snapshot_after(const struct snapshot *snapshot, const char *id)
{
	size_t low = 0, high = snapshot->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(snapshot->views[middle]->definition->id, id) <= 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct view *snapshot_find(const struct snapshot *snapshot, const char *id)
{
	size_t after = snapshot_after(snapshot, id);

	if (after == 0 || !streq(snapshot->views[after - 1]->definition->id, id))
		return NULL;
	return snapshot->views[after - 1];
}

bool snapshot_is_within(const struct snapshot *snapshot, const char *id, const char *ancestor_uid)
{
	/* No way up is longer than the number of views: a damaged tree with a circle in it ends
	 * too. */
	for (size_t steps = 0; id && steps < snapshot->n; steps++) {
		const struct view *view = snapshot_find(snapshot, id);

		if (!view)
			return false;
		if (streq(view->definition->uid, ancestor_uid))
			return true;
		id = view->definition->spawned_by;
	}
	return false;
}

int snapshot_box_new(struct snapshot_box **ret)
{
	_cleanup_(snapshot_unrefp) struct snapshot *empty = NULL;
	struct snapshot_box *box;
	int r;

	r = snapshot_new(NULL, 0, &empty);
	if (r < 0)
		return r;
	box = malloc(sizeof(*box));
	if (!box)
		return -ENOMEM;
	*box = (struct snapshot_box){
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.present = TAKE(empty),
	};
	*ret = box;
	return 0;
}

struct snapshot_box *snapshot_box_free(struct snapshot_box *box)
{
	if (!box)
		return NULL;
	snapshot_unref(box->present);
	pthread_mutex_destroy(&box->lock);
	free(box);
	return NULL;
}

void snapshot_box_put(struct snapshot_box *box, struct snapshot *snapshot)
{
	struct snapshot *former;

	pthread_mutex_lock(&box->lock);
	former = box->present;
	box->present = snapshot;
	pthread_mutex_unlock(&box->lock);
	/* Outside of the lock: the last reference frees thousands of views. */
	snapshot_unref(former);
}

struct snapshot *snapshot_box_get(struct snapshot_box *box)
{
	struct snapshot *snapshot;

	pthread_mutex_lock(&box->lock);
	snapshot = snapshot_ref(box->present);
	pthread_mutex_unlock(&box->lock);
	return snapshot;
}
