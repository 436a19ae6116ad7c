/*
 * Looking around: what systemd says, unasked and asked.
 *
 * After each (re)connection all units of ours are listed and read once; from then on signals keep
 * the picture true. Nothing is decided about an entry before its unit was asked about.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "common/timer.h"
#include "manager/private.h"

#define PROPERTY_GROUP "ControlGroup"

/* Signals that belong together come one soon after the other; but nobody waits for ever. */
#define SETTLE_USEC	(30 * USEC_PER_MSEC)
#define SETTLE_MAX_USEC (300 * USEC_PER_MSEC)

/* How often progress is shown at most, as all figures are. */
#define PROGRESS_USEC (1 * USEC_PER_SEC)

/* How long the job of a wait is left alone. */
#define LET_GO_USEC (2 * USEC_PER_SEC)

/* A list that failed is asked for again after this. */
#define LOOK_AGAIN_USEC (1 * USEC_PER_SEC)

/* A call about a unit: the entry may be gone when the answer comes, so it is found again by its
 * unit.
 */
struct query {
	struct manager *manager;
	bool counted; /* of the look around */
	char unit[UNIT_MAX_SIZE];
};

static struct query *query_new(struct manager *manager, const char *unit, bool counted)
{
	struct query *query = calloc(1, sizeof(*query));

	if (!query)
		return NULL;
	query->manager = manager;
	query->counted = counted;
	(void)snprintf(query->unit, sizeof(query->unit), "%s", unit);
	return query;
}

static void look_around_done(struct manager *manager)
{
	if (manager->synced)
		return;
	manager->synced = true;
	log_info("%zu indexers are known", manager->n_entries);
	manager_publish(manager);
	if (manager->on_synced)
		manager->on_synced(manager->synced_userdata);
}

/*
 * Whoever holds connections of an invocation that is over is not the indexer any more, however that
 * end became known.
 */
static void note_invocation(struct entry *entry)
{
	struct manager *manager = entry->manager;
	const struct unit_state *unit = &entry->unit;
	bool is_live =
		(entry->loaded || entry->operation != OPERATION_NONE) && unit_state_is_live(unit);
	const char *invocation_id = is_live ? unit->invocation_id : "";

	if (entry->operation == OPERATION_NONE && !entry->asked)
		return; /* not known yet, which is no end */
	if (streq(invocation_id, entry->live_invocation))
		return;
	if (!isempty(entry->live_invocation) && manager->stopped)
		manager->stopped(entry->row.definition->uid, manager->stopped_userdata);
	memcpy(entry->live_invocation, invocation_id, strlen(invocation_id) + 1);
}

/* Without the reference it is pinned when it is read the next time. */
static void on_pinned(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct query *query = userdata;
	struct entry *entry = entry_find_unit(query->manager, query->unit);

	ignore_result(result, NULL);
	if (entry && result->error < 0)
		entry->pinned = false;
}

void entry_pin(struct entry *entry)
{
	_cleanup_free_ struct query *query = NULL;
	char unit[UNIT_MAX_SIZE];

	if (entry->pinned)
		return;
	unit_from_id(entry->row.definition->id, unit);
	query = query_new(entry->manager, unit, false);
	if (query && systemd_ref_unit(entry->manager->systemd, unit, on_pinned, query) >= 0) {
		entry->pinned = true;
		(void)TAKE(query);
	}
}

/* An answer that is an error says nothing about the unit: it is asked again later. */
static int read_unit(struct entry *entry, const struct systemd_result *result)
{
	struct unit_state state;
	int r = result->error;

	unit_state_init(&state);
	if (r == 0)
		r = unit_state_read(result->reply, &state);
	if (r < 0)
		return r;
	entry->unit = state;
	/* A name that is only asked about is loaded for a moment, as "not-found". */
	entry->loaded = !streq(state.load_state, "not-found");
	entry->asked = true;
	if (entry->loaded && entry_presence(entry) != UNIT_FOREIGN)
		entry_pin(entry);
	return 0;
}

/* The end of a job may have been told to nobody while PID 1 executed itself anew. */
static void check_job(struct entry *entry, const struct systemd_result *result)
{
	struct unit_state state;

	unit_state_init(&state);
	if (!entry->job || result->error < 0 || unit_state_read(result->reply, &state) < 0 ||
	    state.job != 0)
		return;
	entry->unit = state;
	entry_job_removed(entry, entry->job);
}

