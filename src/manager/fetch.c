/*
 * Fetches: the units that bring a project onto the server, or build it. What is to be done is an
 * order to indexer-fetch; what it has done lies in its directory, so that a daemon that comes back
 * finds it there. The rest is waiting for systemd's word that the unit has ended.
 *
 * A fetch is its entries', of which there may be several; without any it is stopped.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <systemd/sd-id128.h>

#include "common/log.h"
#include "manager/fetch-private.h"
#include "model/exit.h"

/* Of the words of a fetch that failed. */
#define WORDS_MAX 1024

/* So often one that has left nothing behind is begun again. */
#define TRIES_MAX 3

static void unlink_fetch(struct fetch *fetch)
{
	struct fetch **p = &fetch->manager->fetches;

	while (*p != fetch)
		p = &(*p)->next;
	*p = fetch->next;
}

void fetches_free(struct manager *manager)
{
	while (manager->fetches) {
		struct fetch *fetch = manager->fetches;

		manager->fetches = fetch->next;
		fetch_free(fetch);
	}
}

static struct fetch *find(const struct manager *manager, const char *request)
{
	for (struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next)
		if (streq(fetch->request, request))
			return fetch;
	return NULL;
}

bool fetch_is_known(const struct manager *manager, const char *request)
{
	if (find(manager, request))
		return true;
	/* Not taken up yet. */
	for (size_t i = 0; i < manager->n_entries; i++)
		if (streq(manager->entries[i]->row.fetch, request))
			return true;
	return false;
}

const char *fetch_text(const struct fetch *fetch)
{
	return fetch->state == FETCH_QUEUED ? "waits until other projects are fetched"
					    : fetch->text;
}

const char *fetch_plain(const struct fetch *fetch)
{
	return fetch->plain;
}

/* The next entry that waits for it, from the i-th on; NULL where there is none. */
static struct entry *next_entry(const struct fetch *fetch, size_t *i)
{
	const struct manager *manager = fetch->manager;

	while (*i < manager->n_entries) {
		struct entry *entry = manager->entries[(*i)++];

		if (entry->fetch == fetch)
			return entry;
	}
	return NULL;
}

static void note_request(struct entry *entry, const char *request)
{
	int r;

	if (streq(entry->row.fetch, request))
		return;
	(void)snprintf(entry->row.fetch, sizeof(entry->row.fetch), "%s", request);
	r = registry_fetch(entry->manager->registry, entry->row.definition->uid, request);
	/* Without it a daemon that comes back fetches once more. */
	if (r < 0 && r != -ENOENT)
		log_warning("%s: its fetch cannot be recorded: %s", entry->row.definition->id,
			    strerror(-r));
}

/* A call about a fetch's unit, which may be gone when the answer comes. */
struct fetch_call {
	struct manager *manager;
	char request[ID128_TEXT_MAX];
};

static struct fetch_call *call_new(const struct fetch *fetch)
{
	struct fetch_call *call = calloc(1, sizeof(*call));

	if (call) {
		call->manager = fetch->manager;
		memcpy(call->request, fetch->request, sizeof(call->request));
	}
	return call;
}

static void run_queue(struct manager *manager);

/* Nothing of it is left to be waited for. */
static void fetch_end(struct fetch *fetch)
{
	struct manager *manager = fetch->manager;
	char unit[FETCH_UNIT_MAX_SIZE];

	fetch_unit(fetch->request, unit);
	if (fetch->pinned && systemd_is_connected(manager->systemd))
		(void)systemd_unref_unit(manager->systemd, unit, ignore_result, NULL);
	credential_remove(manager->config.credentials_dir, fetch->request, 0);
	unlink_fetch(fetch);
	fetch_free(fetch);
	checkouts_sweep_later(manager);
	run_queue(manager);
}

/* Takes its entries from it, one after the other. */
static struct entry *take_entry(const struct fetch *fetch)
{
	size_t i = 0;
	struct entry *entry = next_entry(fetch, &i);

	if (entry) {
		entry->fetch = NULL;
		note_request(entry, "");
	}
	return entry;
}

