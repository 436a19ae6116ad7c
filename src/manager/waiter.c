/*
 * Calls that wait for an entry: answered when it has settled, when it is gone, or when their time
 * is up.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "manager/private.h"

/* Who waits for a start is answered as STARTING after so long. */
#define SETTLE_LIMIT_USEC (5 * USEC_PER_SEC)

static void waiter_free(struct waiter *waiter)
{
	waiter->entry->manager->n_waiters--;
	sd_event_source_disable_unref(waiter->timer);
	free(waiter);
}

DEFINE_CLEANUP(struct waiter, waiter_free);

static void unlink_waiter(struct waiter *waiter)
{
	struct waiter **p = &waiter->entry->waiters;

	while (*p != waiter)
		p = &(*p)->next;
	*p = waiter->next;
}

static int on_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
	_cleanup_(waiter_freep) struct waiter *waiter = userdata;

	(void)source, (void)usec;
	unlink_waiter(waiter);
	manager_publish(waiter->entry->manager);
	waiter->done(NULL, waiter->entry->view, waiter->userdata);
	return 0;
}

int waiter_add(struct entry *entry, enum call_kind kind, manager_done *done, void *userdata)
{
	_cleanup_free_ struct waiter *waiter = calloc(1, sizeof(*waiter));
	struct manager *manager = entry->manager;

	if (!waiter)
		return -ENOMEM;
	*waiter =
		(struct waiter){ .entry = entry, .kind = kind, .done = done, .userdata = userdata };
	if (kind == CALL_SETTLE) {
		int r = sd_event_add_time_relative(manager->event, &waiter->timer, CLOCK_MONOTONIC,
						   SETTLE_LIMIT_USEC, 0, on_limit, waiter);
		if (r < 0)
			return r;
	}
	waiter->next = entry->waiters;
	entry->waiters = TAKE(waiter);
	manager->n_waiters++;
	return 0;
}

static struct waiter *take_waiter(struct entry *entry, enum call_kind kind)
{
	for (struct waiter *waiter = entry->waiters; waiter; waiter = waiter->next)
		if (waiter->kind == kind) {
			unlink_waiter(waiter);
			return waiter;
		}
	return NULL;
}

void waiters_answer(struct entry *entry, enum call_kind kind)
{
	struct waiter *taken;

	assert(kind == CALL_DELETE || entry->view);

	while ((taken = take_waiter(entry, kind))) {
		_cleanup_(waiter_freep) struct waiter *waiter = taken;

		waiter->done(NULL, kind == CALL_DELETE ? NULL : entry->view, waiter->userdata);
	}
}

void waiters_refuse(struct entry *entry, enum call_kind kind, const struct refusal *refusal)
{
	struct waiter *taken;

	while ((taken = take_waiter(entry, kind))) {
		_cleanup_(waiter_freep) struct waiter *waiter = taken;

		waiter->done(refusal, NULL, waiter->userdata);
	}
}

void call_refuse(int r, const struct refusal *refusal, manager_done *done, void *userdata)
{
	static const struct {
		int error;
		enum code code;
		const char *reason, *text;
		uint64_t retry_after_usec;
	} errors[] = {
		{ -ENOSPC, CODE_RESOURCE_EXHAUSTED, "DISK_FULL",
		  "the registry's disk is full; make room in its file system", 0 },
		{ -EBUSY, CODE_UNAVAILABLE, "REGISTRY_BUSY", "another process holds the registry",
		  RETRY_SOON_USEC },
		{ -EIO, CODE_INTERNAL, "REGISTRY_DAMAGED",
		  "the registry cannot be read or written; see the daemon's log", 0 },
	};
	_cleanup_refusal_ struct refusal own = {};

	if (r == REFUSED || r == -ENOMEM) {
		done(r == REFUSED ? refusal : &refusal_out_of_memory, NULL, userdata);
		return;
	}
	for (size_t i = 0; i < ELEMENTSOF(errors); i++)
		if (errors[i].error == r) {
			(void)refuse(&own, errors[i].code, errors[i].reason, NULL, "%s",
				     errors[i].text);
			own.retry_after_usec = errors[i].retry_after_usec;
		}
	if (own.code == CODE_OK)
		(void)refuse(&own, CODE_INTERNAL, "INTERNAL", NULL, "%s", strerror(-r));
	log_error("A call failed: %s", own.message ? own.message : strerror(-r));
	done(&own, NULL, userdata);
}
