/*
 * Deciding: entries that something happened to wait in a queue, and are put before reconcile() one
 * by one from the loop, as long as not too much is under way.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/log.h"
#include "journal/journal.h"
#include "manager/private.h"

/*
 * Operations that systemd is asked for at once. More of them are no faster: what a start costs most
 * is the making of its mount namespace, for which the kernel has one lock, and each of those that
 * wait for it has its start time-out running.
 */
#define OPERATIONS_MAX 16

/*
 * How long one turn of the loop decides, so that calls are served in between: a decision may have
 * to ask the journal, which is on the disk, or write to the registry.
 */
#define TURN_USEC (10 * USEC_PER_MSEC)

static void wake(struct manager *manager)
{
	int r = sd_event_source_set_enabled(manager->deferred, SD_EVENT_ONESHOT);

	if (r < 0)
		log_error("The loop cannot be woken: %s", strerror(-r));
}

void entry_queue(struct entry *entry)
{
	struct manager *manager = entry->manager;

	if (!entry->queued) {
		entry->queued = true;
		entry->next_queued = NULL;
		if (manager->queue_tail)
			manager->queue_tail->next_queued = entry;
		else
			manager->queue_head = entry;
		manager->queue_tail = entry;
	}
	wake(manager);
}

void entry_queue_first(struct entry *entry)
{
	struct manager *manager = entry->manager;

	if (!entry->queued) {
		entry->queued = true;
		entry->next_queued = manager->queue_head;
		manager->queue_head = entry;
		if (!manager->queue_tail)
			manager->queue_tail = entry;
	}
	wake(manager);
}

void entry_decide_anew(struct entry *entry)
{
	entry->failures = 0;
	entry->retry = sd_event_source_disable_unref(entry->retry);
	entry_refresh(entry);
	if (entry->asked)
		entry_queue_first(entry);
	else
		entry_query(entry); /* what waited for a retry is asked about at once */
}

static struct entry *take_queued(struct manager *manager)
{
	struct entry *entry = manager->queue_head;

	manager->queue_head = entry->next_queued;
	if (!manager->queue_head)
		manager->queue_tail = NULL;
	entry->queued = false;
	entry->next_queued = NULL;
	return entry;
}

/*
 * The unit is gone in the boot that it was started in: how it ended, and so whether it failed, is
 * in the journal.
 */
static int failed_away(struct entry *entry)
{
	struct exit_record record = {};
	char unit[UNIT_MAX_SIZE];
	int r;

	unit_from_id(entry->row.definition->id, unit);
	r = journal_find_exit(NULL, unit, &record);
	if (r < 0)
		return r;
	entry->away_exit = record;
	return r > 0 && !(record.reason == EXIT_REASON_EXITED && record.code == 0);
}

static enum action decide(struct entry *entry)
{
	const struct registry_row *row = &entry->row;
	struct wanted wanted = {
		.tombstone = row->tombstone,
		.has_children = entry->n_children > 0,
		.halted = row->halted,
		.unstarted = row->run != row->started_run,
		.same_boot = streq(row->boot_id, entry->manager->boot_id),
		.stopped = row->stopped,
		.start_failed = entry_start_failed(entry),
	};
	struct actual actual = {
		.presence = entry_presence(entry),
		.busy = entry->operation != OPERATION_NONE || entry->retry || entry->fetch ||
			entry->notice == NOTICE_UNDER_WAY,
		.other_run = !entry_is_current(entry),
		.same_invocation = streq(row->invocation_id, entry->unit.invocation_id),
		.never_ran = entry->unit.exec_main_start == 0 && isempty(entry->unit.invocation_id),
		.has_state = row->tombstone && entry_has_state(entry),
		.has_store = row->tombstone && entry_has_store(entry),
	};

	/* Only where something would follow upon its end. */
	if (actual.presence == UNIT_IDLE || actual.presence == UNIT_FAILED)
		actual.left_over =
			(row->tombstone || wanted.unstarted) && entry_is_left_over(entry);

	/* Asked only where the answer decides: it reads the disk. */
	if (actual.presence == UNIT_ABSENT && wanted.same_boot && !wanted.tombstone &&
	    !wanted.halted && !wanted.unstarted && !wanted.stopped && !wanted.start_failed &&
	    !actual.busy) {
		int r = failed_away(entry);

		/* "Not known" is not "stopped by somebody". */
		if (r < 0) {
			entry_ask_later(entry, strerror(-r));
			return ACTION_NONE;
		}
		actual.failed_away = r > 0;
	}
	/* Until something else is asked for. */
	if (actual.presence == UNIT_LIVE && actual.other_run && entry->kept_for == row->run &&
	    !row->tombstone && !row->halted)
		return ACTION_NONE;
	return reconcile(&wanted, &actual);
}

static void evaluate(struct entry *entry)
{
	struct manager *manager = entry->manager;
	enum action action;

	tree_settle(entry);
	action = decide(entry);

	if (action == ACTION_REMOVE) { /* frees the entry */
		entry_act(entry, action);
		return;
	}
	if (action != ACTION_NONE) {
		log_debug("%s: %s", entry->row.definition->id, action_name(action));
		entry_act(entry, action);
	}
	entry_refresh(entry);
	if (entry->operation == OPERATION_NONE && !entry->fetch && !entry->queued && entry->asked &&
	    !entry->retry && !entry->reading && entry->setting_limits == 0) {
		manager_publish(manager);
		if (!entry->loaded || !unit_state_is_starting(&entry->unit))
			waiters_answer(entry, CALL_SETTLE);
		waiters_answer(entry, CALL_STOP);
	}
}

static int on_deferred(sd_event_source *source, void *userdata)
{
	struct manager *manager = userdata;
	uint64_t end = now_usec(CLOCK_MONOTONIC) + TURN_USEC;

	(void)source;
	/* With too many operations under way, it is woken again when one has ended. */
	while (manager->queue_head && manager->n_operations < OPERATIONS_MAX) {
		evaluate(take_queued(manager));
		if (now_usec(CLOCK_MONOTONIC) >= end)
			break;
	}
	manager_publish(manager);
	if (manager->queue_head && manager->n_operations < OPERATIONS_MAX)
		wake(manager);
	return 0;
}

int evaluate_setup(struct manager *manager)
{
	int r = sd_event_add_defer(manager->event, &manager->deferred, on_deferred, manager);

	return r < 0 ? r : sd_event_source_set_enabled(manager->deferred, SD_EVENT_OFF);
}
