/*
 * Starting: the credential of a run, its unit, and what systemd says to that. Beside it the unit
 * that runs nothing, by which the state of one that is gone is cleared.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "manager/source.h"
#include "model/names.h"

static int send_start(struct entry *entry);

static void on_reset(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;
	int r;

	/* Whatever the answer was: the second refusal of the start is the one that counts. */
	if (is_bus_gone(result->error)) {
		entry_operation_lost(entry);
		return;
	}
	entry_operation_step(entry);
	r = send_start(entry);
	if (r < 0)
		entry_operation_failed(entry, "it cannot be started", strerror(-r));
}

/* The name is taken: by a leftover of ours, which can be reset, or by somebody else's unit. */
static bool try_again_after_reset(struct entry *entry, const struct systemd_result *result)
{
	char unit[UNIT_MAX_SIZE];

	if (entry->retried || !result->name || !streq(result->name, SYSTEMD_ERROR_UNIT_EXISTS))
		return false;
	entry->retried = true;
	entry_operation_step(entry);
	unit_from_id(entry->row.definition->id, unit);
	/* One of ours may be held by nothing but our own reference. */
	(void)systemd_unref_unit(entry->manager->systemd, unit, ignore_result, NULL);
	return systemd_reset_failed(entry->manager->systemd, unit, on_reset, entry) >= 0;
}

static void on_started(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;
	const char *text = systemd_result_words(result);

	if (result->error == 0) {
		entry->loaded = entry->asked = entry->pinned = true;
		entry->unit.run = entry->operation == OPERATION_START ? entry->starting_run : 0;
		(void)snprintf(entry->unit.indexer_uid, sizeof(entry->unit.indexer_uid), "%s",
			       entry->row.definition->uid);
		memcpy(entry->unit.slice, entry->starting_slice, sizeof(entry->unit.slice));
		entry_wait_for_job(entry, result->reply);
		entry_refresh(entry);
		return;
	}
	if (is_bus_gone(result->error)) {
		entry_operation_lost(entry);
		return;
	}
	if (try_again_after_reset(entry, result))
		return;
	/* Its slice is just being stopped: that is over when it is tried again. */
	if (entry->operation == OPERATION_HOLD || result->transient ||
	    (result->name && streq(result->name, SYSTEMD_ERROR_DESTRUCTIVE))) {
		entry_operation_failed(entry, "it cannot be started", text);
		return;
	}
	log_warning("%s: systemd refuses to start it: %s", entry->row.definition->id, text);
	/* Another run may be wanted meanwhile, and has not been refused. */
	if (entry->starting_run == entry->row.run)
		entry_note_start_failed(entry, text);
	entry_operation_end(entry);
}

/* Makes the spec where no call has just made it: after a restart of the daemon or of the
 * machine. */
static int make_spec(struct entry *entry, struct refusal *refusal)
{
	const struct manager *manager = entry->manager;
	const struct definition *definition = entry->row.definition;
	const char *source = *definition->checkout.key ? PROJECT_TREE : NULL;
	_cleanup_(kv_list_clear) struct kv_list state = {};
	const struct runtime *runtime;
	int r;

	if (entry->spec.data)
		return 0;
	runtime = runtime_set_find(manager->runtimes, definition->runtime);
	entry->runtime_missing = !runtime;
	if (!runtime)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "RUNTIME_UNKNOWN", "indexer.runtime",
			      "the runtime \"%s\" is no longer there", definition->runtime);
	r = secrets_check_allowed(manager, definition, refusal);
	r = r != 0 ? r : persistence_variables(runtime, definition, &state, refusal);
	return r != 0 ? r
		      : runtime_make_spec(runtime, definition, source,
					  manager->config.runner_address, &state, &entry->spec.data,
					  &entry->spec.size, refusal);
}

static int write_spec(struct entry *entry, struct refusal *refusal)
{
	int r = make_spec(entry, refusal);

	if (r != 0)
		return r;
	r = credential_write(entry->manager->config.credentials_dir, entry->row.definition->uid,
			     entry->row.run, entry->spec.data, entry->spec.size);
	spec_clear(&entry->spec);
	if (r < 0)
		return r;
	/* One that never came to run, because another was asked for meanwhile. */
	if (entry->written_run != 0 && entry->written_run != entry->row.run &&
	    entry->written_run != entry->row.started_run)
		credential_remove(entry->manager->config.credentials_dir,
				  entry->row.definition->uid, entry->written_run);
	entry->written_run = entry->row.run;
	return 0;
}

