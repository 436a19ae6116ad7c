/*
 * The daemon's configuration: /etc/indexerd/indexerd.conf and its drop-ins. See indexerd.conf(5).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "manager/manager.h"
#include "model/secret.h"
#include "rpc/rights.h"
#include "rpc/server.h"
#include "rpc/tls.h"

struct config {
	size_t max_indexers;
	struct manager_quotas quotas;
	struct unit_log log; /* the namespace is owned */
	int log_priority;    /* the highest that is written, LOG_ERR ... LOG_DEBUG */
	uint64_t drain_usec; /* how long calls may go on after SIGTERM */
	struct rpc_limits limits;
	struct rights_rules rules;
	struct secret_rules secrets;	/* owned */
	struct tls_files tls;		/* owned strings; NULL where they are not given */
	struct persistence persistence; /* owned */
	char *abandoned;		/* addresses with blanks between; owned, or NULL */
	uint64_t clear_timeout_usec;
	struct source_config source; /* without its paths */
	char persistence_where[512]; /* file and line of the key of [Persistence] that was last */
};

/*
 * Reads the configuration over the defaults. A value that cannot be used, an unknown section or key
 * is logged with its file and line and is -EINVAL: a server that must not fail does not guess. 0 or
 * a negative errno; no file at all is no error. *config is to be cleared in any case.
 */
int config_load(struct config *config);

/* What can be said only when all files are read. 0 or -EINVAL, and it is logged. */
int config_check(const struct config *config);

/* Frees what the configuration owns. */
void config_clear(struct config *config);

/* The defaults, as if there were no file. */
void config_init(struct config *config);

/*
 * Reads one file's text of `size` bytes, followed by a NUL, over what is there; it is changed.
 * `path` is for the log. 0 or a negative errno.
 */
int config_read_text(char *text, size_t size, const char *path, struct config *config);
