/*
 * The daemon's configuration: /etc/indexerd/indexerd.conf and its drop-ins. See indexerd.conf(5).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct config {
	size_t max_indexers;
	int log_priority;    /* the highest that is written, LOG_ERR ... LOG_DEBUG */
	uint64_t drain_usec; /* how long calls may go on after SIGTERM */
};

/*
 * Reads the configuration over the defaults. A value that cannot be used, an unknown section or key
 * is logged with its file and line and is -EINVAL: a server that must not fail does not guess. 0 or
 * a negative errno; no file at all is no error.
 */
int config_load(struct config *config);