static bool waits_with_job(const struct entry *entry)
{
	struct backoff_wait wait;

	return entry->unit.job != 0 && entry->operation == OPERATION_NONE &&
	       entry_presence(entry) == UNIT_LIVE && unit_state_wait(&entry->unit, &wait);
}

static int on_let_go(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct entry *entry = userdata;
	int r = 0;

	(void)source, (void)usec;
	entry->let_go = sd_event_source_disable_unref(entry->let_go);
	if (waits_with_job(entry))
		r = systemd_cancel_start(entry->manager->systemd, entry->unit.job);
	if (r < 0)
		log_debug("%s: its job stays: %s", entry->row.definition->id, strerror(-r));
	return 0;
}

/*
 * A unit that waits before a restart has a job for as long as that, and systemd has not finished
 * booting while there is any: with some crash loops on a server it never would, and would say so on
 * the console. The job is of no use to anybody, and without it the unit goes on with what it does.
 * Not at once: who saw the process end may be about to restart the unit by hand, and systemd would
 * put that into the same job.
 */
static void let_job_go(struct entry *entry)
{
	int r;

	if (entry->let_go || !waits_with_job(entry))
		return;
	r = sd_event_add_time_relative(entry->manager->event, &entry->let_go, CLOCK_MONOTONIC,
				       LET_GO_USEC, 0, on_let_go, entry);
	if (r < 0)
		log_error("%s: no timer for its job: %s", entry->row.definition->id, strerror(-r));
}

static void on_unit_read(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct query *query = userdata;
	struct manager *manager = query->manager;
	struct entry *entry = entry_find_unit(manager, query->unit);

	if (result->error == -ECONNRESET)
		return; /* all is asked again when the bus is back */
	if (entry)
		entry->reading = false;
	if (entry && entry->operation != OPERATION_NONE)
		check_job(entry, result);
	else if (entry && read_unit(entry, result) < 0)
		entry_ask_later(entry, result->text ? result->text : "its answer cannot be read");
	if (entry) {
		note_invocation(entry);
		entry_note_exit(entry);
		let_job_go(entry);
		entry_refresh(entry);
		entry_queue(entry);
	}
	if (query->counted && manager->n_queries > 0 && --manager->n_queries == 0)
		look_around_done(manager);
}

static int send_query(struct manager *manager, const char *unit, bool counted)
{
	_cleanup_free_ struct query *query = query_new(manager, unit, counted);
	int r;

	if (!query)
		return -ENOMEM;
	r = systemd_query(manager->systemd, unit, on_unit_read, query);
	if (r < 0)
		return r;
	(void)TAKE(query);
	return 0;
}

int entry_read_again(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	unit_from_id(entry->row.definition->id, unit);
	r = send_query(entry->manager, unit, false);
	entry->reading = r >= 0;
	return r;
}

void entry_query(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	unit_from_id(entry->row.definition->id, unit);
	entry->asked = false;
	r = send_query(entry->manager, unit, false);
	if (r < 0 && r != -ENOTCONN) /* without a connection all is asked when it is back */
		entry_ask_later(entry, strerror(-r));
}

static int read_list(struct manager *manager, sd_bus_message *reply)
{
	const char *unit;
	int r;

	for (size_t i = 0; i < manager->n_entries; i++)
		manager->entries[i]->listed = false;
	r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &unit, NULL, NULL, NULL,
						  NULL, NULL, NULL, NULL, NULL, NULL)) > 0) {
		struct entry *entry = entry_find_unit(manager, unit);

		if (entry)
			entry->listed = true;
		else
			tree_found(manager, unit);
	}
	return r;
}

static void query_listed(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	unit_from_id(entry->row.definition->id, unit);
	r = send_query(entry->manager, unit, true);
	if (r >= 0)
		entry->manager->n_queries++;
	else if (entry->operation == OPERATION_NONE)
		entry_ask_later(entry, strerror(-r));
}

/*
 * What is not in the list is not there; what is in it is read. An operation keeps its own account,
 * and is only asked whether its job is still there.
 */
