/*
 * The daemon's configuration; see config.h. Files are read in systemd's order, later ones override:
 * indexerd.conf, the administrator's in place of the vendor's, then the drop-ins of both by their
 * names, the administrator's in place of a vendor's of the same name.
 *
 * Not by libeconf: Debian's 0.5.1 crashes where a drop-in meets a main file without any key.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <dirent.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/util.h"
#include "indexerd/keys.h"
#include "model/log_rate.h"

#define MAX_INDEXERS_DEFAULT 4000
#define DRAIN_DEFAULT_SEC    5
/* A real indexer at full speed wrote 6,600 lines/s. */
#define LOG_RATE_DEFAULT_SEC	  30
#define LOG_RATE_DEFAULT_BURST	  1000000
#define CLEAR_TIMEOUT_DEFAULT_SEC 5
#define FILE_SIZE_MAX		  65536
#define FETCHES_DEFAULT		  4
#define FETCH_TIMEOUT_DEFAULT_SEC 900
#define FETCH_TASKS_DEFAULT	  512
#define KEEP_UNUSED_DEFAULT_SEC	  3600
#define MIB			  (1024ULL * 1024)

int config_read_text(char *text, size_t size, const char *path, struct config *config)
{
	struct complaint complaint = {};
	struct ini_entry entry;
	struct ini ini;
	int r = ini_begin(&ini, text, size, &complaint);

	while (r == 0 && (r = ini_next(&ini, &entry, &complaint)) == 0 && entry.key) {
		r = keys_set(&entry, path, config);
		if (r < 0)
			return r;
	}
	if (r == 0)
		return 0;
	log_error("%s:%u: %s", path, complaint.line, complaint.text);
	return -EINVAL;
}

/* Reads one file over what is there; -ENOENT where it is not there. */
static int read_file(const char *path, struct config *config)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	_cleanup_free_ char *text = NULL;
	size_t n;

	if (!f)
		return -errno;
	text = malloc(FILE_SIZE_MAX + 1);
	if (!text)
		return -ENOMEM;
	n = fread(text, 1, FILE_SIZE_MAX + 1, f);
	if (ferror(f))
		return -EIO;
	if (n > FILE_SIZE_MAX) {
		log_error("%s: larger than %d bytes", path, FILE_SIZE_MAX);
		return -EFBIG;
	}
	text[n] = '\0';
	return config_read_text(text, n, path, config);
}

/* Most important first. */
static const char *const directories[] = { SYSCONFDIR "/indexerd", "/usr/lib/indexerd" };

/* Reads the file of this name from the first directory that has it. 0 also where none has. */
static int read_first(const char *name, struct config *config)
{
	for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
		_cleanup_free_ char *path = NULL;
		int r;

		if (asprintf(&path, "%s/%s", directories[i], name) < 0)
			return -ENOMEM;
		r = read_file(path, config);
		if (r != -ENOENT && r != -EINVAL && r < 0)
			log_error("%s: %s", path, strerror(-r));
		if (r != -ENOENT)
			return r;
	}
	return 0;
}

static int is_drop_in(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && entry->d_name[0] != '.' && streq(dot, ".conf");
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

struct names {
	char **items;
	size_t n;
};

static void names_clear(struct names *names)
{
	for (size_t i = 0; i < names->n; i++)
		free(names->items[i]);
	free(names->items);
}

static int add_names(const char *directory, struct names *names)
{
	_cleanup_free_ char *path = NULL;
	struct dirent *entry;
	DIR *dir;
	int r = 0;

	if (asprintf(&path, "%s/indexerd.conf.d", directory) < 0)
		return -ENOMEM;
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while (r == 0 && (entry = readdir(dir))) {
		char **items;

		if (!is_drop_in(entry))
			continue;
		items = reallocarray(names->items, names->n + 1, sizeof(*items));
		if (!items) {
			r = -ENOMEM;
			break;
		}
		names->items = items;
		names->items[names->n] = strdup(entry->d_name);
		r = names->items[names->n] ? 0 : -ENOMEM;
		names->n += r == 0;
	}
	closedir(dir);
	return r;
}

static int read_drop_ins(struct config *config)
{
	_cleanup_(names_clear) struct names names = {};
	int r = 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(directories); i++)
		r = add_names(directories[i], &names);
	if (names.n > 0)
		qsort(names.items, names.n, sizeof(*names.items), compare_names);
	for (size_t i = 0; r >= 0 && i < names.n; i++) {
		_cleanup_free_ char *name = NULL;

		if (i > 0 && streq(names.items[i], names.items[i - 1]))
			continue;
		if (asprintf(&name, "indexerd.conf.d/%s", names.items[i]) < 0)
			return -ENOMEM;
		r = read_first(name, config);
	}
	return r;
}

static const struct source_config source_config_default = {
	.max_fetches = FETCHES_DEFAULT,
	.limits = { .timeout_usec = FETCH_TIMEOUT_DEFAULT_SEC * USEC_PER_SEC,
		    .memory_max_bytes = 2048 * MIB,
		    .tasks_max = FETCH_TASKS_DEFAULT },
	.max_bytes = 4096 * MIB,
	.cache_max_bytes = 32768 * MIB,
	.keep_unused_usec = KEEP_UNUSED_DEFAULT_SEC * USEC_PER_SEC,
};

void config_init(struct config *config)
{
	*config = (struct config){ .max_indexers = MAX_INDEXERS_DEFAULT,
				   .quotas = manager_quotas_default,
				   .log = { log_rate_interval(LOG_RATE_DEFAULT_SEC),
					    LOG_RATE_DEFAULT_BURST },
				   .log_priority = LOG_INFO,
				   .drain_usec = DRAIN_DEFAULT_SEC * USEC_PER_SEC,
				   .limits = rpc_limits_default,
				   .secrets = secret_rules_default,
				   .persistence = { .backend = BACKEND_FS },
				   .clear_timeout_usec = CLEAR_TIMEOUT_DEFAULT_SEC * USEC_PER_SEC,
				   .source = source_config_default };
}

void config_clear(struct config *config)
{
	rights_rules_clear(&config->rules);
	tls_files_clear(&config->tls);
	secret_rules_clear(&config->secrets);
	persistence_clear(&config->persistence);
	free(TAKE(config->abandoned));
	free((char *)config->log.log_namespace);
	config->log.log_namespace = NULL;
}

int config_check(const struct config *config)
{
	const struct persistence *persistence = &config->persistence;
	const char *where = config->persistence_where, *name = backend_name(persistence->backend);
	struct backend_address address = { .backend = persistence->backend };
	const char *problem;

	if (persistence->address)
		(void)backend_address_parse(persistence->address, &address, &problem);
	if (backend_is_remote(persistence->backend) && !persistence->address)
		log_error("%s: Backend=%s wants an Address=", where, name);
	else if (address.backend != persistence->backend)
		log_error("%s: Address=%s is %s's, and Backend= is %s", where, persistence->address,
			  backend_name(address.backend), name);
	else if (persistence->credential && !persistence->address)
		log_error("%s: Credential= is of no use with Backend=%s", where, name);
	else if (persistence->credential && persistence->backend == BACKEND_ETCD &&
		 isempty(address.user))
		log_error("%s: with Credential= an etcd wants a user: Address=http://USER@...",
			  where);
	else
		return 0;
	return -EINVAL;
}

int config_load(struct config *config)
{
	int r;

	config_init(config);
	r = read_first("indexerd.conf", config);
	r = r < 0 ? r : read_drop_ins(config);
	return r < 0 ? r : config_check(config);
}
