/*
 * Transient units beside the indexers' own: one that brings a project onto the server or builds it,
 * and one that removes a checkout that nobody uses. Neither has a name of an indexer's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-bus.h>

#include "model/kv.h"
#include "model/names.h"
#include "systemd/unit-log.h"

#define FETCH_UNIT_MAX_SIZE (sizeof(FETCH_UNIT_PREFIX ".service") + 32)

/* Where the unit sees the project that it is to build, as it was fetched. */
#define PLAIN_MOUNT "/run/indexerd/plain"

struct fetch_limits {
	uint64_t timeout_usec;
	uint64_t memory_max_bytes;
	uint64_t tasks_max;
};

/* Everything is lent for the duration of the call. */
struct fetch_plan {
	const char *unit;
	const char *description;
	const char *id, *uid, *lineage;		       /* of the indexer whose log has its lines */
	const char *exec_path;			       /* indexer-fetch */
	const char *order_path;			       /* the packed order */
	const struct kv_list *credentials, *encrypted; /* names, as keys, that systemd looks up */
	const char *work;  /* the directory that it may write, as PROJECT_MOUNT */
	const char *plain; /* the checkout that PLAIN_MOUNT shows, or NULL */
	const struct unit_log *log;
	struct fetch_limits limits;
};

struct remove_plan {
	const char *unit;
	const char *directory; /* what is removed with all that is in it */
	const char *parent;
};

/* Append the properties, a(sv), to a StartTransientUnit message. 0 or a negative errno. */
int fetch_plan_append(sd_bus_message *message, const struct fetch_plan *plan);
int remove_plan_append(sd_bus_message *message, const struct remove_plan *plan);
