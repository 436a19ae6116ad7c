/*
 * Keys of the configuration; see keys.h. One table: a key, where its value goes, and within which
 * limits.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/util.h"
#include "indexerd/keys.h"
#include "indexerd/names.h"
#include "model/indexer.h"
#include "model/level.h"
#include "model/lineage.h"
#include "model/log_namespace.h"
#include "model/log_rate.h"

/* A connection is two descriptors, and the unit has LimitNOFILE=32768. */
#define MAX_CONNECTIONS_MOST 12000
#define DAY_SEC		     86400
#define MIB_MOST	     (1ULL << 30)
#define TASKS_MOST	     4194304 /* the kernel's own highest pid_max */
#define WHERE_MAX	     512

enum type {
	TYPE_UNSIGNED,
	TYPE_SIZE,
	TYPE_NUMBER,  /* a uint64_t as it is, */
	TYPE_MIB,     /* or of bytes, */
	TYPE_SECONDS, /* a uint64_t of microseconds, */
	TYPE_RATE,    /* or one of a rate limit's, where 0 is none */
	TYPE_LEVEL,
	TYPE_USERS,
	TYPE_GROUPS,
	TYPE_SUBJECTS,
	TYPE_PATH,
	TYPE_NAMESPACE,
	TYPE_BACKEND,
	TYPE_ADDRESS,
	TYPE_ADDRESSES,
	TYPE_CREDENTIAL,
	TYPE_PATTERNS,
};

struct key {
	const char *section, *name;
	enum type type;
	size_t offset;
	unsigned long long least, most; /* of numbers */
	size_t given;			/* of users and groups: offset of the bool, or 0 */
};

#define AT(member) offsetof(struct config, member)

static const struct key keys[] = {
	{ "Manager", "MaxIndexers", TYPE_SIZE, AT(max_indexers), 1, INDEXERS_MOST },
	{ "Manager", "LogLevel", TYPE_LEVEL, AT(log_priority) },
	{ "Manager", "DrainTimeoutSec", TYPE_SECONDS, AT(drain_usec), 0, 60 },
	{ "Limits", "MaxIndexersPerUser", TYPE_SIZE, AT(quotas.per_user), 1, INDEXERS_MOST },
	{ "Limits", "MaxDescendants", TYPE_SIZE, AT(quotas.descendants), 0, INDEXERS_MOST },
	{ "Limits", "MaxDepth", TYPE_SIZE, AT(quotas.depth), 1, LINEAGE_LEVELS_MAX },
	{ "Limits", "MaxConnections", TYPE_UNSIGNED, AT(limits.connections), 1,
	  MAX_CONNECTIONS_MOST },
	{ "Limits", "MaxConnectionsPerUser", TYPE_UNSIGNED, AT(limits.connections_per_user), 1,
	  MAX_CONNECTIONS_MOST },
	{ "Limits", "MaxConnectionsPerIndexer", TYPE_UNSIGNED, AT(limits.connections_per_indexer),
	  1, MAX_CONNECTIONS_MOST },
	{ "Limits", "MaxCalls", TYPE_UNSIGNED, AT(limits.calls), 1, 65536 },
	{ "Limits", "MaxCallsPerUser", TYPE_UNSIGNED, AT(limits.calls_per_user), 1, 65536 },
	{ "Limits", "MaxCallsPerIndexer", TYPE_UNSIGNED, AT(limits.calls_per_indexer), 1, 65536 },
	{ "Limits", "MaxStreams", TYPE_UNSIGNED, AT(limits.streams), 1, 65536 },
	{ "Limits", "MaxStreamsPerUser", TYPE_UNSIGNED, AT(limits.streams_per_user), 1, 65536 },
	{ "Limits", "MaxStreamsPerIndexer", TYPE_UNSIGNED, AT(limits.streams_per_indexer), 1,
	  65536 },
	{ "Limits", "IdleTimeoutSec", TYPE_SECONDS, AT(limits.connection_idle_usec), 1, DAY_SEC },
	{ "Limits", "KeepaliveSec", TYPE_SECONDS, AT(limits.keepalive_usec), 1, DAY_SEC },
	{ "Limits", "KeepOutSec", TYPE_SECONDS, AT(limits.bar_usec), 0, DAY_SEC },
	{ "Journal", "RateLimitIntervalSec", TYPE_RATE, AT(log.rate_interval_usec), 0,
	  LOG_RATE_INTERVAL_MOST_SEC },
	{ "Journal", "RateLimitBurst", TYPE_UNSIGNED, AT(log.rate_burst), 1, LOG_RATE_BURST_MOST },
	{ "Journal", "Namespace", TYPE_NAMESPACE, AT(log.log_namespace) },
	{ "Persistence", "Backend", TYPE_BACKEND, AT(persistence.backend) },
	{ "Persistence", "Address", TYPE_ADDRESS, AT(persistence.address) },
	{ "Persistence", "Credential", TYPE_CREDENTIAL, AT(persistence.credential) },
	{ "Persistence", "TimeoutSec", TYPE_SECONDS, AT(clear_timeout_usec), 1, 60 },
	{ "Persistence", "Abandoned", TYPE_ADDRESSES, AT(abandoned) },
	{ "Source", "MaxFetches", TYPE_SIZE, AT(source.max_fetches), 1, 64 },
	{ "Source", "TimeoutSec", TYPE_SECONDS, AT(source.limits.timeout_usec), 1, DAY_SEC },
	{ "Source", "MemoryMaxMiB", TYPE_MIB, AT(source.limits.memory_max_bytes), 16, MIB_MOST },
	{ "Source", "TasksMax", TYPE_NUMBER, AT(source.limits.tasks_max), 8, TASKS_MOST },
	{ "Source", "MaxMiB", TYPE_MIB, AT(source.max_bytes), 1, MIB_MOST },
	{ "Source", "CacheMaxMiB", TYPE_MIB, AT(source.cache_max_bytes), 1, MIB_MOST },
	{ "Source", "KeepUnusedSec", TYPE_SECONDS, AT(source.keep_unused_usec), 0, 366 * DAY_SEC },
	{ "Secrets", "Credentials", TYPE_PATTERNS, AT(secrets.credentials) },
	{ "Secrets", "Redact", TYPE_PATTERNS, AT(secrets.redact) },
	{ "Access", "Users", TYPE_USERS, AT(rules.users), .given = AT(rules.users_given) },
	{ "Access", "Groups", TYPE_GROUPS, AT(rules.groups), .given = AT(rules.groups_given) },
	{ "Access", "ReadOnlyUsers", TYPE_USERS, AT(rules.read_only_users) },
	{ "Access", "ReadOnlyGroups", TYPE_GROUPS, AT(rules.read_only_groups) },
	{ "Listen", "Certificate", TYPE_PATH, AT(tls.certificate) },
	{ "Listen", "Key", TYPE_PATH, AT(tls.key) },
	{ "Listen", "ClientCA", TYPE_PATH, AT(tls.client_ca) },
	{ "Listen", "AllowedSubjects", TYPE_SUBJECTS, AT(rules.subjects) },
	{ "Listen", "ReadOnlySubjects", TYPE_SUBJECTS, AT(rules.read_only_subjects) },
};

