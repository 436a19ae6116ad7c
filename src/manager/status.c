/*
 * The status of an indexer, derived from its row and from what systemd says of its unit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "manager/private.h"
#include "model/exit.h"
#include "model/rfc3339.h"

static bool is_ours(const struct entry *entry)
{
	return streq(entry->unit.indexer_uid, entry->row.definition->uid);
}

enum unit_presence entry_presence(const struct entry *entry)
{
	const struct unit_state *unit = &entry->unit;

	if (!entry->asked)
		return UNIT_UNKNOWN;
	if (!entry->loaded)
		return UNIT_ABSENT;
	if (!is_ours(entry))
		return UNIT_FOREIGN;
	if (streq(unit->sub_state, "cleaning"))
		return UNIT_CLEANING;
	if (unit_state_is_live(unit))
		return UNIT_LIVE;
	return streq(unit->active_state, "failed") ? UNIT_FAILED : UNIT_IDLE;
}

bool entry_start_failed(const struct entry *entry)
{
	const struct registry_row *row = &entry->row;

	/* The exit alone may be of an earlier start, which this one's end has left standing. */
	return row->message && !row->stopped && row->last_exit.reason == EXIT_REASON_START_FAILED;
}

bool entry_is_current(const struct entry *entry)
{
	return entry->unit.run == entry->row.run;
}

/* The unit tells the indexer's state: it runs, or it is the wanted run's and has ended. */
static bool unit_tells(const struct entry *entry)
{
	return entry->loaded && is_ours(entry) &&
	       (entry_is_current(entry) || unit_state_is_live(&entry->unit));
}

/* Not while the registry is loaded, before systemd is connected to. */
static bool is_connected(const struct manager *manager)
{
	return manager->systemd && systemd_is_connected(manager->systemd);
}

/* What a loaded unit's ActiveState means; a unit between two restarts is told apart before. */
static const struct {
	const char *active_state;
	enum state state;
} states[] = {
	{ "active", STATE_RUNNING },	  { "reloading", STATE_RUNNING },
	{ "activating", STATE_STARTING }, { "deactivating", STATE_STOPPING },
	{ "maintenance", STATE_STOPPED }, { "inactive", STATE_STOPPED },
	{ "failed", STATE_FAILED },
};

static enum state loaded_state(const struct unit_state *unit)
{
	if (unit_state_is_backing_off(unit))
		return STATE_BACKING_OFF;
	if (unit_state_is_starting(unit))
		return STATE_STARTING;
	for (size_t i = 0; i < ELEMENTSOF(states); i++)
		if (streq(unit->active_state, states[i].active_state))
			return states[i].state;
	return STATE_STARTING;
}

static enum state entry_state(const struct entry *entry)
{
	if (entry->row.tombstone)
		return STATE_DELETING;
	/* systemd tells the process before it tells that the unit is active. */
	if (entry->operation == OPERATION_START &&
	    (!entry->loaded || streq(entry->unit.active_state, "inactive") ||
	     isempty(entry->unit.active_state)))
		return STATE_STARTING;
	if (entry->fetch && !unit_state_is_live(&entry->unit))
		return STATE_STARTING;
	if (entry->row.halted && !(unit_tells(entry) && unit_state_is_live(&entry->unit)))
		return STATE_STOPPED;
	if (unit_tells(entry))
		return loaded_state(&entry->unit);
	if (entry->row.run != entry->row.started_run)
		return STATE_STARTING;
	if (entry_start_failed(entry))
		return STATE_FAILED;
	return entry->row.stopped ? STATE_STOPPED : STATE_STARTING;
}

#define MESSAGE_MAX (EXIT_TEXT_MAX + RFC3339_MAX + 64)

/* When it is tried again, as far as that is known, and why it has to be. */
static const char *backing_off_message(const struct entry *entry, const struct status *status,
				       char buffer[MESSAGE_MAX])
{
	char text[EXIT_TEXT_MAX], until[RFC3339_MAX];
	struct backoff_wait wait;
	int n;

	if (unit_state_wait(&entry->unit, &wait)) {
		rfc3339_write((int64_t)wait.until, false, until);
		n = snprintf(buffer, MESSAGE_MAX, "try %" PRIu32 " at %s", wait.try, until);
	} else {
		n = snprintf(buffer, MESSAGE_MAX, "restarts soon");
	}
	if (status->last_exit.reason == EXIT_REASON_UNSPECIFIED) /* indexerd was away */
		return buffer;
	exit_describe(&status->last_exit, text);
	(void)snprintf(buffer + n, MESSAGE_MAX - (size_t)n, ": %s", text);
	return buffer;
}

