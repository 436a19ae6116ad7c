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

/* What could not be written is tried again after this; as much in one turn of the loop as that
 * allows. */
#define RECORD_AGAIN_USEC (10 * USEC_PER_SEC)
#define RECORD_TURN_USEC  (10 * USEC_PER_MSEC)

static int write_row(struct entry *entry)
{
	int r = registry_record(entry->manager->registry, &entry->row);

	if (r >= 0)
		entry->unrecorded = false;
	return r;
}

static void arm_record_again(struct manager *manager, uint64_t after_usec);

/* The unrecorded entry that is next in turn, or NULL. */
static struct entry *next_unrecorded(struct manager *manager)
{
	for (size_t i = 0; i < manager->n_entries; i++) {
		size_t at = manager->record_next++ % manager->n_entries;

		if (manager->entries[at]->unrecorded)
			return manager->entries[at];
	}
	return NULL;
}

/* A row that cannot be written keeps no other from its turn. */
static int on_record_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *manager = userdata;
	uint64_t end = now_usec(CLOCK_MONOTONIC) + RECORD_TURN_USEC;
	struct entry *entry;
	int r = 0;

	(void)source, (void)usec;
	manager->record_again = sd_event_source_disable_unref(manager->record_again);
	while (r >= 0 && (entry = next_unrecorded(manager)) && now_usec(CLOCK_MONOTONIC) < end)
		r = write_row(entry);
	if (r < 0)
		arm_record_again(manager, RECORD_AGAIN_USEC);
	else if (entry)
		arm_record_again(manager, 0);
	else
		log_info("The registry can be written again; what it missed is in it.");
	return 0;
}

static void arm_record_again(struct manager *manager, uint64_t after_usec)
{
	int r;

	if (manager->record_again)
		return;
	r = sd_event_add_time_relative(manager->event, &manager->record_again, CLOCK_MONOTONIC,
				       after_usec, 0, on_record_again, manager);
	if (r < 0)
		log_error("No timer to write to the registry again: %s", strerror(-r));
}

/* The row in memory is right also where the registry gets it later. */
static void record(struct entry *entry, const char *what)
{
	int r = write_row(entry);

	if (r >= 0)
		return;
	log_warning("%s: its %s cannot be recorded, and is tried again: %s",
		    entry->row.definition->id, what, strerror(-r));
	entry->unrecorded = true;
	arm_record_again(entry->manager, RECORD_AGAIN_USEC);
}

static void write_start(struct entry *entry, const char *invocation_id, uint64_t run, uint64_t time)
{
	struct manager *manager = entry->manager;
	struct registry_row *row = &entry->row;

	if (row->started_run != run) /* nothing is restarted out of the run before any more */
		credential_remove(manager->config.credentials_dir, row->definition->uid,
				  row->started_run);
	(void)snprintf(row->boot_id, sizeof(row->boot_id), "%s", manager->boot_id);
	(void)snprintf(row->invocation_id, sizeof(row->invocation_id), "%s", invocation_id);
	row->started_run = run;
	row->start_time = time;
	row->stopped = false;
	row->restart_count = (int32_t)entry->unit.n_restarts;
	free(TAKE(row->message));
	record(entry, "start");
}

/* How an invocation ended, as it is written down. */
struct end {
	struct exit_record exit;
	int32_t restart_count;
	bool stopped;
	uint64_t cpu_usage;
	const char *message;
};

static bool is_news(const struct registry_row *row, const struct end *end)
{
	return !exit_same(&row->last_exit, &end->exit) ||
	       row->restart_count != end->restart_count || row->stopped != end->stopped ||
	       row->cpu_usage != end->cpu_usage || !streq_null(row->message, end->message);
}

static void write_end(struct entry *entry, const struct end *end)
{
	struct registry_row *row = &entry->row;
	char *copy;

	if (!is_news(row, end) && !entry->unrecorded)
		return;
	copy = end->message ? strdup(end->message) : NULL;
	free(row->message);
	row->message = copy;
	row->last_exit = end->exit;
	row->restart_count = end->restart_count;
	row->stopped = end->stopped;
	row->cpu_usage = end->cpu_usage;
	record(entry, "end");
}

