/*
 * The daemon's configuration; see config.h. libeconf merges the files in systemd's order: the
 * vendor's under /usr/lib, the administrator's under /etc, drop-ins last.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <libeconf.h>
#include <libeconf_ext.h>
#include <limits.h>

#include "common/cleanup.h"
#include "common/log.h"
#include "common/util.h"
#include "indexerd/config.h"
#include "model/level.h"

#define MAX_INDEXERS_DEFAULT 4000
/* systemd has no more dynamic users than that: 61184 to 65519. */
#define MAX_INDEXERS_MOST 4336
#define DRAIN_DEFAULT_SEC 5
#define DRAIN_MOST_SEC	  60

static void free_arrayp(char ***array)
{
	if (*array)
		econf_freeArray(*array);
}

static void free_filep(econf_file **file)
{
	if (*file)
		econf_freeFile(*file);
}

static int read_number(const char *value, size_t most, size_t *ret)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno != 0 || end == value || *end || value[0] == '-' || n > most)
		return -EINVAL;
	*ret = (size_t)n;
	return 0;
}

static int set_max_indexers(struct config *config, const char *value)
{
	size_t n;

	if (read_number(value, MAX_INDEXERS_MOST, &n) < 0 || n == 0)
		return -EINVAL;
	config->max_indexers = n;
	return 0;
}

static int set_log_level(struct config *config, const char *value)
{
	int level = level_from_name(value);

	if (level < 0)
		return -EINVAL;
	config->log_priority = priority_from_level((enum level)level);
	return 0;
}

static int set_drain(struct config *config, const char *value)
{
	size_t n;

	if (read_number(value, DRAIN_MOST_SEC, &n) < 0)
		return -EINVAL;
	config->drain_usec = n * USEC_PER_SEC;
	return 0;
}

#define SECTION "Manager"

static const struct {
	const char *key;
	int (*set)(struct config *config, const char *value);
	const char *wants;
} keys[] = {
	{ "MaxIndexers", set_max_indexers, "a number from 1 to 4336" },
	{ "LogLevel", set_log_level, "trace, debug, info, warning or error" },
	{ "DrainTimeoutSec", set_drain, "a number of seconds from 0 to 60" },
};

static int set_key(econf_file *file, const char *key, struct config *config)
{
	struct econf_ext_value *value;
	int r = -EINVAL;

	if (econf_getExtValue(file, SECTION, key, &value) != ECONF_SUCCESS)
		return -EIO;
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		if (!streq(keys[i].key, key))
			continue;
		r = value->values && value->values[0] ? keys[i].set(config, value->values[0])
						      : -EINVAL;
		if (r < 0)
			log_error("%s:%llu: %s= wants %s", value->file,
				  (unsigned long long)value->line_number, key, keys[i].wants);
		econf_freeExtValue(value);
		return r;
	}
	log_error("%s:%llu: unknown key %s=", value->file, (unsigned long long)value->line_number,
		  key);
	econf_freeExtValue(value);
	return -EINVAL;
}

static int check_sections(econf_file *file)
{
	_cleanup_(free_arrayp) char **sections = NULL;
	size_t n = 0;
	econf_err e = econf_getGroups(file, &n, &sections);

	if (e == ECONF_NOGROUP)
		return 0;
	if (e != ECONF_SUCCESS)
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		if (streq(sections[i], SECTION))
			continue;
		if (streq(sections[i], "Listen"))
			log_error("indexerd.conf: [Listen]: TCP with client certificates is not "
				  "served by this version; put a facade before the Unix socket");
		else
			log_error("indexerd.conf: unknown section [%s]", sections[i]);
		return -EINVAL;
	}
	return 0;
}

static int set_keys(econf_file *file, struct config *config)
{
	_cleanup_(free_arrayp) char **names = NULL;
	size_t n = 0;
	econf_err e = econf_getKeys(file, SECTION, &n, &names);

	if (e == ECONF_NOKEY || e == ECONF_NOGROUP)
		return 0;
	if (e != ECONF_SUCCESS)
		return -EIO;
	for (size_t i = 0; i < n; i++) {
		int r = set_key(file, names[i], config);

		if (r < 0)
			return r;
	}
	return 0;
}

int config_load(struct config *config)
{
	_cleanup_(free_filep) econf_file *file = NULL;
	econf_err e;
	int r;

	*config = (struct config){ .max_indexers = MAX_INDEXERS_DEFAULT,
				   .log_priority = LOG_INFO,
				   .drain_usec = DRAIN_DEFAULT_SEC * USEC_PER_SEC };
	e = econf_readDirs(&file, "/usr/lib/indexerd", SYSCONFDIR "/indexerd", "indexerd", "conf",
			   "=", "#;");
	if (e == ECONF_NOFILE)
		return 0;
	if (e != ECONF_SUCCESS) {
		_cleanup_free_ char *path = NULL;
		uint64_t line = 0;

		econf_errLocation(&path, &line);
		log_error("%s:%llu: %s", path ? path : "indexerd.conf", (unsigned long long)line,
			  econf_errString(e));
		return -EINVAL;
	}
	r = check_sections(file);
	return r < 0 ? r : set_keys(file, config);
}