static void fetch_failed(struct fetch *fetch, const char *words)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct entry *entry;
	/* As a refusal has them: nothing that a stranger wrote is passed on as it is. */
	int r = refuse(&refusal, CODE_FAILED_PRECONDITION, "SOURCE_NOT_FETCHED", NULL,
		       "the project cannot be %s: %s", fetch->n_words > 0 ? "built" : "fetched",
		       words);
	const char *message = r == REFUSED ? refusal.message : refusal_out_of_memory.message;

	while ((entry = take_entry(fetch)))
		entry_prepare_failed(entry, message);
	fetch_end(fetch);
}

static void fetch_done(struct fetch *fetch, const struct fetch_result *result)
{
	struct entry *entry;

	while ((entry = take_entry(fetch))) {
		int r = source_pin(entry, result->commit);

		if (r < 0)
			entry_prepare_failed(entry, strerror(-r));
		entry_refresh(entry);
		entry_queue_first(entry);
	}
	fetch_end(fetch);
}

static int make_request(struct fetch *fetch)
{
	sd_id128_t id;
	int r = sd_id128_randomize(&id);

	if (r >= 0)
		(void)sd_id128_to_string(id, fetch->request);
	return r;
}

/* It was interrupted, or what it relied on is gone meanwhile. */
static void begin_again(struct fetch *fetch)
{
	int r = 0;

	credential_remove(fetch->manager->config.credentials_dir, fetch->request, 0);
	if (++fetch->tries >= TRIES_MAX) {
		fetch_failed(fetch, "it was interrupted again and again");
		return;
	}
	fetch->state = FETCH_QUEUED;
	fetch->pinned = false;
	r = make_request(fetch);
	if (r < 0)
		fetch_failed(fetch, strerror(-r));
	else
		run_queue(fetch->manager);
}

/*
 * Whether the key is what comes of the source and the commit, and the size one that it may have. A
 * build has the rights of indexer-fetch, and can make it say anything.
 */
static bool is_right(const struct fetch *fetch, const struct fetch_result *result)
{
	char problem[SOURCE_PROBLEM_MAX], key[SOURCE_KEY_MAX];
	_cleanup_source_ struct source source = {};

	if (result->bytes > fetch->manager->config.source.max_bytes)
		return false;
	if (*fetch->commit && !streq(fetch->commit, result->commit))
		return false;
	if (*fetch->key)
		return streq(fetch->key, result->key);
	return source_parse(fetch->project_source, &source, problem) == 0 &&
	       source_key(&source, result->commit, NULL, key) == 0 && streq(key, result->key);
}

static void take_result(struct fetch *fetch, const struct fetch_result *result)
{
	int r;

	if (!is_right(fetch, result)) {
		fetch_failed(fetch, "what indexer-fetch says of it cannot be right");
		return;
	}
	r = checkout_publish(fetch->manager, fetch->request, result);
	if (r == -EBADMSG) /* one that was there already, and was removed since */
		begin_again(fetch);
	else if (r < 0)
		fetch_failed(fetch, strerror(-r));
	else
		fetch_done(fetch, result);
}

/* Why it has ended without a result, as systemd has it or as it says itself. */
static void describe_failure(const struct fetch *fetch, const struct unit_state *unit,
			     char words[WORDS_MAX])
{
	const struct source_config *config = &fetch->manager->config.source;
	size_t n;

	checkout_read_error(fetch->manager, fetch->request, words, WORDS_MAX);
	n = strlen(words);
	if (streq(unit->result, "timeout"))
		(void)snprintf(words, WORDS_MAX,
			       "it has not ended within %" PRIu64
			       " s, which is TimeoutSec= in [Source] of indexerd.conf",
			       (uint64_t)(config->limits.timeout_usec / USEC_PER_SEC));
	else if (streq(unit->result, "oom-kill"))
		(void)snprintf(words, WORDS_MAX,
			       "it needs more memory than MemoryMaxMiB= in [Source] of "
			       "indexerd.conf allows, %" PRIu64 " MiB",
			       config->limits.memory_max_bytes >> 20);
	else if (unit->exec_main_status == EXIT_CODE_CREDENTIALS)
		(void)snprintf(words, WORDS_MAX,
			       "the credential that ?credential= of its project_source names "
			       "cannot be loaded; is it there?");
	else if (n == 0 && unit->exec_main_status != 0)
		(void)snprintf(words, WORDS_MAX, "indexer-fetch ended with %s %" PRId32,
			       unit->exec_main_code == CLD_EXITED ? "code" : "signal",
			       unit->exec_main_status);
	else if (n == 0)
		(void)snprintf(words, WORDS_MAX, "its unit ended with '%s'", unit->result);
}