void entry_note_start(struct entry *entry)
{
	const struct unit_state *unit = &entry->unit;

	/* While it waits there is no other process yet than the last one that has run. */
	write_start(entry, unit->invocation_id, unit->run,
		    unit_state_is_waiting(unit) ? entry->row.start_time
						: unit_state_program_start(unit));
}

/*
 * The processor time of an invocation is in no signal: when it is over, the unit is read once more.
 * True where that is under way now, and what was read leads here again.
 */
static bool ask_usage(struct entry *entry)
{
	if (streq(entry->usage_of, entry->unit.invocation_id))
		return false;
	(void)snprintf(entry->usage_of, sizeof(entry->usage_of), "%s", entry->unit.invocation_id);
	return entry_read_again(entry) >= 0;
}

void entry_note_exit(struct entry *entry)
{
	const struct unit_state *unit = &entry->unit;
	struct registry_row *row = &entry->row;
	struct exit_record last;

	/* A unit of another run, which was not noted before, would speak over what came after it.
	 */
	if (!entry->loaded || unit->run == 0 || unit->run != entry->row.started_run ||
	    entry_presence(entry) == UNIT_FOREIGN)
		return;
	unit_state_exit(unit, &last);
	if (last.reason == EXIT_REASON_UNSPECIFIED)
		return;
	if (!exit_same(&row->last_exit, &last)) {
		row->last_exit = last;
		row->start_time = unit_state_program_start(unit);
		row->cpu_usage = 0; /* until it has been read */
		entry->unrecorded = true;
	}
	if (unit_state_is_backing_off(unit) && !ask_usage(entry) && !entry->reading)
		row->cpu_usage = unit_state_cpu_usage(unit);
}

void entry_note_end(struct entry *entry)
{
	const struct unit_state *unit = &entry->unit;
	bool failed = entry_presence(entry) == UNIT_FAILED;
	char text[EXIT_TEXT_MAX], message[UNIT_TEXT_MAX];
	struct end end = {
		.restart_count = (int32_t)unit->n_restarts,
		.stopped = !failed,
		.cpu_usage = unit_state_cpu_usage(unit),
		.message = message,
	};

	if (ask_usage(entry))
		return;
	if (!streq(entry->row.boot_id, entry->manager->boot_id))
		entry_note_start(entry);
	unit_state_exit(unit, &end.exit);
	if (end.exit.reason == EXIT_REASON_UNSPECIFIED)
		end.exit = entry->row.last_exit;
	exit_describe(&end.exit, text);
	if (!isempty(unit->status_text) && end.exit.reason == EXIT_REASON_START_FAILED)
		(void)snprintf(message, sizeof(message), "%s", unit->status_text);
	else if (end.exit.reason == EXIT_REASON_UNSPECIFIED)
		(void)snprintf(message, sizeof(message), "stopped");
	else
		(void)snprintf(message, sizeof(message), "%s%s", failed ? "" : "stopped: ", text);
	write_end(entry, &end);
}

void entry_note_stopped(struct entry *entry)
{
	char text[EXIT_TEXT_MAX], message[EXIT_TEXT_MAX + 64];
	struct end end = {
		.exit = entry->row.last_exit,
		.restart_count = entry->row.restart_count,
		.stopped = true,
		.cpu_usage = entry->row.cpu_usage,
		.message = "stopped while indexerd was away",
	};

	if (entry->away_exit.reason != EXIT_REASON_UNSPECIFIED) {
		end.exit = entry->away_exit;
		end.cpu_usage = 0;
		exit_describe(&end.exit, text);
		(void)snprintf(message, sizeof(message), "stopped while indexerd was away: %s",
			       text);
		end.message = message;
	}
	write_end(entry, &end);
}

void entry_note_start_failed(struct entry *entry, const char *message)
{
	const struct end end = {
		.exit = { .time = now_usec(CLOCK_REALTIME), .reason = EXIT_REASON_START_FAILED },
		.message = message,
	};

	if (!streq(entry->row.boot_id, entry->manager->boot_id) ||
	    entry->row.started_run != entry->row.run)
		write_start(entry, "", entry->row.run, 0);
	write_end(entry, &end);
}
