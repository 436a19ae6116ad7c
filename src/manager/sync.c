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
#include "manager/private.h"

/* A query in flight: the entry may be gone when the answer comes, so it is found again by its unit.
 */
struct query {
	struct manager *manager;
	bool counted; /* of the look around */
	char unit[UNIT_MAX_SIZE];
};

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

static void on_pinned(const struct systemd_result *result, void *userdata)
{
	(void)userdata;
	if (result->error < 0)
		log_debug("A unit cannot be pinned: %s", result->text ? result->text : "?");
}

void entry_pin(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];

	if (entry->pinned)
		return;
	unit_from_id(entry->row.definition->id, unit);
	if (systemd_ref_unit(entry->manager->systemd, unit, on_pinned, NULL) >= 0)
		entry->pinned = true;
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

static void on_unit_read(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct query *query = userdata;
	struct manager *manager = query->manager;
	struct entry *entry = entry_find_unit(manager, query->unit);

	if (result->error == -ECONNRESET)
		return; /* all is asked again when the bus is back */
	if (entry && entry->operation == OPERATION_NONE && read_unit(entry, result) < 0)
		entry_ask_later(entry, result->text ? result->text : "its answer cannot be read");
	if (entry) {
		entry_refresh(entry);
		entry_queue(entry);
	}
	if (query->counted && manager->n_queries > 0 && --manager->n_queries == 0)
		look_around_done(manager);
}

static int send_query(struct manager *manager, const char *unit, bool counted)
{
	_cleanup_free_ struct query *query = calloc(1, sizeof(*query));
	int r;

	if (!query)
		return -ENOMEM;
	query->manager = manager;
	query->counted = counted;
	(void)snprintf(query->unit, sizeof(query->unit), "%s", unit);
	r = systemd_query(manager->systemd, unit, on_unit_read, query);
	if (r < 0)
		return r;
	(void)TAKE(query);
	return 0;
}

void entry_query(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	unit_from_id(entry->row.definition->id, unit);
	entry->asked = false;
	r = send_query(entry->manager, unit, false);
	if (r < 0 && r != -ENOTCONN)
		log_warning("%s: systemd cannot be asked: %s", unit, strerror(-r));
}

/* What is not in the list is not there; what is in it is read. An operation keeps its own account.
 */
static int read_list(struct manager *manager, sd_bus_message *reply)
{
	const char *unit, *load_state;
	int r;

	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		if (entry->operation != OPERATION_NONE)
			continue;
		entry->asked = true;
		entry->loaded = false;
	}
	r = sd_bus_message_enter_container(reply, 'a', "(ssssssouso)");
	while (r >= 0 && (r = sd_bus_message_read(reply, "(ssssssouso)", &unit, NULL, &load_state,
						  NULL, NULL, NULL, NULL, NULL, NULL, NULL)) > 0) {
		struct entry *entry = entry_find_unit(manager, unit);

		if (!entry || entry->operation != OPERATION_NONE)
			continue;
		entry->asked = false;
		r = send_query(manager, unit, true);
		if (r >= 0)
			manager->n_queries++;
	}
	return r;
}

static void on_list(const struct systemd_result *result, void *userdata)
{
	struct manager *manager = userdata;
	int r = result->error;

	manager->n_queries = 0;
	if (r == 0)
		r = read_list(manager, result->reply);
	if (r < 0) {
		log_warning("systemd's units cannot be listed: %s",
			    result->text ? result->text : strerror(-r));
		return;
	}
	for (size_t i = 0; i < manager->n_entries; i++) {
		entry_refresh(manager->entries[i]);
		entry_queue(manager->entries[i]);
	}
	if (manager->n_queries == 0)
		look_around_done(manager);
}

static void on_resync(void *userdata)
{
	struct manager *manager = userdata;
	int r = systemd_list(manager->systemd, on_list, manager);

	if (r < 0)
		log_error("systemd cannot be asked for its units: %s", strerror(-r));
}

static void on_lost(void *userdata)
{
	struct manager *manager = userdata;

	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		entry->asked = entry->pinned = false;
		entry_operation_lost(entry);
		entry_refresh(entry);
	}
	manager_publish(manager);
}

static void on_unit_changed(const char *unit, sd_bus_message *changes, void *userdata)
{
	struct manager *manager = userdata;
	struct entry *entry = entry_find_unit(manager, unit);
	bool was_live;
	int r;

	if (!entry || (!entry->loaded && entry->operation == OPERATION_NONE))
		return;
	was_live = unit_state_is_live(&entry->unit);
	r = unit_state_read(changes, &entry->unit);
	if (r < 0) {
		log_warning("%s: its properties cannot be read: %s", unit, strerror(-r));
		return;
	}
	if (was_live && !unit_state_is_live(&entry->unit) && manager->stopped)
		manager->stopped(entry->row.definition->uid, manager->stopped_userdata);
	entry_queue(entry);
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
	entry->loaded = entry->pinned = false;
	entry_queue(entry);
}

static void on_job_removed(const char *unit, const char *job, const char *result, void *userdata)
{
	struct entry *entry = entry_find_unit(userdata, unit);

	(void)result; /* the unit's state says more */
	if (entry)
		entry_job_removed(entry, job);
}

const struct systemd_events manager_systemd_events = {
	.resync = on_resync,
	.lost = on_lost,
	.unit_changed = on_unit_changed,
	.unit_new = on_unit_new,
	.unit_removed = on_unit_removed,
	.job_removed = on_job_removed,
};
