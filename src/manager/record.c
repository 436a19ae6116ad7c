/*
 * Writing down what happened: the registry's "last known result". Each call writes only what is
 * news.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "manager/private.h"
#include "model/exit.h"

#define RECORD_AGAIN_USEC (10 * USEC_PER_SEC)

/* Writes a start down again, and what came after it. 0 or a negative errno. */
static int write_again(struct entry *entry)
{
	const struct registry_row *row = &entry->row;
	struct registry *registry = entry->manager->registry;
	int r = registry_record_start(registry, row->definition->uid, row->boot_id,
				      row->invocation_id, row->start_time);

	r = r < 0 ? r
		  : registry_record_end(registry, row->definition->uid, &row->last_exit,
					row->restart_count, row->stopped, row->message);
	if (r >= 0)
		entry->unrecorded = false;
	return r;
}

static void arm_record_again(struct manager *manager);

static int on_record_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *manager = userdata;
	int r = 0;

	(void)source, (void)usec;
	manager->record_again = sd_event_source_disable_unref(manager->record_again);
	for (size_t i = 0; r >= 0 && i < manager->n_entries; i++)
		if (manager->entries[i]->unrecorded)
			r = write_again(manager->entries[i]);
	if (r < 0)
		arm_record_again(manager);
	else
		log_info("The registry can be written again; what it missed is in it.");
	return 0;
}

static void arm_record_again(struct manager *manager)
{
	int r;

	if (manager->record_again)
		return;
	r = sd_event_add_time_relative(manager->event, &manager->record_again, CLOCK_MONOTONIC,
				       RECORD_AGAIN_USEC, 0, on_record_again, manager);
	if (r < 0)
		log_error("No timer to write to the registry again: %s", strerror(-r));
}

/* The row in memory is right all the same; the registry gets it later. */
static void not_recorded(struct entry *entry, const char *what, int error)
{
	log_warning("%s: its %s cannot be recorded, and is tried again: %s",
		    entry->row.definition->id, what, strerror(-error));
	entry->unrecorded = true;
	arm_record_again(entry->manager);
}

static void write_start(struct entry *entry, const char *invocation_id, uint64_t time)
{
	struct registry_row *row = &entry->row;
	int r = registry_record_start(entry->manager->registry, row->definition->uid,
				      entry->manager->boot_id, invocation_id, time);

	if (r < 0)
		not_recorded(entry, "start", r);
	(void)snprintf(row->boot_id, sizeof(row->boot_id), "%s", entry->manager->boot_id);
	(void)snprintf(row->invocation_id, sizeof(row->invocation_id), "%s", invocation_id);
	row->start_time = time;
	row->stopped = false;
	row->last_exit = (struct exit_record){};
	row->restart_count = 0;
	free(TAKE(row->message));
}

static void write_end(struct entry *entry, const struct exit_record *record, int32_t restart_count,
		      bool stopped, const char *message)
{
	struct registry_row *row = &entry->row;
	bool same_message =
		row->message && message ? streq(row->message, message) : row->message == message;
	char *copy;
	int r;

	if (exit_same(&row->last_exit, record) && row->restart_count == restart_count &&
	    row->stopped == stopped && same_message)
		return;
	r = registry_record_end(entry->manager->registry, row->definition->uid, record,
				restart_count, stopped, message);
	if (r < 0)
		not_recorded(entry, "end", r);
	copy = message ? strdup(message) : NULL;
	free(row->message);
	row->message = copy;
	row->last_exit = *record;
	row->restart_count = restart_count;
	row->stopped = stopped;
}

void entry_note_start(struct entry *entry)
{
	write_start(entry, entry->unit.invocation_id, entry->unit.exec_main_start);
}

void entry_note_end(struct entry *entry)
{
	const struct unit_state *unit = &entry->unit;
	bool failed = entry_presence(entry) == UNIT_FAILED;
	struct exit_record record;
	char text[EXIT_TEXT_MAX], message[UNIT_TEXT_MAX];

	if (!streq(entry->row.boot_id, entry->manager->boot_id))
		entry_note_start(entry);
	unit_state_exit(unit, &record);
	if (record.reason == EXIT_REASON_UNSPECIFIED)
		record = entry->row.last_exit;
	exit_describe(&record, text);
	if (!isempty(unit->status_text) && record.reason == EXIT_REASON_START_FAILED)
		(void)snprintf(message, sizeof(message), "%s", unit->status_text);
	else if (record.reason == EXIT_REASON_UNSPECIFIED)
		(void)snprintf(message, sizeof(message), "stopped");
	else
		(void)snprintf(message, sizeof(message), "%s%s", failed ? "" : "stopped: ", text);
	write_end(entry, &record, (int32_t)unit->n_restarts, !failed, message);
}

void entry_note_stopped(struct entry *entry)
{
	write_end(entry, &entry->row.last_exit, entry->row.restart_count, true,
		  "stopped while indexerd was away");
}

void entry_note_start_failed(struct entry *entry, const char *message)
{
	struct exit_record record = { .time = now_usec(CLOCK_REALTIME),
				      .reason = EXIT_REASON_START_FAILED };

	if (!streq(entry->row.boot_id, entry->manager->boot_id))
		write_start(entry, "", 0);
	write_end(entry, &record, 0, false, message);
}