static int read_number(const struct key *key, const char *value, unsigned long long *ret)
{
	char *end;
	unsigned long long n;

	errno = 0;
	n = strtoull(value, &end, 10);
	if (errno != 0 || end == value || *end || !isdigit((unsigned char)value[0]) ||
	    n < key->least || n > key->most)
		return -EINVAL;
	*ret = n;
	return 0;
}

static int set_number(const struct key *key, const char *value, void *target)
{
	unsigned long long n;
	int r = read_number(key, value, &n);

	if (r < 0)
		return r;
	if (key->type == TYPE_UNSIGNED)
		*(unsigned *)target = (unsigned)n;
	else if (key->type == TYPE_SIZE)
		*(size_t *)target = (size_t)n;
	else if (key->type == TYPE_NUMBER)
		*(uint64_t *)target = n;
	else if (key->type == TYPE_MIB)
		*(uint64_t *)target = n << 20;
	else if (key->type == TYPE_RATE)
		*(uint64_t *)target = log_rate_interval(n);
	else
		*(uint64_t *)target = n * USEC_PER_SEC;
	return 0;
}

static int set_level(const char *value, int *target)
{
	int level = level_from_name(value);

	if (level < 0)
		return -EINVAL;
	*target = priority_from_level((enum level)level);
	return 0;
}

/* An empty value takes back what was given before. */
static int set_string(const char *value, bool good, char **target)
{
	char *copy = NULL;

	if (*value && !good)
		return -EINVAL;
	if (*value && !(copy = strdup(value)))
		return -ENOMEM;
	free(*target);
	*target = copy;
	return 0;
}

static int check_address(const char *value, const char *where)
{
	struct backend_address address;
	const char *problem;

	if (backend_address_parse(value, &address, &problem) >= 0)
		return 0;
	/* Without the value: it may have a password in it. */
	log_error("%s: the address of a back end: %s", where, problem);
	return -ENOENT;
}

static int set_address(const char *value, const char *where, char **target)
{
	int r = *value ? check_address(value, where) : 0;

	return r < 0 ? r : set_string(value, true, target);
}

