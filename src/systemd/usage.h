/*
 * What indexers use at present, memory and processor time, out of their control groups.
 *
 * The kernel has both figures in memory, so nothing here waits for a disk, a bus or another
 * process; but to ask it costs about 10 us for each figure. So an answer stands for a second,
 * whoever asks meanwhile, and nothing at all is done while nobody asks.
 *
 * Any thread, also several at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "model/indexer.h"

#define USAGE_CONTROL_GROUPS "/sys/fs/cgroup"

struct usage {
	uint64_t memory_bytes; /* 0 where the kernel keeps no account of it */
	uint64_t cpu_usec;     /* of the present invocation */
};

struct usage_table;

/*
 * `root` is where the unified hierarchy is mounted, and is copied. 0 or -ENOMEM; the caller owns
 * *ret.
 */
int usage_table_new(const char *root, struct usage_table **ret);
struct usage_table *usage_table_free(struct usage_table *table);
DEFINE_CLEANUP(struct usage_table, usage_table_free);

/*
 * Fills *ret with the figures of a view's indexer, at most a second older than `now`, which is
 * CLOCK_MONOTONIC in microseconds. False, and *ret untouched, where it has no process or the kernel
 * does not tell.
 */
bool usage_get(struct usage_table *table, const struct view *view, uint64_t now, struct usage *ret);
