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
#include "indexerd/fetch/v1/order.pb-c.h"
#include "manager/source.h"
#include "model/exit.h"
#include "systemd/credential-store.h"

/* Of the words of a fetch that failed. */
#define WORDS_MAX 1024

/* So often one that has left nothing behind is begun again. */
#define TRIES_MAX 3

enum fetch_state {
	FETCH_QUEUED,	/* until others have ended */
	FETCH_UNKNOWN,	/* of a daemon before this one: its unit is asked about */
	FETCH_STARTING, /* StartTransientUnit, until its reply */
	FETCH_RUNNING,
	FETCH_ENDED,	/* how it ended is asked for */
	FETCH_STOPPING, /* nobody waits for it any more */
};

struct fetch {
	struct fetch *next;
	struct manager *manager;
	enum fetch_state state;
	char request[ID128_TEXT_MAX]; /* names its unit and its directory */
	unsigned tries;
	bool pinned; /* our bus connection holds a reference on the unit */
	char *what;  /* two of the same are one */
	char *text;  /* for people */
	char *project_source;
	char commit[HASH_TEXT_MAX]; /* "": whatever the ref leads to */
	char key[SOURCE_KEY_MAX];   /* "" likewise */
	char plain[SOURCE_KEY_MAX]; /* of a build */
	char **words;		    /* of the build's commands, a NULL behind each */
	size_t n_words;
	char *build_dir;
};

static void fetch_free(struct fetch *fetch)
{
	for (size_t i = 0; i < fetch->n_words; i++)
		free(fetch->words[i]);
	free(fetch->words);
	free(fetch->what);
	free(fetch->text);
	free(fetch->project_source);
	free(fetch->build_dir);
	free(fetch);
}

DEFINE_CLEANUP(struct fetch, fetch_free);

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

static void unit_of(const char *request, char ret[FETCH_UNIT_MAX_SIZE])
{
	(void)snprintf(ret, FETCH_UNIT_MAX_SIZE, FETCH_UNIT_PREFIX "%s.service", request);
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

	unit_of(fetch->request, unit);
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

	while ((entry = take_entry(fetch))) {
		log_warning("%s: %s", entry->row.definition->id, message);
		entry_note_start_failed(entry, message);
		entry_refresh(entry);
		entry_queue(entry);
	}
	fetch_end(fetch);
}