/* Appends to what is there, with one blank between; an empty value takes all back. */
static int add_addresses(const char *value, const char *where, char **target)
{
	_cleanup_free_ char *words = strdup(value);
	char *position = NULL, *word, *text;

	if (!words)
		return -ENOMEM;
	if (!*value)
		free(TAKE(*target));
	for (word = strtok_r(words, " \t", &position); word;
	     word = strtok_r(NULL, " \t", &position)) {
		int r = check_address(word, where);

		if (r < 0)
			return r;
		if (asprintf(&text, "%s%s%s", *target ? *target : "", *target ? " " : "", word) < 0)
			return -ENOMEM;
		free(*target);
		*target = text;
	}
	return 0;
}

static int set(const struct key *key, const char *value, const char *where, struct config *config)
{
	void *target = (char *)config + key->offset;

	switch (key->type) {
	case TYPE_UNSIGNED:
	case TYPE_SIZE:
	case TYPE_NUMBER:
	case TYPE_MIB:
	case TYPE_SECONDS:
	case TYPE_RATE:
		return set_number(key, value, target);
	case TYPE_LEVEL:
		return set_level(value, target);
	case TYPE_USERS:
	case TYPE_GROUPS:
		if (key->given > 0)
			*((bool *)((char *)config + key->given)) = *value != '\0';
		return names_to_ids(value, key->type == TYPE_GROUPS, where, target);
	case TYPE_SUBJECTS:
		return names_to_list(value, target);
	case TYPE_PATH:
		return set_string(value, *value == '/', target);
	case TYPE_NAMESPACE:
		return set_string(value, log_namespace_is_valid(value), target);
	case TYPE_BACKEND:
		return backend_from_name(value, target);
	case TYPE_ADDRESS:
		return set_address(value, where, target);
	case TYPE_ADDRESSES:
		return add_addresses(value, where, target);
	case TYPE_CREDENTIAL:
		return set_string(value, credential_name_is_valid(value), target);
	case TYPE_PATTERNS:
		return names_to_patterns(value, target);
	}
	assert(false);
}

static void log_wanted(const struct key *key, const char *where)
{
	switch (key->type) {
	case TYPE_UNSIGNED:
	case TYPE_SIZE:
	case TYPE_NUMBER:
	case TYPE_MIB:
	case TYPE_SECONDS:
	case TYPE_RATE:
		log_error("%s: %s= wants a number%s from %llu to %llu", where, key->name,
			  key->type == TYPE_SECONDS || key->type == TYPE_RATE ? " of seconds" : "",
			  key->least, key->most);
		break;
	case TYPE_LEVEL:
		log_error("%s: %s= wants trace, debug, info, warning or error", where, key->name);
		break;
	case TYPE_USERS:
	case TYPE_GROUPS:
		log_error("%s: %s= wants names or numbers, with blanks between", where, key->name);
		break;
	case TYPE_SUBJECTS:
		log_error("%s: %s= wants names of at most %d bytes with blanks between; one that "
			  "has blanks stands in double quotes",
			  where, key->name, SUBJECT_MAX - 1);
		break;
	case TYPE_PATH:
		log_error("%s: %s= wants an absolute path", where, key->name);
		break;
	case TYPE_NAMESPACE:
		log_error("%s: %s= wants a name of at most %d letters, digits and characters of "
			  ":-_.@ that is neither . nor ..",
			  where, key->name, LOG_NAMESPACE_MAX - 1);
		break;
	case TYPE_BACKEND:
		log_error("%s: %s= wants none, fs, redis or etcd", where, key->name);
		break;
	case TYPE_CREDENTIAL:
		log_error("%s: %s= wants the name of a credential, at most %d letters, digits and "
			  "characters of ._-",
			  where, key->name, BACKEND_CREDENTIAL_MAX - 1);
		break;
	case TYPE_PATTERNS:
		log_error("%s: %s= wants patterns of at most %d bytes with blanks between, in "
			  "which * is any text and ? any one byte",
			  where, key->name, SECRET_PATTERN_MAX);
		break;
	case TYPE_ADDRESS: /* told already */
	case TYPE_ADDRESSES:
		break;
	}
}

static bool has_section(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(keys); i++)
		if (streq(keys[i].section, name))
			return true;
	return false;
}

int keys_set(const struct ini_entry *entry, const char *path, struct config *config)
{
	char where[WHERE_MAX];
	int r;

	(void)snprintf(where, sizeof(where), "%s:%u", path, entry->line);
	for (size_t i = 0; i < ELEMENTSOF(keys); i++) {
		if (!streq(keys[i].section, entry->section) || !streq(keys[i].name, entry->key))
			continue;
		if (streq(entry->section, "Persistence"))
			memcpy(config->persistence_where, where, sizeof(where));
		r = set(&keys[i], entry->value, where, config);
		if (r == -EINVAL)
			log_wanted(&keys[i], where);
		return r == -ENOENT ? -EINVAL : r; /* what is wrong is told already */
	}
	if (has_section(entry->section))
		log_error("%s: unknown key %s= in [%s]", where, entry->key, entry->section);
	else
		log_error("%s: unknown section [%s]", where, entry->section);
	return -EINVAL;
}