static bool is_gone(const struct unit_state *unit)
{
	return streq(unit->load_state, "not-found");
}

/* The unit is over, or there is none any more. */
static void collect(struct fetch *fetch, const struct unit_state *unit)
{
	char words[WORDS_MAX];
	struct fetch_result result;
	bool failed = !is_gone(unit) && !streq(unit->result, "success");
	/* What is built can write there, too: how its unit ended says that the result is the one of
	   indexer-fetch, which ends all of the build before. */
	bool unsure = is_gone(unit) && fetch->n_words > 0;
	int r = failed || unsure ? -ENOENT
				 : checkout_read_result(fetch->manager, fetch->request, &result);

	if (fetch->state == FETCH_STOPPING) {
		fetch_end(fetch);
	} else if (r == 0) {
		take_result(fetch, &result);
	} else if (failed) {
		describe_failure(fetch, unit, words);
		fetch_failed(fetch, words);
	} else {
		checkout_read_error(fetch->manager, fetch->request, words, sizeof(words));
		if (*words)
			fetch_failed(fetch, words);
		else
			begin_again(fetch);
	}
}

static void on_unit_read(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct fetch_call *call = userdata;
	struct fetch *fetch = find(call->manager, call->request);
	char unit_name[FETCH_UNIT_MAX_SIZE];
	struct unit_state unit;
	int r = result->error;

	if (!fetch || r == -ECONNRESET)
		return; /* all is asked again when the bus is back */
	unit_state_init(&unit);
	r = r < 0 ? r : unit_state_read(result->reply, &unit);
	if (r < 0) {
		fetch_failed(fetch, result->text ? result->text : strerror(-r));
		return;
	}
	if (is_gone(&unit) || !unit_state_is_live(&unit)) {
		collect(fetch, &unit);
		return;
	}
	if (fetch->state != FETCH_STOPPING)
		fetch->state = FETCH_RUNNING;
	if (fetch->pinned)
		return;
	/* How it ends stays within reach then. */
	fetch_unit(fetch->request, unit_name);
	fetch->pinned =
		systemd_ref_unit(call->manager->systemd, unit_name, ignore_result, NULL) >= 0;
}

static int ask(struct fetch *fetch)
{
	_cleanup_free_ struct fetch_call *call = call_new(fetch);
	char unit[FETCH_UNIT_MAX_SIZE];
	int r;

	if (!call)
		return -ENOMEM;
	fetch_unit(fetch->request, unit);
	r = systemd_query(fetch->manager->systemd, unit, on_unit_read, call);
	if (r >= 0)
		(void)TAKE(call);
	return r == -ENOTCONN ? 0 : r; /* it is asked when the bus is back */
}

void fetches_unit_ended(struct manager *manager, const char *unit)
{
	char expected[FETCH_UNIT_MAX_SIZE];

	checkouts_removed(manager, unit);
	for (struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next) {
		fetch_unit(fetch->request, expected);
		if (!streq(expected, unit))
			continue;
		if (fetch->state != FETCH_STOPPING)
			fetch->state = FETCH_ENDED;
		if (ask(fetch) < 0)
			fetch_failed(fetch, "no memory");
		return;
	}
}

/* A unit that nobody waits for. */
static void stop_unit(struct manager *manager, const char *request)
{
	char unit[FETCH_UNIT_MAX_SIZE];

	fetch_unit(request, unit);
	(void)systemd_stop(manager->systemd, unit, ignore_result, NULL);
}

void fetches_lost(struct manager *manager)
{
	for (struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next)
		fetch->pinned = false;
	checkouts_lost(manager);
}

void fetches_resync(struct manager *manager)
{
	for (struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next) {
		if (fetch->state == FETCH_STOPPING)
			stop_unit(manager, fetch->request);
		if (fetch->state != FETCH_QUEUED && ask(fetch) < 0)
			log_error("%s: its unit cannot be asked about", fetch->request);
	}
	/* Those of a daemon before this one, which it had no time to stop. */
	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		if (isempty(entry->row.fetch) || entry->fetch ||
		    !(entry->row.tombstone || entry->row.halted))
			continue;
		stop_unit(manager, entry->row.fetch);
		note_request(entry, "");
	}
	run_queue(manager);
	checkouts_sweep_later(manager);
}