static void fetch_done(struct fetch *fetch, const struct fetch_result *result)
{
	struct entry *entry;

	while ((entry = take_entry(fetch))) {
		int r = source_pin(entry, result->commit);

		if (r < 0)
			entry_note_start_failed(entry, strerror(-r));
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

/* Whether the key is what comes of the source and the commit. */
static bool is_right(const struct fetch *fetch, const struct fetch_result *result)
{
	char problem[SOURCE_PROBLEM_MAX], key[SOURCE_KEY_MAX];
	_cleanup_source_ struct source source = {};

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
	int r = failed ? -ENOENT : checkout_read_result(fetch->manager, fetch->request, &result);

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
	unit_of(fetch->request, unit_name);
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
	unit_of(fetch->request, unit);
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
		unit_of(fetch->request, expected);
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

	unit_of(request, unit);
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

static int pack(const Indexerd__Fetch__V1__FetchOrder *order, struct spec *ret)
{
	size_t size = indexerd__fetch__v1__fetch_order__get_packed_size(order);
	uint8_t *data = malloc(MAX(size, (size_t)1));

	if (!data)
		return -ENOMEM;
	*ret = (struct spec){
		.data = data,
		.size = indexerd__fetch__v1__fetch_order__pack(order, data),
	};
	return 0;
}

/* The commands out of their words, of which a NULL stands behind each one's last. */
static size_t split_commands(const struct fetch *fetch, Indexerd__Fetch__V1__Command *commands)
{
	size_t n = 0, first = 0;

	for (size_t i = 0; i < fetch->n_words; i++) {
		if (fetch->words[i])
			continue;
		indexerd__fetch__v1__command__init(&commands[n]);
		commands[n].argv = &fetch->words[first];
		commands[n].n_argv = i - first;
		first = i + 1;
		n++;
	}
	return n;
}

static int make_order(struct fetch *fetch, const struct source *source, const char *id,
		      uint64_t max_bytes, struct spec *ret)
{
	static const char *const known_hosts[] = { SYSCONFDIR "/indexerd/known_hosts",
						   "/etc/ssh/ssh_known_hosts" };
	Indexerd__Fetch__V1__FetchOrder order = INDEXERD__FETCH__V1__FETCH_ORDER__INIT;
	Indexerd__Fetch__V1__Command commands[BUILD_COMMANDS_MAX];
	Indexerd__Fetch__V1__Command *pointers[BUILD_COMMANDS_MAX];
	_cleanup_free_ const char **keys = NULL;
	int r = checkouts_keys(fetch->manager, &keys, &order.n_known_keys);

	if (r < 0)
		return r;
	order.known_keys = (char **)keys;
	order.kind = source->kind == SOURCE_GIT ? INDEXERD__FETCH__V1__KIND__KIND_GIT
						: INDEXERD__FETCH__V1__KIND__KIND_ARCHIVE;
	order.url = source->url ? source->url : (char *)"";
	order.path = source->path ? source->path : (char *)"";
	order.ref = *fetch->commit ? fetch->commit : source->ref ? source->ref : (char *)"";
	order.credential = source->credential ? source->credential : (char *)"";
	order.known_hosts = (char **)known_hosts;
	order.n_known_hosts = ELEMENTSOF(known_hosts);
	order.indexer_id = (char *)id;
	order.work = (char *)PROJECT_MOUNT;
	order.max_bytes = max_bytes;
	if (*fetch->plain)
		order.tree = (char *)PLAIN_TREE;
	order.n_build = split_commands(fetch, commands);
	for (size_t i = 0; i < order.n_build; i++)
		pointers[i] = &commands[i];
	order.build = pointers;
	order.build_dir = fetch->build_dir ? fetch->build_dir : (char *)"";
	return pack(&order, ret);
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

static int start_unit(struct fetch *fetch, const struct source *source, const struct entry *entry)
{
	const struct manager *manager = fetch->manager;
	const struct definition *definition = entry->row.definition;
	_cleanup_(kv_list_clear) struct kv_list plain = {}, encrypted = {};
	_cleanup_free_ char *order = NULL, *work = NULL, *checkout = NULL;
	_cleanup_free_ struct fetch_call *call = call_new(fetch);
	char unit[FETCH_UNIT_MAX_SIZE], lineage[LINEAGE_MAX];
	struct fetch_plan plan = {
		.unit = unit,
		.description = fetch->n_words > 0 ? "Build of an indexer's project"
						  : "Fetch of an indexer's project",
		.id = definition->id,
		.uid = definition->uid,
		.lineage = lineage,
		.exec_path = manager->config.source.fetch_path,
		.credentials = &plain,
		.encrypted = &encrypted,
		.log = &manager->config.log,
		.limits = manager->config.source.limits,
	};
	int r = 0;

	if (source->credential)
		r = kv_list_set(credential_is_encrypted(source->credential) ? &encrypted : &plain,
				source->credential, "");
	unit_of(fetch->request, unit);
	entry_lineage(entry, lineage);
	plan.order_path = order =
		credential_path(manager->config.credentials_dir, fetch->request, 0);
	plan.work = work = checkout_path(manager, fetch->request);
	if (*fetch->plain)
		plan.plain = checkout = checkout_path(manager, fetch->plain);
	if (r < 0 || !call || !order || !work || (*fetch->plain && !checkout))
		return -ENOMEM;
	r = systemd_start_fetch(manager->systemd, &plan, on_started, call);
	if (r >= 0)
		(void)TAKE(call);
	return r;
}

/* All that can be done before the unit is there. */
static int prepare(struct fetch *fetch, const struct source *source, const struct entry *entry,
		   struct refusal *refusal)
{
	struct manager *manager = fetch->manager;
	_cleanup_(spec_clear) struct spec order = {};
	uint64_t max_bytes;
	int r = checkouts_room(manager, &max_bytes, refusal);

	/* The rules may be others than when it was created. */
	r = r != 0 ? r : secrets_check_source(manager, source, refusal);
	r = r != 0 ? r : make_order(fetch, source, entry->row.definition->id, max_bytes, &order);
	r = r != 0 ? r : checkout_new(manager, fetch->request);
	return r != 0 ? r
		      : credential_write(manager->config.credentials_dir, fetch->request, 0,
					 order.data, order.size);
}

static void fetch_start(struct fetch *fetch)
{
	_cleanup_refusal_ struct refusal refusal = {};
	_cleanup_source_ struct source source = {};
	size_t i = 0, k = 0;
	struct entry *first = next_entry(fetch, &i), *entry;
	int r = source_of(first->row.definition, &source, &refusal);

	fetch->state = FETCH_STARTING;
	/* On disk before there is a unit that might be forgotten. */
	while ((entry = next_entry(fetch, &k))) {
		note_request(entry, fetch->request);
		entry_refresh(entry);
	}
	r = r != 0 ? r : prepare(fetch, &source, first, &refusal);
	r = r != 0 ? r : start_unit(fetch, &source, first);
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

/* The words of all commands, copied. */
static int copy_words(struct fetch *fetch, const struct build *build)
{
	size_t n = 0;

	for (size_t i = 0; i < build->n; i++)
		for (char **word = build->commands[i]; n++, *word; word++)
			;
	fetch->words = calloc(n + 1, sizeof(*fetch->words));
	if (!fetch->words)
		return -ENOMEM;
	for (size_t i = 0; i < build->n; i++) {
		for (char **word = build->commands[i]; *word; word++) {
			fetch->words[fetch->n_words] = strdup(*word);
			if (!fetch->words[fetch->n_words++])
				return -ENOMEM;
		}
		fetch->n_words++; /* the NULL */
	}
	return 0;
}

static char *make_text(const struct fetch *fetch, const struct fetch_want *want)
{
	char *text;
	int r;

	if (!want->build || want->build->n == 0)
		r = asprintf(&text, "fetching %s", fetch->project_source);
	else
		r = asprintf(&text, "building it, by %zu command%s of its runtime", want->build->n,
			     want->build->n > 1 ? "s" : "");
	return r < 0 ? NULL : text;
}

static int fetch_new(struct manager *manager, const struct definition *definition,
		     const struct fetch_want *want, struct fetch **ret)
{
	_cleanup_(fetch_freep) struct fetch *fetch = calloc(1, sizeof(*fetch));
	int r = 0;

	if (!fetch)
		return -ENOMEM;
	fetch->manager = manager;
	fetch->project_source = strdup(definition->project_source);
	fetch->what = strdup(*want->key ? want->key : definition->project_source);
	fetch->build_dir = strdup(definition->project_dir);
	(void)snprintf(fetch->commit, sizeof(fetch->commit), "%s", want->commit);
	(void)snprintf(fetch->key, sizeof(fetch->key), "%s", want->key);
	if (want->build && want->build->n > 0) {
		(void)snprintf(fetch->plain, sizeof(fetch->plain), "%s", want->plain);
		r = copy_words(fetch, want->build);
	}
	if (r < 0 || !fetch->project_source || !fetch->what || !fetch->build_dir ||
	    !(fetch->text = make_text(fetch, want)))
		return -ENOMEM;
	*ret = TAKE(fetch);
	return 0;
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
		return ask(fetch);
	}
	r = make_request(fetch);
	if (r >= 0)
		run_queue(manager);
	return r < 0 ? r : 0;
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
