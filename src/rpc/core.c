/*
 * The shared part of the rpc layer; see core.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/resource.h>

#include "common/log.h"
#include "manager/manager.h"
#include "rpc/accounts.h"
#include "rpc/core.h"
#include "rpc/gate.h"
#include "systemd/usage.h"

/* The registry, the journal's files, and connections beyond the total. */
#define OTHER_FILES 2048

const struct rpc_limits rpc_limits_default = {
	.connections = 10000,
	.connections_per_user = 1024,
	.connections_per_indexer = 64,
	.identifying = 256,
	.calls = 4096,
	.calls_per_user = 1024,
	.calls_per_indexer = 256,
	.streams = 4096,
	.streams_per_user = 2048,
	.streams_per_indexer = 128,
	.reserved = 32,
	.stream_bytes = 64 << 20,
	.connection_idle_usec = 300 * USEC_PER_SEC,
	.keepalive_usec = 300 * USEC_PER_SEC,
	.request_usec = 30 * USEC_PER_SEC,
	.bar_usec = 30 * USEC_PER_SEC,
};

/* A connection is two descriptors, and one by TCP takes two more; other things need some, too. */
static void fit_connections(struct rpc_limits *limits, bool tcp)
{
	rlim_t other = OTHER_FILES + (tcp ? GATE_FILES : 0), most;
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) < 0 || files.rlim_cur == RLIM_INFINITY)
		return;
	most = files.rlim_cur > 2 * other ? (files.rlim_cur - other) / 2 : files.rlim_cur / 4;
	if (limits->connections <= most)
		return;
	log_notice("%u connections are too many for %llu open files (LimitNOFILE=): there will be "
		   "%llu",
		   limits->connections, (unsigned long long)files.rlim_cur,
		   (unsigned long long)most);
	limits->connections = (unsigned)most;
}

int rpc_core_new(const struct rpc_server_config *config, struct rpc_core **ret)
{
	struct rpc_core *core = calloc(1, sizeof(*core));

	if (!core)
		return -ENOMEM;
	core->limits = config->limits ? *config->limits : rpc_limits_default;
	if (usage_table_new(USAGE_CONTROL_GROUPS, &core->usage) < 0 ||
	    accounts_new(core->limits.bar_usec, &core->accounts) < 0) {
		usage_table_free(core->usage);
		free(core);
		return -ENOMEM;
	}
	core->refs = 1;
	core->manager = config->manager;
	core->snapshots = manager_snapshots(config->manager);
	core->journal = config->journal;
	core->secrets = config->secrets;
	fit_connections(&core->limits, config->tls && config->tls->certificate);
	pthread_mutex_init(&core->waiting_lock, NULL);
	pthread_mutex_init(&core->streams_lock, NULL);
	TAILQ_INIT(&core->waiting);
	TAILQ_INIT(&core->open_streams);
	*ret = core;
	return 0;
}

struct rpc_core *rpc_core_ref(struct rpc_core *core)
{
	atomic_fetch_add_explicit(&core->refs, 1, memory_order_relaxed);
	return core;
}

struct rpc_core *rpc_core_unref(struct rpc_core *core)
{
	if (!core || atomic_fetch_sub(&core->refs, 1) > 1)
		return NULL;
	pthread_mutex_destroy(&core->waiting_lock);
	pthread_mutex_destroy(&core->streams_lock);
	accounts_free(core->accounts);
	usage_table_free(core->usage);
	free(core);
	return NULL;
}
