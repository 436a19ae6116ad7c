/*
 * What every part of the rpc layer needs to reach: the neighbours, the queue, the limits and what
 * is used of them.
 *
 * Counted: a call that the manager still works on may outlive the server, and then finds its
 * counters here and nothing else. `stopping` marks that time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/loop_queue.h"
#include "rpc/queue.h"
#include "rpc/server.h"
#include "rpc/tally.h"

struct call;
struct stream;
struct accounts;
struct stalls;
struct watch_hub;
struct secret_rules;
struct usage_table;
TAILQ_HEAD(call_list, call);
TAILQ_HEAD(stream_list, stream);

struct rpc_core {
	atomic_uint refs;
	struct manager *manager;	    /* main loop's thread only */
	struct snapshot_box *snapshots;	    /* any thread */
	struct usage_table *usage;	    /* any thread */
	struct journal *journal;	    /* any thread */
	const struct secret_rules *secrets; /* lent; any thread */
	struct loop_queue *loop;
	struct queue *queue;
	struct watch_hub *watch;
	struct stalls *stalls;
	struct rpc_limits limits;
	atomic_bool stopping; /* health says NOT_SERVING */

	struct accounts *accounts; /* one for each caller */
	struct tally used;	   /* of all of them */
	atomic_size_t queued;	   /* bytes in the queues of all streams */

	pthread_mutex_t waiting_lock;
	struct call_list waiting; /* calls whose request has not come yet, oldest first */
	atomic_uint n_waiting;

	pthread_mutex_t streams_lock;
	struct stream_list open_streams;
};

int rpc_core_new(const struct rpc_server_config *config, struct rpc_core **ret);
struct rpc_core *rpc_core_ref(struct rpc_core *core);
struct rpc_core *rpc_core_unref(struct rpc_core *core);
