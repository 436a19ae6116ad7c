/*
 * The daemon's configuration: what a file sets, and what it is refused for.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "common/util.h"
#include "indexerd/config.h"
#include "tap.h"

static int read_over(const char *text, struct config *config)
{
	char copy[4096];

	(void)snprintf(copy, sizeof(copy), "%s", text);
	return config_read_text(copy, strlen(copy), "test.conf", config);
}

static void test_defaults(void)
{
	_cleanup_(config_clear) struct config config;

	config_init(&config);
	is_int(read_over("# nothing\n", &config), 0, "a file may be empty");
	is_int((long long)config.max_indexers, 4000, "MaxIndexers=");
	is_int((long long)config.quotas.descendants, 2000, "MaxDescendants=");
	is_int((long long)config.quotas.depth, 8, "MaxDepth=");
	ok(config.quotas.per_user >= config.max_indexers, "MaxIndexersPerUser= is no limit");
	is_int(config.limits.connections, 10000, "MaxConnections=");
	ok(config.limits.calls_per_user < config.limits.calls,
	   "one user does not use up all calls");
	ok(config.limits.streams_per_user < config.limits.streams, "nor all streams");
	ok(!config.rules.users_given && !config.rules.groups_given, "and nobody is kept out");
	ok(!config.tls.certificate, "without TCP");
	is_int((long long)config.log.rate_interval_usec, 30000000, "RateLimitIntervalSec=");
	is_int(config.log.rate_burst, 1000000, "RateLimitBurst=");
	ok(!config.log.log_namespace, "and without a namespace");
}

static void test_values(void)
{
	_cleanup_(config_clear) struct config config;

	config_init(&config);
	is_int(read_over("[Manager]\nMaxIndexers=7\nLogLevel=debug\nDrainTimeoutSec=9\n"
			 "[Limits]\nMaxIndexersPerUser=3\nMaxDescendants=0\nMaxDepth=1\n"
			 "MaxConnectionsPerUser=11\nMaxCallsPerIndexer=12\nMaxStreams=13\n"
			 "KeepaliveSec=2\nIdleTimeoutSec=86400\nKeepOutSec=0\n"
			 "[Journal]\nNamespace=a\nNamespace=my.indexers@2\nRateLimitIntervalSec="
			 "2\nRateLimitBurst=100000000\n"
			 "[Listen]\nCertificate=/a\nKey=/b\nClientCA=/c\nKey=/d\n",
			 &config),
	       0, "all kinds of values");
	is_int((long long)config.max_indexers, 7, "MaxIndexers=");
	is_int(config.log_priority, LOG_DEBUG, "LogLevel=");
	is_int((long long)config.drain_usec, 9000000, "DrainTimeoutSec=");
	is_int((long long)config.quotas.per_user, 3, "MaxIndexersPerUser=");
	is_int((long long)config.quotas.descendants, 0, "MaxDescendants=");
	is_int((long long)config.quotas.depth, 1, "MaxDepth=");
	is_int(config.limits.connections_per_user, 11, "MaxConnectionsPerUser=");
	is_int(config.limits.calls_per_indexer, 12, "MaxCallsPerIndexer=");
	is_int(config.limits.streams, 13, "MaxStreams=");
	is_int((long long)config.limits.keepalive_usec, 2000000, "KeepaliveSec=");
	is_int((long long)config.limits.bar_usec, 0, "KeepOutSec=");
	is_int((long long)config.limits.connection_idle_usec, 86400000000, "IdleTimeoutSec=");
	is_str(config.tls.certificate, "/a", "Certificate=");
	is_int((long long)config.log.rate_interval_usec, 2000000, "RateLimitIntervalSec=");
	is_int(config.log.rate_burst, 100000000, "RateLimitBurst=");
	is_int(read_over("[Journal]\nRateLimitIntervalSec=0\n", &config), 0, "no limit");
	is_int((long long)config.log.rate_interval_usec, 1, "is not 0, which systemd would drop");
	is_str(config.tls.key, "/d", "of a path the last value counts");
	is_str(config.log.log_namespace, "my.indexers@2", "Namespace=");
	is_int(read_over("[Journal]\nNamespace=\n", &config), 0, "an empty one takes it back");
	ok(!config.log.log_namespace, "it is gone");
	is_int(read_over("[Journal]\nNamespace="
			 "4567890123456789012345678901234567890123456789012345678901234567\n",
			 &config),
	       0, "64 letters are good");
	is_int(read_over("[Listen]\nKey=\n", &config), 0, "an empty one takes it back");
	ok(!config.tls.key, "it is gone");
}

static void test_lists(void)
{
	_cleanup_(config_clear) struct config config;
	const struct rights_rules *rules = &config.rules;

	config_init(&config);
	is_int(read_over("[Access]\nUsers=root 1001\nUsers=\t\"1002\"\nGroups=4294967294\n"
			 "ReadOnlyUsers=5\nReadOnlyGroups=6 7\n",
			 &config),
	       0, "names and numbers");
	is_int((long long)rules->users.n, 3, "lists grow");
	is_int(rules->users.ids[0], 0, "a name is looked up");
	is_int(rules->users.ids[2], 1002, "a number needs no user");
	is_int(rules->groups.ids[0], 4294967294, "the highest");
	is_int((long long)rules->read_only_groups.n, 2, "of groups, too");
	ok(rules->users_given && rules->groups_given, "both are given");
	is_int(read_over("[Access]\nUsers=\nReadOnlyUsers=\nReadOnlyUsers=8\n", &config), 0,
	       "empty values");
	ok(!rules->users_given && rules->users.n == 0, "empty a list");
	is_int((long long)rules->read_only_users.n, 1, "and what follows is its beginning");
	is_int(read_over("[Listen]\nAllowedSubjects=ci \"Jane Doe\" spiffe://a/b\n", &config), 0,
	       "subjects");
	is_int((long long)rules->subjects.n, 3, "are names between blanks or quotes");
	is_str(rules->subjects.names[1], "Jane Doe", "with a blank in it");
}

static void test_secrets(void)
{
	_cleanup_(config_clear) struct config config;
	const struct kv variable = { (char *)"DNA_TOKEN", (char *)"v" };
	const struct secret_rules *rules = &config.secrets;

	config_init(&config);
	ok(credential_is_allowed(rules, "indexer.x") && !credential_is_allowed(rules, "dna.x"),
	   "Credentials=");
	is_str(environment_shown(rules, &variable), SECRET_REDACTED, "Redact=");
	is_int(read_over("[Secrets]\nCredentials=dna.* other\n", &config), 0, "names more");
	ok(credential_is_allowed(rules, "indexer.x") && credential_is_allowed(rules, "dna.x") &&
		   credential_is_allowed(rules, "other"),
	   "are allowed too");
	is_int(read_over("[Secrets]\nCredentials=\nRedact=\nRedact=A_* B\n", &config), 0,
	       "empty values");
	ok(!credential_is_allowed(rules, "indexer.x") && !credential_is_allowed(rules, "dna.x"),
	   "take back what there was");
	is_str(environment_shown(rules, &variable), "v", "in both");
}

static void test_persistence(void)
{
	_cleanup_(config_clear) struct config config;
	const struct persistence *persistence = &config.persistence;

	config_init(&config);
	is_int(persistence->backend, BACKEND_FS, "by default state is in the indexer's directory");
	is_int((long long)config.clear_timeout_usec, 5000000, "TimeoutSec=");
	is_int(config_check(&config), 0, "which is good");
	is_int(read_over("[Persistence]\nBackend=redis\nAddress=redis://u@h:1/2\nCredential=pw\n"
			 "TimeoutSec=60\nAbandoned=redis://old\tredis://older\n"
			 "Abandoned=http://oldest\n",
			 &config),
	       0, "a Redis");
	is_int(config_check(&config), 0, "is good");
	is_str(persistence->address, "redis://u@h:1/2", "Address=");
	is_str(persistence->credential, "pw", "Credential=");
	is_int((long long)config.clear_timeout_usec, 60000000, "TimeoutSec=");
	is_str(config.abandoned, "redis://old redis://older http://oldest", "Abandoned= grows");
	is_int(read_over("[Persistence]\nBackend=etcd\nAbandoned=\n", &config), 0, "an etcd");
	ok(!config.abandoned, "an empty value takes all back");
	is_int(config_check(&config), -EINVAL, "has no Redis' address");
	is_int(read_over("[Persistence]\nAddress=http://h\n", &config), 0, "an etcd's address");
	is_int(config_check(&config), -EINVAL, "with a password wants a user");
	is_int(read_over("[Persistence]\nAddress=http://u@h\n", &config), 0, "with a user");
	is_int(config_check(&config), 0, "is good");
	is_int(read_over("[Persistence]\nAddress=\n", &config), 0, "the address taken back");
	is_int(config_check(&config), -EINVAL, "is missing");
	is_int(read_over("[Persistence]\nBackend=none\n", &config), 0, "no persistence");
	is_int(config_check(&config), -EINVAL, "has no use for a credential");
	is_int(read_over("[Persistence]\nCredential=\n", &config), 0, "without");
	is_int(config_check(&config), 0, "is good");
	is_int(read_over("[Persistence]\nAddress=redis://h\n", &config), 0, "nor for");
	is_int(config_check(&config), -EINVAL, "an address");
}

static void test_source(void)
{
	_cleanup_(config_clear) struct config config;
	const struct source_config *source = &config.source;

	config_init(&config);
	ok(source->max_fetches == 4 && source->limits.timeout_usec == 900 * USEC_PER_SEC &&
		   source->limits.memory_max_bytes == 2ULL << 30 &&
		   source->limits.tasks_max == 512 && source->max_bytes == 4ULL << 30 &&
		   source->cache_max_bytes == 32ULL << 30 &&
		   source->keep_unused_usec == 3600 * USEC_PER_SEC,
	   "fetches have limits by default");
	is_int(read_over("[Source]\nMaxFetches=1\nTimeoutSec=2\nMemoryMaxMiB=16\nTasksMax=8\n"
			 "MaxMiB=5\nCacheMaxMiB=6\nKeepUnusedSec=0\n",
			 &config),
	       0, "and others");
	ok(source->max_fetches == 1 && source->limits.timeout_usec == 2 * USEC_PER_SEC &&
		   source->limits.memory_max_bytes == 16 << 20 && source->limits.tasks_max == 8 &&
		   source->max_bytes == 5 << 20 && source->cache_max_bytes == 6 << 20 &&
		   source->keep_unused_usec == 0,
	   "where the file says so");
}

static void test_refused(void)
{
	static const char *const texts[] = {
		"[Manager]\nMaxIndexers=0\n",
		"[Manager]\nMaxIndexers=4337\n",
		"[Manager]\nMaxIndexers=-1\n",
		"[Manager]\nMaxIndexers=ten\n",
		"[Manager]\nMaxIndexers=+5\n",
		"[Manager]\nMaxIndexers=\n",
		"[Manager]\nMaxDepth=3\n", /* another section's */
		"[Limits]\nMaxDepth=0\n",
		"[Limits]\nMaxDepth=65\n",
		"[Limits]\nMaxConnections=12001\n",
		"[Limits]\nMaxCalls=1.5\n",
		"[Limits]\nKeepaliveSec=0\n",
		"[Limits]\nNoSuchKey=1\n",
		"[Journal]\nRateLimitIntervalSec=86401\n",
		"[Journal]\nRateLimitBurst=0\n",
		"[Journal]\nNamespace=..\n",
		"[Journal]\nNamespace=a/b\n",
		"[Journal]\nNamespace=a b\n",
		"[Journal]\nNamespace=%i\n",
		"[Journal]\nNamespace=*\n",
		"[Journal]\nNamespace=+a\n",
		"[Journal]\nNamespace="
		"4567890123456789012345678901234567890123456789012345678901234567a\n",
		"[Journal]\nRateLimitBurst=100000001\n",
		"[NoSuchSection]\nKey=1\n",
		"[Persistence]\nBackend=mongo\n",
		"[Source]\nMaxFetches=0\n",
		"[Source]\nMaxMiB=1G\n",
		"[Source]\nTimeoutSec=86401\n",
		"[Persistence]\nBackend=\n",
		"[Persistence]\nAddress=127.0.0.1:6379\n",
		"[Persistence]\nAddress=redis://u:secret@h\n",
		"[Persistence]\nAddress=rediss://h\n",
		"[Persistence]\nCredential=../x\n",
		"[Persistence]\nTimeoutSec=0\n",
		"[Persistence]\nTimeoutSec=61\n",
		"[Persistence]\nAbandoned=redis://h old\n",
		"[Access]\nUsers=no-such-user-here\n",
		"[Access]\nReadOnlyGroups=no-such-group-here\n",
		"[Access]\nUsers=4294967295\n", /* to the kernel it is nobody */
		"[Access]\nUsers=99999999999999999999\n",
		"[Access]\nUsers=-1\n",
		"[Access]\nUsers=\"root\n",
		"[Access]\nUsers=\"\"\n",
		"[Access]\nUsers=\"root\"1\n",
		"[Listen]\nCertificate=relative.pem\n",
		"[Listen]\nListenStream=7175\n",
		"Users=root\n",
	};

	for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
		_cleanup_(config_clear) struct config config;

		config_init(&config);
		is_int(read_over(texts[i], &config), -EINVAL, "refused: %s",
		       strchr(texts[i], '\n') + 1);
	}
}

static void test_long_subject(void)
{
	_cleanup_(config_clear) struct config config;
	char text[SUBJECT_MAX + 100] = "[Listen]\nAllowedSubjects=";
	size_t head = strlen(text);

	config_init(&config);
	memset(text + head, 'x', SUBJECT_MAX - 1);
	is_int(read_over(text, &config), 0, "a subject of 255 bytes");
	memset(text + head, 'x', SUBJECT_MAX);
	is_int(read_over(text, &config), -EINVAL, "and none of more");
}

int main(void)
{
	log_set_max_priority(LOG_CRIT);
	test_defaults();
	test_values();
	test_lists();
	test_secrets();
	test_persistence();
	test_source();
	test_refused();
	test_long_subject();
	return tap_done();
}
