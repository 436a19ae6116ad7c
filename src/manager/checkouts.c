/*
 * The checkouts: projects that were fetched, each in a directory of its own that nobody but root
 * can reach, and nobody writes to once it has its key as name. An indexer is shown its one.
 *
 * Beside them lie the directories of fetches that are under way. What is in either was written by
 * strangers, as users who are gone: the daemon renames it and has it removed by a unit that may.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-id128.h>

#include "common/log.h"
#include "common/timer.h"
#include "manager/source.h"

/* What is about to be removed has this before a name of its own. */
#define GONE_PREFIX "gone-"

/*
 * So many of them a fetch is told, by 66 bytes each: systemd hands on 1 MiB. One that it is not
 * told is fetched once more, and found to be there then.
 */
#define KEYS_TOLD_MAX 4096

#define REQUEST_SIZE (ID128_TEXT_MAX - 1)

struct checkout_item {
	char key[SOURCE_KEY_MAX];
	uint64_t bytes;
	uint64_t unused_since; /* CLOCK_REALTIME; 0: it is used, as far as was looked */
	bool used;	       /* by the look that is under way */
};

struct checkouts {
	struct checkout_item *items; /* sorted by key */
	size_t n;
	sd_event_source *timer;
	char removing[ID128_TEXT_MAX]; /* what the unit that is under way removes, or "" */
};

