/*
 * What a transient unit is made of: the constant sandbox, and the few values that differ.
 *
 * No value of a user becomes a property: command, environment and project reach the process through
 * the credential. Ids, uids and names of credentials are of a fixed alphabet, numbers are numbers,
 * and a runtime's settings are the administrator's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-bus.h>

#include "model/indexer.h"
#include "model/setting.h"
#include "systemd/unit-log.h"

/* From SIGTERM to SIGKILL, unless the runtime says otherwise. */
#define UNIT_STOP_TIMEOUT_USEC (30 * USEC_PER_SEC)

/* From the start of a unit to its program's, beside the wait before a restart. */
#define UNIT_START_TIMEOUT_USEC (90 * USEC_PER_SEC)

/*
 * Where the unit sees a project that was fetched. It was built at the same place, since a build may
 * write down where it was.
 */
#define PROJECT_MOUNT "/run/indexerd/project"

enum unit_plan_kind {
	UNIT_PLAN_RUN,	/* the indexer itself */
	UNIT_PLAN_HOLD, /* a oneshot that does nothing, so that the unit is loaded and can be
			   cleaned */
};

/* Everything is lent for the duration of the call. */
struct unit_plan {
	enum unit_plan_kind kind;
	const char *unit;
	const char *id;
	const char *uid;
	const char *lineage; /* see model/lineage.h */
	const char *slice;   /* of its tree; NULL: INDEXER_SLICE */
	const char *description;
	const char *exec_path; /* indexer-exec */
	const char *checkout;  /* what PROJECT_MOUNT shows, or NULL: the project is a directory */
	const char *credential_path;		       /* the packed spec */
	const struct kv_list *credentials, *encrypted; /* names, as keys, that systemd looks up */
	const char *unit_group; /* supplementary group for the indexers' socket */
	const struct unit_log *log;
	struct resources resources;
	enum restart_policy restart;
	struct backoff backoff;
	const struct setting *settings; /* the runtime's [Service], over the defaults */
	size_t n_settings;
};

/* Appends the properties, a(sv), to a StartTransientUnit message. 0 or a negative errno. */
int unit_plan_append(sd_bus_message *message, const struct unit_plan *plan);

/* Likewise for the slice of a tree. */
int slice_plan_append(sd_bus_message *message, const char *description,
		      const struct resources *limits);

/* Its limits alone, for SetUnitProperties: a limit that is 0 is told as none. */
int slice_limits_append(sd_bus_message *message, const struct resources *limits);