/* The wanted run could not be prepared, and the one before it goes on. */
static bool is_kept(const struct entry *entry)
{
	return entry->kept_for == entry->row.run && !entry_is_current(entry);
}

/* Why it is in this state; NULL where there is nothing to say. The buffer is for composed text. */
static const char *entry_message(const struct entry *entry, struct status *status,
				 char buffer[MESSAGE_MAX])
{
	if (status->state == STATE_DELETING)
		return entry->n_children > 0 ? "waiting for the indexers that it spawned"
					     : entry->trouble;
	/* Being asked again, after a daemon-reload for example, is nobody's business. */
	if (!entry->asked && !is_connected(entry->manager))
		return "systemd cannot be reached; this is the last known state";
	if (status->state == STATE_STOPPED && entry->row.halted)
		return "stopped by StopIndexer; StartIndexer starts it again";
	if (status->state == STATE_STOPPED && entry->row.message)
		return entry->row.message;
	if (status->state == STATE_BACKING_OFF)
		return backing_off_message(entry, status, buffer);
	if (entry->fetch)
		return fetch_text(entry->fetch);
	if (status->state == STATE_RUNNING && is_kept(entry))
		return entry->kept_words;
	if (status->state == STATE_RUNNING && *entry->row.definition->checkout.commit) {
		status->message_is_note = true;
		(void)snprintf(buffer, MESSAGE_MAX, "%s %s",
			       entry->row.definition->project_source[0] == '/' ? "of the archive"
									       : "of commit",
			       entry->row.definition->checkout.commit);
		return buffer;
	}
	if (status->state != STATE_FAILED)
		return NULL;
	/* Of a program that ran, the last STATUS= is about something else than its end. */
	if (unit_tells(entry) && status->last_exit.reason == EXIT_REASON_START_FAILED &&
	    !isempty(entry->unit.status_text))
		return entry->unit.status_text;
	if (!unit_tells(entry) && entry->row.message)
		return entry->row.message;
	exit_describe(&status->last_exit, buffer);
	return buffer;
}

static void fill_from_unit(const struct entry *entry, struct status *status)
{
	const struct unit_state *unit = &entry->unit;
	struct exit_record last;

	(void)snprintf(status->invocation_id, sizeof(status->invocation_id), "%s",
		       unit->invocation_id);
	status->restart_count = (int32_t)unit->n_restarts;
	if (unit_state_is_waiting(unit))
		return; /* the last process is that of before */
	status->main_pid = unit->main_pid;
	status->start_time = unit_state_program_start(unit);
	unit_state_progress(unit, &status->progress);
	if (unit->main_pid != 0)
		status->cpu_usage = 0; /* its control group tells */
	unit_state_exit(unit, &last);
	if (last.reason != EXIT_REASON_UNSPECIFIED)
		status->last_exit = last;
}

/* NULL and "" stay NULL. */
static int copy_text(const char *text, char **ret)
{
	char *copy = isempty(text) ? NULL : strdup(text);

	if (!copy && !isempty(text))
		return -ENOMEM;
	*ret = copy;
	return 0;
}

int entry_status(const struct entry *entry, struct status *ret)
{
	struct status status = {
		.state = entry_state(entry),
		.restart_count = entry->row.restart_count,
		.start_time = entry->row.start_time,
		.last_exit = entry->row.last_exit,
		.cpu_usage = entry->row.cpu_usage,
	};
	char buffer[MESSAGE_MAX];
	int r;

	(void)snprintf(status.invocation_id, sizeof(status.invocation_id), "%s",
		       entry->row.invocation_id);
	if (unit_tells(entry))
		fill_from_unit(entry, &status);
	r = copy_text(entry_message(entry, &status, buffer), &status.message);
	if (r >= 0 && status.main_pid != 0)
		r = copy_text(entry->unit.control_group, &status.control_group);
	if (r < 0) {
		status_clear(&status);
		return r;
	}
	*ret = status;
	return 0;
}