/* The index of the first item whose key is not less. */
static size_t lower_bound(const struct checkouts *checkouts, const char *key)
{
	size_t low = 0, high = checkouts->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(checkouts->items[middle].key, key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct checkout_item *find(const struct checkouts *checkouts, const char *key)
{
	size_t i = lower_bound(checkouts, key);

	return i < checkouts->n && streq(checkouts->items[i].key, key) ? &checkouts->items[i]
								       : NULL;
}

static int add(struct checkouts *checkouts, const char *key, uint64_t bytes)
{
	size_t i = lower_bound(checkouts, key);
	struct checkout_item *items;

	if (i < checkouts->n && streq(checkouts->items[i].key, key))
		return 0;
	items = reallocarray(checkouts->items, checkouts->n + 1, sizeof(*items));
	if (!items)
		return -ENOMEM;
	checkouts->items = items;
	memmove(&items[i + 1], &items[i], (checkouts->n - i) * sizeof(*items));
	items[i] = (struct checkout_item){ .bytes = bytes };
	memcpy(items[i].key, key, SOURCE_KEY_MAX);
	checkouts->n++;
	return 0;
}

int checkout_publish(struct manager *manager, const char *request,
		     const struct fetch_result *result)
{
	_cleanup_free_ char *from = checkout_path(manager, request);
	_cleanup_free_ char *to = checkout_path(manager, result->key);

	if (!from || !to)
		return -ENOMEM;
	if (checkout_is_there(manager, result->key)) /* two were under way */
		return add(manager->checkouts, result->key, result->bytes);
	if (!checkout_has_tree(manager, request))
		return -EBADMSG;
	if (chmod(from, 0755) < 0 || rename(from, to) < 0)
		return -errno;
	return add(manager->checkouts, result->key, result->bytes);
}

int checkouts_keys(const struct manager *manager, const char ***ret, size_t *ret_n)
{
	const struct checkouts *checkouts = manager->checkouts;
	const char **keys = calloc(MIN(checkouts->n, (size_t)KEYS_TOLD_MAX) + 1, sizeof(*keys));
	size_t n = 0;

	if (!keys)
		return -ENOMEM;
	for (size_t i = 0; i < checkouts->n && n < KEYS_TOLD_MAX; i++)
		if (checkout_is_there(manager, checkouts->items[i].key))
			keys[n++] = checkouts->items[i].key;
	*ret = keys;
	*ret_n = n;
	return 0;
}

static void mark(const struct checkouts *checkouts, const char *key)
{
	struct checkout_item *item = find(checkouts, key);

	if (item)
		item->used = true;
}

/* What was fetched and is not built yet has no name in the definition. */
static void mark_plain(const struct manager *manager, const struct definition *definition)
{
	_cleanup_refusal_ struct refusal refusal = {};
	_cleanup_source_ struct source source = {};
	char key[SOURCE_KEY_MAX];

	if (source_of(definition, &source, &refusal) == 0 && source_is_fetched(&source) &&
	    source_key(&source, definition->checkout.commit, NULL, key) == 0)
		mark(manager->checkouts, key);
}

static void mark_used(struct manager *manager)
{
	struct checkouts *checkouts = manager->checkouts;

	for (size_t i = 0; i < checkouts->n; i++)
		checkouts->items[i].used = false;
	for (size_t i = 0; i < manager->n_entries; i++) {
		const struct entry *entry = manager->entries[i];
		const struct checkout *checkout = &entry->row.definition->checkout;

		mark(checkouts, checkout->key);
		/* An update has another one while the process still has this. What a daemon before
		   this one has started, its unit says. */
		if (entry->operation != OPERATION_NONE || unit_state_is_live(&entry->unit)) {
			mark(checkouts, entry->running_key);
			mark(checkouts, entry->unit.checkout);
		}
		if (!isempty(checkout->commit) && isempty(checkout->key))
			mark_plain(manager, entry->row.definition);
		if (entry->fetch)
			mark(checkouts, fetch_plain(entry->fetch));
	}
}

static void on_remove_started(const struct systemd_result *result, void *userdata)
{
	struct manager *manager = userdata;

	if (result->error == 0)
		return;
	log_warning("A checkout cannot be removed: %s", systemd_result_words(result));
	manager->checkouts->removing[0] = '\0';
}

/* Has a directory removed that is out of the way. */
static int remove_gone(struct manager *manager, const char *name)
{
	char unit[FETCH_UNIT_MAX_SIZE];
	_cleanup_free_ char *path = NULL;
	struct remove_plan plan = { .unit = unit, .parent = manager->config.source.cache_dir };
	int r;

	if (asprintf(&path, "%s/" GONE_PREFIX "%s", manager->config.source.cache_dir, name) < 0)
		return -ENOMEM;
	plan.directory = path;
	(void)snprintf(unit, sizeof(unit), FETCH_UNIT_PREFIX "%s.service", name);
	r = systemd_start_remove(manager->systemd, &plan, on_remove_started, manager);
	if (r >= 0)
		(void)snprintf(manager->checkouts->removing, ID128_TEXT_MAX, "%s", name);
	return r;
}

/* `gone` gets the name that it has then, behind its prefix. */
static int put_out_of_the_way(const struct manager *manager, const char *name,
			      char gone[ID128_TEXT_MAX])
{
	_cleanup_free_ char *from = checkout_path(manager, name), *to = NULL;
	sd_id128_t id;
	int r = sd_id128_randomize(&id);

	if (r < 0)
		return r;
	if (!from || asprintf(&to, "%s/" GONE_PREFIX "%s", manager->config.source.cache_dir,
			      sd_id128_to_string(id, gone)) < 0) {
		to = NULL;
		return -ENOMEM;
	}
	return rename(from, to) < 0 ? -errno : 0;
}

static void drop(struct manager *manager, struct checkout_item *item)
{
	struct checkouts *checkouts = manager->checkouts;
	char gone[ID128_TEXT_MAX];
	int r = put_out_of_the_way(manager, item->key, gone);

	if (r < 0 && r != -ENOENT) {
		log_warning("The checkout %s cannot be removed: %s", item->key, strerror(-r));
		item->unused_since = now_usec(CLOCK_REALTIME);
		return;
	}
	checkouts->n--;
	memmove(item, item + 1, (size_t)(&checkouts->items[checkouts->n] - item) * sizeof(*item));
}

/* Drops those that nobody has used for so long; when the next one is due, in microseconds. */
static uint64_t drop_unused(struct manager *manager, uint64_t keep_usec)
{
	struct checkouts *checkouts = manager->checkouts;
	uint64_t now = now_usec(CLOCK_REALTIME), next = UINT64_MAX;

	mark_used(manager);
	for (size_t i = checkouts->n; i-- > 0;) {
		struct checkout_item *item = &checkouts->items[i];
		uint64_t since;

		if (item->used) {
			item->unused_since = 0;
			continue;
		}
		if (item->unused_since == 0 || item->unused_since > now)
			item->unused_since = now;
		since = item->unused_since;
		if (now - since >= keep_usec)
			drop(manager, item);
		else
			next = MIN(next, since + keep_usec - now);
	}
	return next;
}

static uint64_t total(const struct checkouts *checkouts)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < checkouts->n; i++)
		bytes += checkouts->items[i].bytes;
	return bytes;
}

int checkouts_room(struct manager *manager, uint64_t *ret, struct refusal *refusal)
{
	const struct source_config *config = &manager->config.source;
	uint64_t used = total(manager->checkouts);

	if (used >= config->cache_max_bytes) {
		(void)drop_unused(manager, 0);
		checkouts_sweep_later(manager);
		used = total(manager->checkouts);
	}
	if (used >= config->cache_max_bytes)
		return refuse(
			refusal, CODE_RESOURCE_EXHAUSTED, "SOURCE_CACHE_FULL",
			"indexer.project_source",
			"indexer.project_source: the projects that indexers use take %" PRIu64
			" MiB of the disk, and CacheMaxMiB= in [Source] of indexerd.conf allows "
			"%" PRIu64,
			used >> 20, config->cache_max_bytes >> 20);
	*ret = MIN(config->max_bytes, config->cache_max_bytes - used);
	return 0;
}

