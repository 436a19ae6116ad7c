/*
 * Acting: each decision as calls to systemd and to the registry. An operation ends when systemd
 * says so, and the entry is then decided upon anew.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "journal/journal.h"
#include "manager/source.h"
#include "model/names.h"
#include "systemd/state-directory.h"

/* An operation that systemd refused is tried again after 1 s, 2 s, ... up to this. */
#define RETRY_MAX_USEC (60 * USEC_PER_SEC)
/* After so many refusals in a row the waiting Delete is told. */
#define FAILURES_TOLD 3

/*
 * systemd gives a start its time and then lets it fail; a job that is heard of no more has no end.
 * The limit counts from each step on, and is longer than any call takes: the entry is there when a
 * reply comes.
 */
#define OPERATION_LIMIT_USEC (120 * USEC_PER_SEC)
static_assert(OPERATION_LIMIT_USEC > SYSTEMD_CALL_LIMIT_USEC, "no reply comes after the limit");
/* After systemd's own time to SIGKILL, how long until it is sent anyway, and again. */
#define KILL_AGAIN_USEC (5 * USEC_PER_SEC)

static int on_operation_limit(sd_event_source *source, uint64_t usec, void *userdata);

/* How long systemd waits for the unit to stop: the runtime may have a word in that. */
static uint64_t stop_timeout(const struct entry *entry)
{
	const struct runtime *runtime =
		runtime_set_find(entry->manager->runtimes, entry->row.definition->runtime);
	const struct setting *settings;
	size_t n = 0;

	settings = runtime ? runtime_settings(runtime, &n) : NULL;
	for (size_t i = 0; i < n; i++)
		if (streq(settings[i].property, "TimeoutStopUSec"))
			return settings[i].u64;
	return UNIT_STOP_TIMEOUT_USEC;
}

static void set_limit(struct entry *entry, uint64_t usec)
{
	int r;

	entry->limit = sd_event_source_disable_unref(entry->limit);
	r = sd_event_add_time_relative(entry->manager->event, &entry->limit, CLOCK_MONOTONIC, usec,
				       0, on_operation_limit, entry);
	if (r < 0)
		log_error("%s: no timer for its limit: %s", entry->row.definition->id,
			  strerror(-r));
}

void entry_operation_step(struct entry *entry)
{
	if (entry->operation == OPERATION_CLEAR_STORE)
		return; /* clear/client.h has a limit of its own, and keeps to it */
	set_limit(entry, entry->operation == OPERATION_STOP ? stop_timeout(entry) + KILL_AGAIN_USEC
							    : OPERATION_LIMIT_USEC);
}

/*
 * Whether it keeps others waiting. systemd stops any number side by side, some for half a minute;
 * and a back end that is down concerns nobody else.
 */
static bool is_counted(enum operation operation)
{
	return operation != OPERATION_STOP && operation != OPERATION_CLEAR_STORE;
}

void entry_operation_begin(struct entry *entry, enum operation operation)
{
	entry->operation = operation;
	if (is_counted(operation))
		entry->manager->n_operations++;
	entry_operation_step(entry);
}

void entry_operation_end(struct entry *entry)
{
	assert(entry->operation != OPERATION_NONE);
	if (is_counted(entry->operation))
		entry->manager->n_operations--;
	entry->operation = OPERATION_NONE;
	entry->limit = sd_event_source_disable_unref(entry->limit);
	free(entry->job);
	free(entry->ended_job);
	entry->job = entry->ended_job = NULL;
	entry_queue(entry); /* also takes the next one out of the queue */
}

static int on_retry(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct entry *entry = userdata;

	(void)source, (void)usec;
	entry->retry = sd_event_source_disable_unref(entry->retry);
	entry_query(entry);
	return 0;
}

/* Of the entry and of the trees that it holds up. */
void entry_refuse_delete(struct entry *entry, struct refusal *refusal)
{
	refusal->retry_after_usec = RETRY_MAX_USEC;
	for (struct entry *e = entry; e; e = e->parent)
		waiters_refuse(e, CALL_DELETE, refusal);
	waiters_refuse(entry, CALL_STOP, refusal);
}

static void tell_waiting_delete(struct entry *entry, const char *what, const char *text)
{
	_cleanup_refusal_ struct refusal refusal = {};

	if (refuse_indexer(&refusal, CODE_UNAVAILABLE, "DELETE_DELAYED", entry->row.definition->id,
			   "indexers/%s: %s: %s; it is tried again", entry->row.definition->id,
			   what, text) != REFUSED)
		return;
	entry_refuse_delete(entry, &refusal);
}

