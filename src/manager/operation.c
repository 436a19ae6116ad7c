/*
 * Operations: what of ours is under way for an entry. One begins with a call to systemd, goes on by
 * steps, each with a limit, and ends when systemd says so; then the entry is decided upon anew. One
 * that is refused is tried again, later each time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "manager/private.h"

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

bool is_bus_gone(int error)
{
	return error == -ENOTCONN || error == -ECONNRESET;
}

void entry_operation_not_sent(struct entry *entry, const char *what, int error)
{
	if (is_bus_gone(error))
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

void entry_wait_for_job(struct entry *entry, sd_bus_message *reply)
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
		log_debug("systemd: %s", systemd_result_words(result));
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

void entry_ask_later(struct entry *entry, const char *text)
{
	if (!entry->retry)
		entry_operation_failed(entry, "systemd does not tell its state", text);
}