/* Whether a name is that of a fetch's directory, or what stands behind GONE_PREFIX. */
static bool is_request(const char *name)
{
	return strlen(name) == REQUEST_SIZE && strspn(name, "0123456789abcdef") == REQUEST_SIZE;
}

/* Puts directories out of the way that no fetch has any more, and has one of all these removed. */
static void remove_next(struct manager *manager)
{
	DIR *directory = opendir(manager->config.source.cache_dir);
	char gone[ID128_TEXT_MAX] = "";
	const struct dirent *file;

	while (directory && (file = readdir(directory))) {
		const char *name = startswith(file->d_name, GONE_PREFIX);

		if (is_request(file->d_name) && !fetch_is_known(manager, file->d_name))
			(void)put_out_of_the_way(manager, file->d_name, gone);
		else if (name && is_request(name))
			memcpy(gone, name, sizeof(gone));
	}
	if (directory)
		closedir(directory);
	if (*gone && remove_gone(manager, gone) < 0)
		log_debug("%s is removed later", gone);
}

static int on_sweep(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct manager *manager = userdata;
	uint64_t next;
	int r = 0;

	(void)source, (void)usec;
	/* Nothing is known to be unused before all is asked about. */
	if (!manager->synced || !systemd_is_connected(manager->systemd))
		return 0;
	next = drop_unused(manager, manager->config.source.keep_unused_usec);
	if (isempty(manager->checkouts->removing))
		remove_next(manager);
	if (next != UINT64_MAX)
		r = timer_start(manager->checkouts->timer, next);
	if (r < 0)
		log_error("No timer for checkouts: %s", strerror(-r));
	return 0;
}

void checkouts_sweep_later(struct manager *manager)
{
	int r = timer_start(manager->checkouts->timer, 0);

	if (r < 0)
		log_error("No timer for checkouts: %s", strerror(-r));
}

void checkouts_lost(struct manager *manager)
{
	manager->checkouts->removing[0] = '\0';
}

void checkouts_removed(struct manager *manager, const char *unit)
{
	struct checkouts *checkouts = manager->checkouts;
	char expected[FETCH_UNIT_MAX_SIZE];
	_cleanup_free_ char *path = NULL;
	struct stat st;

	(void)snprintf(expected, sizeof(expected), FETCH_UNIT_PREFIX "%s.service",
		       checkouts->removing);
	if (isempty(checkouts->removing) || !streq(unit, expected))
		return;
	(void)systemd_unref_unit(manager->systemd, unit, ignore_result, NULL);
	if (asprintf(&path, "%s/" GONE_PREFIX "%s", manager->config.source.cache_dir,
		     checkouts->removing) < 0)
		path = NULL;
	checkouts->removing[0] = '\0';
	if (path && lstat(path, &st) == 0) /* not again and again */
		log_warning("%s cannot be removed; the journal of %s says why", path, unit);
	else
		checkouts_sweep_later(manager);
}

static int load(struct manager *manager, DIR *directory)
{
	const struct dirent *file;
	struct stat st;
	int r = 0;

	while (r == 0 && (file = readdir(directory))) {
		struct fetch_result result = {};

		if (!checkout_is_there(manager, file->d_name))
			continue;
		(void)checkout_read_result(manager, file->d_name, &result);
		r = add(manager->checkouts, file->d_name, result.bytes);
		if (r == 0 && fstatat(dirfd(directory), file->d_name, &st, 0) == 0)
			find(manager->checkouts, file->d_name)->unused_since =
				(uint64_t)st.st_mtim.tv_sec * USEC_PER_SEC;
	}
	return r;
}

int checkouts_load(struct manager *manager)
{
	DIR *directory;
	int r;

	manager->checkouts = calloc(1, sizeof(*manager->checkouts));
	if (!manager->checkouts)
		return -ENOMEM;
	r = timer_new(manager->event, 0, on_sweep, manager, &manager->checkouts->timer);
	if (r < 0)
		return r;
	directory = opendir(manager->config.source.cache_dir);
	if (!directory) {
		log_warning("%s cannot be read: %m", manager->config.source.cache_dir);
		return 0;
	}
	r = load(manager, directory);
	closedir(directory);
	return r;
}

void checkouts_free(struct manager *manager)
{
	if (!manager->checkouts)
		return;
	sd_event_source_disable_unref(manager->checkouts->timer);
	free(manager->checkouts->items);
	free(manager->checkouts);
}