/* systemd did not do what it was asked for: look again later, later each time. */
void entry_operation_failed(struct entry *entry, const char *what, const char *text)
{
	uint64_t delay = USEC_PER_SEC << MIN(entry->failures, 6U);
	int r;

	log_warning("%s: %s: %s", entry->row.definition->id, what, text);
	entry->failures++;
	if (entry->failures >= FAILURES_TOLD)
		tell_waiting_delete(entry, what, text);
	if (entry->operation != OPERATION_NONE)
		entry_operation_end(entry);
	entry->retry = sd_event_source_disable_unref(entry->retry);
	r = sd_event_add_time_relative(entry->manager->event, &entry->retry, CLOCK_MONOTONIC,
				       MIN(delay, (uint64_t)RETRY_MAX_USEC), 0, on_retry, entry);
	if (r < 0)
		log_error("%s: no timer to try again: %s", entry->row.definition->id, strerror(-r));
}

/* The error of a call that could not even be sent, or of a bus that is gone, is not systemd's
 * answer. */
static bool is_lost(int error)
{
	return error == -ENOTCONN || error == -ECONNRESET;
}

static void not_sent(struct entry *entry, const char *what, int error)
{
	if (is_lost(error))
		entry_operation_lost(entry);
	else
		entry_operation_failed(entry, what, strerror(-error));
}

static void job_ended(struct entry *entry)
{
	entry->failures = 0;
	entry_operation_end(entry);
}

void entry_job_removed(struct entry *entry, const char *job)
{
	if (entry->operation == OPERATION_NONE || entry->operation == OPERATION_CLEAR ||
	    entry->operation == OPERATION_CLEAR_STORE)
		return;
	if (entry->job) {
		if (streq(entry->job, job))
			job_ended(entry);
		return;
	}
	/* The reply that names our job has not been read yet. */
	free(entry->ended_job);
	entry->ended_job = strdup(job);
}

void entry_operation_lost(struct entry *entry)
{
	/* A back end answers without the bus, too. */
	if (entry->operation != OPERATION_NONE && entry->operation != OPERATION_CLEAR_STORE)
		entry_operation_end(entry);
}

/* A reply has named the job that an operation waits for. */
static void wait_for_job(struct entry *entry, sd_bus_message *reply)
{
	const char *job;
	int r = sd_bus_message_read(reply, "o", &job);

	if (r >= 0 && entry->ended_job && streq(entry->ended_job, job)) {
		job_ended(entry);
		return;
	}
	if (r >= 0)
		entry->job = strdup(job);
	if (entry->job)
		entry_operation_step(entry);
	else
		entry_operation_failed(entry, "systemd's job cannot be followed",
				       strerror(r < 0 ? -r : ENOMEM));
}

void ignore_result(const struct systemd_result *result, void *userdata)
{
	(void)userdata;
	if (result->error < 0)
		log_debug("systemd: %s", result->text ? result->text : strerror(-result->error));
}

static int send_start(struct entry *entry);