static void take_list(struct manager *manager)
{
	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		if (entry->operation == OPERATION_NONE) {
			entry->asked = !entry->listed;
			entry->loaded &= entry->listed;
		} else if (!entry->job) {
			continue;
		}
		if (entry->listed)
			query_listed(entry);
		else if (entry->job) /* it was asked for before the list */
			entry_job_removed(entry, entry->job);
		note_invocation(entry);
		entry_refresh(entry);
		entry_queue(entry);
	}
}

static void on_resync(void *userdata);

static int on_look_again(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *manager = userdata;

	(void)source, (void)usec;
	manager->look_again = sd_event_source_disable_unref(manager->look_again);
	on_resync(manager);
	return 0;
}

static void look_again_later(struct manager *manager, const char *text)
{
	int r = 0;

	log_warning("systemd's units cannot be listed: %s", text);
	if (!manager->look_again)
		r = sd_event_add_time_relative(manager->event, &manager->look_again,
					       CLOCK_MONOTONIC, LOOK_AGAIN_USEC, 0, on_look_again,
					       manager);
	if (r < 0)
		log_error("No timer to look again: %s", strerror(-r));
}

static void on_list(const struct systemd_result *result, void *userdata)
{
	struct manager *manager = userdata;
	int r = result->error;

	if (r == -ECONNRESET)
		return; /* all is asked again when the bus is back */
	manager->n_queries = 0;
	if (r == 0)
		r = read_list(manager, result->reply);
	if (r < 0) {
		look_again_later(manager, result->text ? result->text : strerror(-r));
		return;
	}
	take_list(manager);
	if (manager->n_queries == 0)
		look_around_done(manager);
	fetches_resync(manager);
}

static void on_resync(void *userdata)
{
	struct manager *manager = userdata;
	int r = systemd_list(manager->systemd, on_list, manager);

	if (r < 0 && r != -ENOTCONN)
		look_again_later(manager, strerror(-r));
}

static void on_lost(void *userdata)
{
	struct manager *manager = userdata;

	fetches_lost(manager);
	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		entry->asked = entry->pinned = entry->reading = false;
		entry->slice_pins = 0;
		entry->retry = sd_event_source_disable_unref(entry->retry);
		entry_operation_lost(entry);
		entry_refresh(entry);
	}
	manager_publish(manager);
}

static void on_group_read(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct query *query = userdata;
	struct entry *entry = entry_find_unit(query->manager, query->unit);
	int r = result->error;

	if (!entry)
		return;
	/* Of another invocation it is the same, or will be asked for. */
	r = r < 0 ? r : unit_state_read_property(result->reply, PROPERTY_GROUP, &entry->unit);
	if (r < 0)
		entry->group_of[0] = '\0'; /* with the next signal */
	entry_refresh(entry);
	entry_queue(entry);
}

/*
 * The control group is in no signal: it is asked for once for each invocation, as soon as there is
 * a process, and so is known when the start is over.
 */
static void ask_group(struct entry *entry)
{
	_cleanup_free_ struct query *query = NULL;
	struct unit_state *state = &entry->unit;
	char unit[UNIT_MAX_SIZE];

	if (state->main_pid == 0 || !isempty(state->control_group) ||
	    streq(entry->group_of, state->invocation_id))
		return;
	unit_from_id(entry->row.definition->id, unit);
	query = query_new(entry->manager, unit, false);
	if (!query || systemd_query_property(entry->manager->systemd, unit, PROPERTY_GROUP,
					     on_group_read, query) < 0)
		return;
	(void)TAKE(query);
	(void)snprintf(entry->group_of, sizeof(entry->group_of), "%s", state->invocation_id);
}

static void take_up(struct entry *entry)
{
	entry->settling = false;
	entry_refresh(entry);
	entry_queue(entry);
}

static int on_settled(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *manager = userdata;

	(void)source, (void)usec;
	manager->settling_since = 0;
	for (size_t i = 0; i < manager->n_entries; i++)
		if (manager->entries[i]->settling)
			take_up(manager->entries[i]);
	return 0;
}