static int send_start(struct entry *entry)
{
	const struct manager *manager = entry->manager;
	const struct definition *definition = entry->row.definition;
	const struct runtime *runtime = runtime_set_find(manager->runtimes, definition->runtime);
	_cleanup_(kv_list_clear) struct kv_list plain = {}, encrypted = {};
	_cleanup_free_ char *description = NULL, *credential = NULL, *checkout = NULL;
	const char *key = definition->checkout.key;
	char unit[UNIT_MAX_SIZE], lineage[LINEAGE_MAX], slice[SLICE_MAX_SIZE];
	struct unit_plan plan = {
		.kind = entry->operation == OPERATION_HOLD ? UNIT_PLAN_HOLD : UNIT_PLAN_RUN,
		.unit = unit,
		.id = definition->id,
		.uid = definition->uid,
		.lineage = lineage,
		.exec_path = manager->config.exec_path,
		.unit_group = manager->config.unit_group,
		.log = &manager->config.log,
		.resources = definition->resources,
		.restart = definition->restart,
		.backoff = definition->backoff,
		.credentials = &plain,
		.encrypted = &encrypted,
	};
	int r = secrets_sort(definition, &plain, &encrypted);

	if (r < 0)
		return r;
	unit_from_id(definition->id, unit);
	entry_lineage(entry, lineage);
	plan.slice = plan.kind == UNIT_PLAN_RUN ? entry_slice(entry, slice) : NULL;
	(void)snprintf(entry->starting_slice, sizeof(entry->starting_slice), "%s",
		       plan.slice ? plan.slice : INDEXER_SLICE);
	credential = credential_path(manager->config.credentials_dir, definition->uid,
				     entry->starting_run);
	if (!credential || asprintf(&description, "Indexer %s (%s)", definition->id,
				    runtime ? runtime_description(runtime) : "clearing") < 0)
		return -ENOMEM;
	if (*key && !(checkout = checkout_path(manager, key)))
		return -ENOMEM;
	plan.description = description;
	plan.checkout = checkout;
	plan.credential_path = credential;
	if (runtime)
		plan.settings = runtime_settings(runtime, &plan.n_settings);
	return systemd_start(manager->systemd, &plan, on_started, entry);
}

void entry_slice_answered(struct entry *entry, const struct systemd_result *result)
{
	int r = result->error;

	if (is_bus_gone(r)) {
		entry_operation_lost(entry);
	} else if (r < 0) {
		entry_operation_failed(entry, "the slice of its tree cannot be started",
				       systemd_result_words(result));
	} else {
		entry_operation_step(entry);
		r = send_start(entry);
		if (r < 0)
			entry_operation_not_sent(entry, "it cannot be started", r);
	}
}

static void start(struct entry *entry, enum operation operation)
{
	int r;

	/* A unit that has ended is in the way of one of the same name. */
	if (entry->loaded)
		entry_release_unit(entry);
	unit_state_init(&entry->unit);
	entry->loaded = false;
	entry->retried = false;
	entry->starting_run = entry->row.run;
	memcpy(entry->running_key, entry->row.definition->checkout.key, sizeof(entry->running_key));
	entry_operation_begin(entry, operation);
	r = operation == OPERATION_START ? tree_prepare(entry) : 1;
	if (r > 0)
		r = send_start(entry);
	if (r < 0)
		entry_operation_not_sent(entry, "it cannot be started", r);
}

void act_start(struct entry *entry)
{
	_cleanup_refusal_ struct refusal refusal = {};
	bool ready = false;
	int r;

	if (!systemd_is_connected(entry->manager->systemd))
		return; /* decided anew when it is back */
	r = source_prepare(entry, &ready, &refusal);
	if (r == 0 && !ready)
		return; /* decided anew when a step is done */
	r = r != 0 ? r : write_spec(entry, &refusal);
	if (r == REFUSED) {
		log_warning("%s: it cannot be started: %s", entry->row.definition->id,
			    refusal.message);
		entry_note_start_failed(entry, refusal.message);
	} else if (r < 0) {
		entry_operation_failed(entry, "its start cannot be prepared", strerror(-r));
	} else {
		start(entry, OPERATION_START);
	}
}

void act_hold(struct entry *entry)
{
	if (systemd_is_connected(entry->manager->systemd))
		start(entry, OPERATION_HOLD);
}