static void on_reset(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;
	int r;

	/* Whatever the answer was: the second refusal of the start is the one that counts. */
	if (is_lost(result->error)) {
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
	const char *text = result->text ? result->text : strerror(-result->error);

	if (result->error == 0) {
		entry->loaded = entry->asked = entry->pinned = true;
		entry->unit.run = entry->operation == OPERATION_START ? entry->starting_run : 0;
		(void)snprintf(entry->unit.indexer_uid, sizeof(entry->unit.indexer_uid), "%s",
			       entry->row.definition->uid);
		memcpy(entry->unit.slice, entry->starting_slice, sizeof(entry->unit.slice));
		wait_for_job(entry, result->reply);
		entry_refresh(entry);
		return;
	}
	if (is_lost(result->error)) {
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

/* Lets systemd forget the unit: it is pinned, and a failed one would stay loaded for ever. */
static void release_unit(struct entry *entry)
{
	struct systemd *systemd = entry->manager->systemd;
	enum unit_presence presence = entry_presence(entry);
	char unit[UNIT_MAX_SIZE];

	unit_from_id(entry->row.definition->id, unit);
	if (presence == UNIT_FAILED)
		(void)systemd_reset_failed(systemd, unit, ignore_result, NULL);
	if (entry->pinned)
		(void)systemd_unref_unit(systemd, unit, ignore_result, NULL);
	entry->pinned = false;
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

	if (is_lost(r)) {
		entry_operation_lost(entry);
	} else if (r < 0) {
		entry_operation_failed(entry, "the slice of its tree cannot be started",
				       result->text ? result->text : strerror(-r));
	} else {
		entry_operation_step(entry);
		r = send_start(entry);
		if (r < 0)
			not_sent(entry, "it cannot be started", r);
	}
}

static void start(struct entry *entry, enum operation operation)
{
	int r;

	/* A unit that has ended is in the way of one of the same name. */
	if (entry->loaded)
		release_unit(entry);
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
		not_sent(entry, "it cannot be started", r);
}

static void act_start(struct entry *entry)
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
	if (r == REFUSED)
		entry_note_start_failed(entry, refusal.message);
	else if (r < 0)
		entry_operation_failed(entry, "its start cannot be prepared", strerror(-r));
	else
		start(entry, OPERATION_START);
}

static void act_hold(struct entry *entry)
{
	if (systemd_is_connected(entry->manager->systemd))
		start(entry, OPERATION_HOLD);
}

/*
 * A program can ask systemd for more time to stop, again and again (EXTEND_TIMEOUT_USEC= of
 * sd_notify(3)), and must not hold up the Delete of its tree with that.
 */
static int on_operation_limit(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct entry *entry = userdata;
	char unit[UNIT_MAX_SIZE];

	(void)source, (void)usec;
	if (entry->operation != OPERATION_STOP) {
		entry_operation_failed(entry, "systemd's job does not end",
				       "it is looked at again");
		return 0;
	}
	unit_from_id(entry->row.definition->id, unit);
	log_warning("%s: it does not stop in its time, and is killed", entry->row.definition->id);
	(void)systemd_kill(entry->manager->systemd, unit, ignore_result, NULL);
	set_limit(entry, KILL_AGAIN_USEC);
	return 0;
}

static void on_stop_asked(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;

	if (result->error == 0) {
		wait_for_job(entry, result->reply);
	} else if (is_lost(result->error)) {
		entry_operation_lost(entry);
	} else if (result->name && streq(result->name, SYSTEMD_ERROR_NO_SUCH_UNIT)) {
		entry->loaded = false;
		entry_operation_end(entry);
	} else {
		entry_operation_failed(entry, "it cannot be stopped", result->text);
	}
}

/*
 * A process that ends for another run goes on until all is there that its start needs. True where
 * that is so, and nothing else is to be done now.
 */
static bool is_kept_meanwhile(struct entry *entry)
{
	_cleanup_refusal_ struct refusal refusal = {};
	const struct registry_row *row = &entry->row;
	bool ready = true;
	int r;

	if (row->tombstone || row->halted || row->run == row->started_run)
		return false;
	r = source_prepare(entry, &ready, &refusal);
	if (r == 0)
		return !ready;
	entry_prepare_failed(entry, r == REFUSED ? refusal.message : strerror(-r));
	return true;
}

static void act_stop(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	if (is_kept_meanwhile(entry))
		return;
	unit_from_id(entry->row.definition->id, unit);
	entry_operation_begin(entry, OPERATION_STOP);
	r = systemd_stop(entry->manager->systemd, unit, on_stop_asked, entry);
	if (r < 0)
		not_sent(entry, "it cannot be stopped", r);
}

static void on_clear_begun(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;

	if (result->error == 0) {
		/*
		 * "cleaning" is what systemd's next signal will say, and then that it is over. It
		 * is said here already, so that nothing is decided in between.
		 */
		(void)snprintf(entry->unit.sub_state, sizeof(entry->unit.sub_state), "cleaning");
		entry->cleared = true;
		entry->state_gone = false;
		entry_operation_end(entry);
	} else if (is_lost(result->error)) {
		entry_operation_lost(entry);
	} else {
		entry_operation_failed(entry, "its state cannot be cleared", result->text);
	}
}

static void act_clear(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	/* What is left behind by one clean-up is not tried again at once, for ever. */
	if (entry->cleared) {
		entry->cleared = false;
		entry_operation_failed(entry, "its state cannot be cleared",
				       "systemd left some of it behind");
		return;
	}
	unit_from_id(entry->row.definition->id, unit);
	entry_operation_begin(entry, OPERATION_CLEAR);
	/* A failed unit is not cleaned; the two calls are served in their order. */
	if (entry_presence(entry) == UNIT_FAILED)
		(void)systemd_reset_failed(entry->manager->systemd, unit, ignore_result, NULL);
	r = systemd_clean(entry->manager->systemd, unit, on_clear_begun, entry);
	if (r < 0)
		not_sent(entry, "its state cannot be cleared", r);
}

/*
 * After a power failure, a directory that was removed may be there again, though the registry has
 * committed since: an fdatasync() of a file that does not grow carries no other change of the file
 * system with it. Without a row nobody would clear it, and the next indexer of the id would find
 * it. One wait does for all that have come as far: see entry_is_announced().
 */
static int keep_state_gone(struct entry *entry)
{
	struct manager *manager = entry->manager;
	int r;

	if (entry->state_gone)
		return 0;
	r = state_directories_sync();
	if (r < 0)
		return r;
	for (size_t i = 0; i < manager->n_entries; i++)
		if (manager->entries[i]->notice != NOTICE_NONE)
			manager->entries[i]->state_gone = true;
	return 0;
}

static void act_remove(struct entry *entry)
{
	struct manager *manager = entry->manager;
	char uid[ID128_TEXT_MAX];
	struct entry *parent = entry->parent;
	int r;

	/* What the registry does not know any more, nobody would write down after a crash. */
	if (!entry_is_announced(entry))
		return;
	r = keep_state_gone(entry);
	if (r < 0) {
		entry_operation_failed(entry, "its state may come back", strerror(-r));
		return;
	}
	r = registry_remove(manager->registry, entry->row.definition->uid);
	if (r < 0) {
		entry_operation_failed(entry, "its row cannot be removed", strerror(-r));
		entry_refresh(entry);
		return;
	}
	memcpy(uid, entry->row.definition->uid, sizeof(uid));
	release_unit(entry);
	credential_remove(manager->config.credentials_dir, uid, entry->row.started_run);
	credential_remove(manager->config.credentials_dir, uid, entry->row.run);
	credential_remove(manager->config.credentials_dir, uid, entry->written_run);
	/* Before its streams are told that they end; see journal.h. */
	journal_remove_indexer(manager->config.journal, entry->row.definition->id);

	/* Readers must not see it any more when the answer is there. */
	view_unref(TAKE(entry->view));
	manager->dirty = true;
	manager_publish(manager);
	waiters_answer(entry, CALL_DELETE);
	entry_drop(entry);
	if (parent)
		entry_queue(parent);
	checkouts_sweep_later(manager);
	if (manager->removed)
		manager->removed(uid, manager->removed_userdata);
}

/* Its state directory is cleared by way of a unit of its name, which somebody else has. */
static void act_wait_foreign(struct entry *entry)
{
	_cleanup_refusal_ struct refusal refusal = {};
	const char *id = entry->row.definition->id;

	if (refuse_indexer(&refusal, CODE_UNAVAILABLE, "DELETE_DELAYED", id,
			   "indexers/%s: its state cannot be cleared while a unit that is not "
			   "indexerd's has the name " UNIT_PREFIX "%s" UNIT_SUFFIX
			   "; it is deleted as soon as that unit is gone",
			   id, id) == REFUSED)
		entry_refuse_delete(entry, &refusal);
}

static void act_note_foreign(struct entry *entry)
{
	if (!entry_start_failed(entry) || entry->row.run != entry->row.started_run)
		entry_note_start_failed(entry, "another unit has this name; it is not touched");
}

bool entry_has_state(const struct entry *entry)
{
	return state_directory_exists(entry->row.definition->id);
}

void entry_act(struct entry *entry, enum action action)
{
	static void (*const acts[])(struct entry *) = {
		[ACTION_START] = act_start,
		[ACTION_STOP] = act_stop,
		[ACTION_NOTE_START] = entry_note_start,
		[ACTION_NOTE_END] = entry_note_end,
		[ACTION_NOTE_STOPPED] = entry_note_stopped,
		[ACTION_NOTE_FOREIGN] = act_note_foreign,
		[ACTION_WAIT_FOREIGN] = act_wait_foreign,
		[ACTION_KILL] = act_kill,
		[ACTION_CLEAR_STORE] = act_clear_store,
		[ACTION_HOLD] = act_hold,
		[ACTION_CLEAR] = act_clear,
		[ACTION_REMOVE] = act_remove,
	};

	if (acts[action])
		acts[action](entry);
}

void entry_ask_later(struct entry *entry, const char *text)
{
	if (!entry->retry)
		entry_operation_failed(entry, "systemd does not tell its state", text);
}