static void on_started(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct fetch_call *call = userdata;
	struct fetch *fetch = find(call->manager, call->request);

	if (!fetch || result->error == -ECONNRESET)
		return; /* it is asked about when the bus is back */
	if (result->error < 0) {
		fetch_failed(fetch, result->text ? result->text : strerror(-result->error));
		return;
	}
	fetch->pinned = true;
	if (fetch->state == FETCH_STARTING)
		fetch->state = FETCH_RUNNING;
}

static void fetch_start(struct fetch *fetch)
{
	_cleanup_refusal_ struct refusal refusal = {};
	_cleanup_free_ struct fetch_call *call = call_new(fetch);
	size_t i = 0, k = 0;
	struct entry *first = next_entry(fetch, &i), *entry;
	int r = call ? 0 : -ENOMEM;

	fetch->state = FETCH_STARTING;
	/* On disk before there is a unit that might be forgotten. */
	while ((entry = next_entry(fetch, &k))) {
		note_request(entry, fetch->request);
		entry_refresh(entry);
	}
	r = r != 0 ? r : fetch_start_unit(fetch, first, on_started, call, &refusal);
	if (r >= 0 && r != REFUSED)
		(void)TAKE(call);
	if (r == -ENOTCONN)
		fetch->state = FETCH_QUEUED; /* until the bus is back */
	else if (r != 0)
		fetch_failed(fetch, r == REFUSED ? refusal.message : strerror(-r));
}

static size_t count_running(const struct manager *manager)
{
	size_t n = 0;

	for (const struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next)
		n += fetch->state != FETCH_QUEUED;
	return n;
}

static struct fetch *next_queued(const struct manager *manager)
{
	for (struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next)
		if (fetch->state == FETCH_QUEUED)
			return fetch;
	return NULL;
}

static void run_queue(struct manager *manager)
{
	struct fetch *fetch;

	/* One that cannot be started ends at once, and leads here again. */
	if (manager->starting_fetches)
		return;
	manager->starting_fetches = true;
	while (systemd_is_connected(manager->systemd) &&
	       count_running(manager) < manager->config.source.max_fetches &&
	       (fetch = next_queued(manager)))
		fetch_start(fetch);
	manager->starting_fetches = false;
}

static struct fetch *find_same(const struct manager *manager, const char *what)
{
	for (struct fetch *fetch = manager->fetches; fetch; fetch = fetch->next)
		if (fetch->state != FETCH_STOPPING && streq(fetch->what, what))
			return fetch;
	return NULL;
}

static void add_last(struct fetch *fetch)
{
	struct fetch **p = &fetch->manager->fetches;

	while (*p)
		p = &(*p)->next;
	*p = fetch;
}

/* Takes part in one that is under way. */
static void join(struct entry *entry, struct fetch *fetch)
{
	entry->fetch = fetch;
	if (fetch->state != FETCH_QUEUED)
		note_request(entry, fetch->request);
}

int fetch_begin(struct entry *entry, const struct fetch_want *want)
{
	struct manager *manager = entry->manager;
	const struct definition *definition = entry->row.definition;
	struct fetch *fetch =
		find_same(manager, *want->key ? want->key : definition->project_source);
	int r;

	if (fetch) {
		join(entry, fetch);
		return 0;
	}
	r = fetch_new(manager, definition, want, &fetch);
	if (r < 0)
		return r;
	add_last(fetch);
	entry->fetch = fetch;
	if (*entry->row.fetch) { /* a daemon before this one has begun it */
		fetch->state = FETCH_UNKNOWN;
		memcpy(fetch->request, entry->row.fetch, sizeof(fetch->request));
		r = ask(fetch);
	} else {
		r = make_request(fetch);
	}
	if (r < 0) { /* the entry is tried again, and begins anew */
		entry->fetch = NULL;
		unlink_fetch(fetch);
		fetch_free(fetch);
		return r;
	}
	run_queue(manager);
	return 0;
}

void entry_leave_fetch(struct entry *entry)
{
	struct fetch *fetch = entry->fetch;
	size_t i = 0;

	entry->fetch = NULL;
	if (*entry->row.fetch)
		note_request(entry, "");
	if (!fetch || next_entry(fetch, &i))
		return;
	if (fetch->state == FETCH_QUEUED) {
		fetch_end(fetch);
		return;
	}
	fetch->state = FETCH_STOPPING;
	stop_unit(fetch->manager, fetch->request);
}