static int on_moved(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *manager = userdata;

	(void)source, (void)usec;
	manager->progress_shown = now_usec(CLOCK_MONOTONIC);
	for (size_t i = 0; i < manager->n_entries; i++)
		if (manager->entries[i]->moved) {
			manager->entries[i]->moved = false;
			entry_refresh(manager->entries[i]);
		}
	manager_publish(manager);
	return 0;
}

int sync_setup(struct manager *manager)
{
	int r = timer_new(manager->event, 1, on_settled, manager, &manager->settle);

	return r < 0 ? r : timer_new(manager->event, 1, on_moved, manager, &manager->progress);
}

/* Something waits for what the unit does now. */
static bool is_awaited(const struct entry *entry)
{
	return entry->operation != OPERATION_NONE || entry->waiters || entry->row.tombstone;
}

/*
 * systemd tells of one turn of a unit's in several signals: a restart goes through "failed", and a
 * process is there before its unit is active. What is in between is shown to nobody.
 */
static void settle_later(struct entry *entry)
{
	struct manager *manager = entry->manager;
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	entry->settling = true;
	if (manager->settling_since == 0)
		manager->settling_since = now;
	if (sd_event_source_set_time(
		    manager->settle,
		    MIN(now + SETTLE_USEC, manager->settling_since + SETTLE_MAX_USEC)) < 0 ||
	    sd_event_source_set_enabled(manager->settle, SD_EVENT_ONESHOT) < 0)
		take_up(entry);
}

/*
 * Nothing has changed but how far the indexer has come, which is nothing to be decided upon. Any
 * process of the unit may say so as often as it likes; what all of them say is shown together.
 */
static void show_progress_later(struct entry *entry)
{
	struct manager *manager = entry->manager;
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	int enabled;

	entry->moved = true;
	if (sd_event_source_get_enabled(manager->progress, &enabled) >= 0 &&
	    enabled != SD_EVENT_OFF)
		return;
	if (sd_event_source_set_time(manager->progress,
				     MAX(now, manager->progress_shown + PROGRESS_USEC)) < 0 ||
	    sd_event_source_set_enabled(manager->progress, SD_EVENT_ONESHOT) < 0)
		take_up(entry);
}

static void on_unit_changed(const char *unit, sd_bus_message *changes, void *userdata)
{
	struct manager *manager = userdata;
	struct entry *entry = entry_find_unit(manager, unit);
	struct unit_state before;
	int r;

	if (!entry || (!entry->loaded && entry->operation == OPERATION_NONE))
		return;
	before = entry->unit;
	r = unit_state_read(changes, &entry->unit);
	if (r < 0) {
		log_warning("%s: its properties cannot be read: %s", unit, strerror(-r));
		return;
	}
	note_invocation(entry);
	unit_state_forget(&entry->unit, before.invocation_id);
	ask_group(entry);
	entry_note_exit(entry);
	let_job_go(entry);
	if (is_awaited(entry))
		take_up(entry);
	else if (!entry->settling && unit_state_same_but_progress(&before, &entry->unit))
		show_progress_later(entry);
	else
		settle_later(entry);
}

static void on_unit_new(const char *unit, void *userdata)
{
	struct entry *entry = entry_find_unit(userdata, unit);

	/* While a start of ours is under way it is ours; otherwise somebody else loads the name. */
	if (entry && entry->operation == OPERATION_NONE && !entry->loaded)
		entry_query(entry);
}

static void on_unit_removed(const char *unit, void *userdata)
{
	struct entry *entry = entry_find_unit(userdata, unit);

	if (!entry || !entry->loaded || entry->operation != OPERATION_NONE)
		return;
	entry->loaded = false;
	entry_queue(entry);
}

static void on_job_removed(const char *unit, const char *job, const char *result, void *userdata)
{
	struct entry *entry = entry_find_unit(userdata, unit);

	(void)result; /* the unit's state says more */
	if (entry)
		entry_job_removed(entry, job);
}

static void on_fetch_ended(const char *unit, void *userdata)
{
	fetches_unit_ended(userdata, unit);
}

const struct systemd_events manager_systemd_events = {
	.resync = on_resync,
	.lost = on_lost,
	.unit_changed = on_unit_changed,
	.unit_new = on_unit_new,
	.unit_removed = on_unit_removed,
	.job_removed = on_job_removed,
	.fetch_ended = on_fetch_ended,
};
