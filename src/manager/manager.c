/*
 * The manager: its entries, and what others see of them. See manager.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "clear/client.h"
#include "common/log.h"
#include "journal/journal.h"
#include "manager/source.h"
#include "model/exit.h"

/* The index of the first entry whose id is not less than `id`. */
static size_t lower_bound(const struct manager *manager, const char *id)
{
	size_t low = 0, high = manager->n_entries;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(manager->entries[middle]->row.definition->id, id) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

struct entry *entry_find(struct manager *manager, const char *id)
{
	size_t i = lower_bound(manager, id);

	if (i < manager->n_entries && streq(manager->entries[i]->row.definition->id, id))
		return manager->entries[i];
	return NULL;
}

struct entry *entry_find_unit(struct manager *manager, const char *unit)
{
	char id[ID_MAX];

	return id_from_unit(unit, id) ? entry_find(manager, id) : NULL;
}

bool entry_is_within(const struct entry *entry, const struct entry *ancestor)
{
	for (; entry; entry = entry->parent)
		if (entry == ancestor)
			return true;
	return false;
}

void entry_lineage(const struct entry *entry, char ret[LINEAGE_MAX])
{
	const struct entry *levels[LINEAGE_LEVELS_MAX];
	size_t n = 0;
	char *p = ret;

	for (; entry && n < ELEMENTSOF(levels); entry = entry->parent)
		levels[n++] = entry;
	while (n-- > 0)
		p += sprintf(p, "%s%s", levels[n]->row.definition->uid, n > 0 ? "/" : "");
}

/* Tells the journal whose the unit is. */
static int introduce(const struct entry *entry)
{
	const struct definition *definition = entry->row.definition;
	char lineage[LINEAGE_MAX];

	entry_lineage(entry, lineage);
	return journal_add_indexer(entry->manager->config.journal, definition->id, lineage,
				   definition->create_time);
}

int entry_add(struct manager *manager, struct registry_row *row, struct entry **ret)
{
	struct entry *entry = calloc(1, sizeof(*entry)), **entries;
	size_t i;

	if (!entry)
		return -ENOMEM;
	entries = reallocarray(manager->entries, manager->n_entries + 1, sizeof(*entries));
	if (!entries) {
		free(entry);
		return -ENOMEM;
	}
	manager->entries = entries;
	entry->manager = manager;
	unit_state_init(&entry->unit);
	entry->row = *row;
	if (entry->row.definition->spawned_by)
		entry->parent = entry_find(manager, entry->row.definition->spawned_by);
	if (introduce(entry) < 0) {
		free(entry);
		return -ENOMEM;
	}
	*row = (struct registry_row){};
	if (entry->parent)
		entry->parent->n_children++;
	for (struct entry *above = entry->parent; above; above = above->parent)
		above->n_descendants++;

	i = lower_bound(manager, entry->row.definition->id);
	memmove(&entries[i + 1], &entries[i], (manager->n_entries - i) * sizeof(*entries));
	entries[i] = entry;
	manager->n_entries++;
	*ret = entry;
	return 0;
}

static void entry_free(struct entry *entry)
{
	assert(!entry->waiters);
	sd_event_source_disable_unref(entry->retry);
	sd_event_source_disable_unref(entry->limit);
	sd_event_source_disable_unref(entry->let_go);
	view_unref(entry->view);
	registry_row_clear(&entry->row);
	free(entry->job);
	free(entry->ended_job);
	free(entry->trouble);
	free(entry->kept_words);
	spec_clear(&entry->spec);
	free(entry);
}

void entry_drop(struct entry *entry)
{
	struct manager *manager = entry->manager;
	size_t i = lower_bound(manager, entry->row.definition->id);

	assert(manager->entries[i] == entry);
	assert(entry->operation == OPERATION_NONE && !entry->fetch && !entry->queued &&
	       entry->n_children == 0);
	manager->n_entries--;
	memmove(&manager->entries[i], &manager->entries[i + 1],
		(manager->n_entries - i) * sizeof(*manager->entries));
	if (entry->parent)
		entry->parent->n_children--;
	for (struct entry *above = entry->parent; above; above = above->parent)
		above->n_descendants--;
	entry_free(entry);
	manager->dirty = true;
}

static bool same_status(const struct status *a, const struct status *b)
{
	return a->state == b->state && streq(a->invocation_id, b->invocation_id) &&
	       a->main_pid == b->main_pid && a->restart_count == b->restart_count &&
	       a->start_time == b->start_time && exit_same(&a->last_exit, &b->last_exit) &&
	       a->cpu_usage == b->cpu_usage && streq_null(a->control_group, b->control_group) &&
	       streq_null(a->message, b->message) && progress_same(&a->progress, &b->progress);
}

void entry_refresh(struct entry *entry)
{
	_cleanup_(status_clear) struct status status = {};
	struct view *view;
	int r = entry_status(entry, &status);

	/* systemd sends a dozen signals for each start; most of them change nothing that is shown.
	 */
	if (r >= 0 && entry->view && entry->view->definition == entry->row.definition &&
	    same_status(&entry->view->status, &status))
		return;
	if (r >= 0)
		r = view_new(entry->row.definition, &status, &view);
	if (r < 0) {
		log_error("%s: its state cannot be shown: %s", entry->row.definition->id,
			  strerror(-r));
		return;
	}
	view_unref(entry->view);
	entry->view = view;
	entry->manager->dirty = true;
}

void manager_publish(struct manager *manager)
{
	_cleanup_free_ struct view **views = NULL;
	struct snapshot *snapshot;
	size_t n = 0;

	if (!manager->dirty)
		return;
	views = calloc(MAX(manager->n_entries, (size_t)1), sizeof(*views));
	if (!views)
		goto failed;
	for (size_t i = 0; i < manager->n_entries; i++)
		if (manager->entries[i]->view)
			views[n++] = view_ref(manager->entries[i]->view);
	if (snapshot_new(views, n, &snapshot) < 0) {
		for (size_t i = 0; i < n; i++)
			view_unref(views[i]);
		goto failed;
	}
	(void)TAKE(views);
	snapshot_box_put(manager->snapshots, snapshot_ref(snapshot));
	manager->dirty = false;
	if (manager->published)
		manager->published(snapshot, manager->published_userdata);
	snapshot_unref(snapshot);
	return;

failed: /* stays dirty, so the next change tries again */
	log_error("No memory for a new snapshot; readers see the old one.");
}

static int load_row(struct registry_row *row, void *userdata)
{
	struct manager *manager = userdata;
	struct entry *entry;
	struct registry_row copy = *row;
	int r;

	copy.definition = definition_ref(row->definition);
	if (row->message && !(copy.message = strdup(row->message))) {
		definition_unref(copy.definition);
		return -ENOMEM;
	}
	r = entry_add(manager, &copy, &entry);
	if (r < 0) {
		registry_row_clear(&copy);
		return r;
	}
	entry->was_begun = entry->row.tombstone;
	entry_refresh(entry);
	return 0;
}

static int copy_strings(const char *const *strings, char ***ret)
{
	size_t n = 0;
	char **copy;

	while (strings[n])
		n++;
	copy = calloc(n + 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*ret = copy;
	for (size_t i = 0; i < n; i++)
		if (!(copy[i] = strdup(strings[i])))
			return -ENOMEM;
	return 0;
}

static int copy_config(struct manager *manager, const struct manager_config *config)
{
	const char **const owned[] = {
		&manager->config.registry_path,	   &manager->config.credentials_dir,
		&manager->config.runner_address,   &manager->config.exec_path,
		&manager->config.unit_group,	   &manager->config.clear_socket,
		&manager->config.source.cache_dir, &manager->config.source.fetch_path,
	};

	manager->config = *config;
	manager->config.persistence = (struct persistence){};
	for (size_t i = 0; i < ELEMENTSOF(owned); i++)
		*owned[i] = strdup(*owned[i]);
	for (size_t i = 0; i < ELEMENTSOF(owned); i++)
		if (!*owned[i])
			return -ENOMEM;
	if (config->log.log_namespace &&
	    !(manager->config.log.log_namespace = strdup(config->log.log_namespace)))
		return -ENOMEM;
	if (config->abandoned && !(manager->config.abandoned = strdup(config->abandoned)))
		return -ENOMEM;
	if (persistence_copy(&config->persistence, &manager->config.persistence) < 0)
		return -ENOMEM;
	return copy_strings(config->runtime_dirs, &manager->runtime_dirs);
}

static void free_config(struct manager *manager)
{
	free((char *)manager->config.registry_path);
	free((char *)manager->config.credentials_dir);
	free((char *)manager->config.runner_address);
	free((char *)manager->config.exec_path);
	free((char *)manager->config.unit_group);
	free((char *)manager->config.log.log_namespace);
	free((char *)manager->config.clear_socket);
	free((char *)manager->config.source.cache_dir);
	free((char *)manager->config.source.fetch_path);
	free((char *)manager->config.abandoned);
	persistence_clear(&manager->config.persistence);
	for (char **p = manager->runtime_dirs; p && *p; p++)
		free(*p);
	free(manager->runtime_dirs);
}

struct manager *manager_free(struct manager *manager)
{
	if (!manager)
		return NULL;
	manager_refuse_waiting(manager);
	journal_end_deletions(manager->config.journal);
	loop_queue_free(manager->loop);
	clear_client_free(manager->clear);
	systemd_free(manager->systemd);
	sd_event_source_disable_unref(manager->deferred);
	sd_event_source_disable_unref(manager->settle);
	sd_event_source_disable_unref(manager->progress);
	sd_event_source_disable_unref(manager->look_again);
	sd_event_source_disable_unref(manager->record_again);
	fetches_free(manager);
	checkouts_free(manager);
	for (size_t i = 0; i < manager->n_entries; i++)
		entry_free(manager->entries[i]);
	free(manager->entries);
	registry_close(manager->registry);
	runtime_set_free(manager->runtimes);
	snapshot_box_free(manager->snapshots);
	free_config(manager);
	sd_event_unref(manager->event);
	free(manager);
	return NULL;
}

int manager_new(sd_event *event, const struct manager_config *config, struct manager **ret)
{
	_cleanup_(manager_freep) struct manager *manager = calloc(1, sizeof(*manager));
	sd_id128_t boot;
	int r;

	if (!manager)
		return -ENOMEM;
	manager->event = sd_event_ref(event);
	r = copy_config(manager, config);
	r = r < 0 ? r : sd_id128_get_boot(&boot);
	r = r < 0 ? r : persistence_check(&manager->config.persistence);
	r = r < 0 ? r
		  : clear_client_new(event, manager->config.clear_socket,
				     manager->config.clear_timeout_usec, &manager->clear);
	if (r < 0)
		return r;
	(void)sd_id128_to_string(boot, manager->boot_id);
	r = snapshot_box_new(&manager->snapshots);
	r = r < 0 ? r : manager_reload(manager);
	r = r < 0 ? r : registry_open(manager->config.registry_path, &manager->registry);
	r = r < 0 ? r : registry_load(manager->registry, load_row, manager);
	if (r >= 0)
		credentials_sweep(manager);
	r = r < 0 ? r : loop_queue_new(event, &manager->loop);
	r = r < 0 ? r : evaluate_setup(manager);
	r = r < 0 ? r : sync_setup(manager);
	r = r < 0 ? r : checkouts_load(manager);
	r = r < 0 ? r : systemd_new(event, &manager_systemd_events, manager, &manager->systemd);
	if (r < 0)
		return r;
	manager_publish(manager);
	*ret = TAKE(manager);
	return 0;
}

/* An indexer whose runtime was not there has not been started after all. */
static void try_runtime_again(struct entry *entry)
{
	if (!entry->runtime_missing)
		return;
	entry->runtime_missing = false;
	entry->row.started_run = 0;
	entry_queue(entry);
}

int manager_reload(struct manager *manager)
{
	struct runtime_set *runtimes;
	int r = runtime_set_load((const char *const *)manager->runtime_dirs, &runtimes);

	if (r < 0)
		return r;
	runtime_set_free(manager->runtimes);
	manager->runtimes = runtimes;
	for (size_t i = 0; i < manager->n_entries; i++)
		try_runtime_again(manager->entries[i]);
	return 0;
}

bool manager_list_has_index(const struct filter *filter)
{
	return registry_list_has_index(filter);
}

int manager_list(struct manager *manager, const struct filter *filter, const char *after,
		 int (*each)(const char *id, void *userdata), void *userdata)
{
	return registry_list(manager->registry, filter, after, each, userdata);
}

struct snapshot_box *manager_snapshots(struct manager *manager)
{
	return manager->snapshots;
}

void manager_on_removed(struct manager *manager, manager_removed *removed, void *userdata)
{
	manager->removed = removed;
	manager->removed_userdata = userdata;
}

void manager_on_stopped(struct manager *manager, manager_removed *stopped, void *userdata)
{
	manager->stopped = stopped;
	manager->stopped_userdata = userdata;
}

void manager_on_published(struct manager *manager, manager_published *published, void *userdata)
{
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot = snapshot_box_get(manager->snapshots);

	manager->published = published;
	manager->published_userdata = userdata;
	if (published)
		published(snapshot, userdata);
}

void manager_on_synced(struct manager *manager, manager_synced *synced, void *userdata)
{
	manager->on_synced = synced;
	manager->synced_userdata = userdata;
}

void manager_refuse_waiting(struct manager *manager)
{
	_cleanup_refusal_ struct refusal refusal = {};

	if (!manager)
		return;
	if (refuse(&refusal, CODE_UNAVAILABLE, "SHUTTING_DOWN", NULL,
		   "indexerd is shutting down; what was begun is finished when it is back") < 0)
		return;
	refusal.retry_after_usec = RETRY_SOON_USEC;
	for (size_t i = 0; i < manager->n_entries; i++) {
		waiters_refuse(manager->entries[i], CALL_SETTLE, &refusal);
		waiters_refuse(manager->entries[i], CALL_STOP, &refusal);
		waiters_refuse(manager->entries[i], CALL_DELETE, &refusal);
	}
}
