/*
 * The connection to systemd's manager over the bus: asynchronous calls about units, and what
 * changes.
 *
 * Main loop's thread only. Nothing here blocks; every call ends within
 * SYSTEMD_CALL_LIMIT_USEC. A lost connection is made again by itself; calls that were under way
 * then end with -ECONNRESET.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <string.h>
#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "systemd/fetch-plan.h"
#include "systemd/unit-plan.h"
#include "systemd/unit-state.h"

#define SYSTEMD_CALL_TIMEOUT_USEC  (30 * USEC_PER_SEC)
#define SYSTEMD_QUERY_TIMEOUT_USEC (5 * USEC_PER_SEC) /* of the two systemd_query()s */
/* No call takes longer, with the time that it waits to be sent; see calls.c. */
#define SYSTEMD_CALL_LIMIT_USEC (60 * USEC_PER_SEC)

#define SYSTEMD_NAME "org.freedesktop.systemd1"

/* Errors of systemd's, as struct systemd_result names them, that are answers to be dealt with. */
#define SYSTEMD_ERROR_UNIT_EXISTS  SYSTEMD_NAME ".UnitExists"
#define SYSTEMD_ERROR_NO_SUCH_UNIT SYSTEMD_NAME ".NoSuchUnit"
#define SYSTEMD_ERROR_DESTRUCTIVE  SYSTEMD_NAME ".TransactionIsDestructive"

struct systemd;

/* What the owner is told. Names are lent; only units whose name is an indexer's are reported, but
 * for fetch_ended. */
struct systemd_events {
	/* Connected, subscribed; also after daemon-reload and a new PID 1: whatever was known must
	 * be asked again. */
	void (*resync)(void *userdata);
	/* The bus is gone; it is being looked for. */
	void (*lost)(void *userdata);
	/* Properties changed; `changes` is a{sv} for unit_state_read(). */
	void (*unit_changed)(const char *unit, sd_bus_message *changes, void *userdata);
	void (*unit_new)(const char *unit, void *userdata);
	void (*unit_removed)(const char *unit, void *userdata); /* not by a daemon-reload */
	/* A job ended; job is its object path, result "done", "failed", "canceled", ... */
	void (*job_removed)(const char *unit, const char *job, const char *result, void *userdata);
	/* The job of a unit of FETCH_UNIT_PREFIX ended, and so did its process. */
	void (*fetch_ended)(const char *unit, void *userdata);
};

/* How a call ended. All strings are lent for the duration of the callback. */
struct systemd_result {
	int error;	       /* 0, or a negative errno; -ECONNRESET where the bus is gone */
	bool transient;	       /* not systemd's answer but the bus's: worth another try */
	const char *name;      /* the bus error's name, or NULL */
	const char *text;      /* in words, or NULL */
	sd_bus_message *reply; /* NULL where error is set */
};

/* Why it failed, in words; lent likewise. */
static inline const char *systemd_result_words(const struct systemd_result *result)
{
	return result->text ? result->text : strerror(-result->error);
}

typedef void systemd_done(const struct systemd_result *result, void *userdata);

/* Starts connecting to the system bus. 0 or a negative errno; the events follow from the loop. */
int systemd_new(sd_event *event, const struct systemd_events *events, void *userdata,
		struct systemd **ret);
struct systemd *systemd_free(struct systemd *systemd);
DEFINE_CLEANUP(struct systemd, systemd_free);

bool systemd_is_connected(const struct systemd *systemd);

/*
 * The calls. `done` is called exactly once, from the loop, never from inside the call; a negative
 * return (-ENOTCONN, -ENOMEM) means that it never will be.
 */

/* ListUnitsByPatterns for indexers' units, and for slices of trees. The reply is a(ssssssouso). */
int systemd_list(struct systemd *systemd, systemd_done *done, void *userdata);
/* All properties of a unit: the reply is a{sv} for unit_state_read(). */
int systemd_query(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata);
/* One property of a unit's interface Service: the reply is for unit_state_read_property(). */
int systemd_query_property(struct systemd *systemd, const char *unit, const char *property,
			   systemd_done *done, void *userdata);
/* StartTransientUnit; the reply is the job's object path. The unit is pinned until
 * systemd_unref_unit(). */
int systemd_start(struct systemd *systemd, const struct unit_plan *plan, systemd_done *done,
		  void *userdata);
/* The same for the unit of a fetch, and of a removal. */
int systemd_start_fetch(struct systemd *systemd, const struct fetch_plan *plan, systemd_done *done,
			void *userdata);
int systemd_start_remove(struct systemd *systemd, const struct remove_plan *plan,
			 systemd_done *done, void *userdata);
/*
 * The same for a tree's slice with those limits. It is there when the reply comes, and pinned.
 */
int systemd_start_slice(struct systemd *systemd, const char *slice, const char *description,
			const struct resources *limits, systemd_done *done, void *userdata);
/* SetUnitProperties, until the next boot: all of the limits of a slice that is pinned. */
int systemd_limit_slice(struct systemd *systemd, const char *slice, const struct resources *limits,
			systemd_done *done, void *userdata);
/* StopUnit; the reply is the job's object path. */
int systemd_stop(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata);
/*
 * CancelJob of a job that is a start, and nothing of any other: the job is over, and the unit goes
 * on with what it does. Nobody is told how that ended.
 */
int systemd_cancel_start(struct systemd *systemd, uint32_t job);
/* KillUnit: SIGKILL to all processes of the unit. */
int systemd_kill(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata);
/* CleanUnit of all directories; the reply comes when it has begun, the end is SubState leaving
 * "cleaning". */
int systemd_clean(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata);
int systemd_ref_unit(struct systemd *systemd, const char *unit, systemd_done *done, void *userdata);
int systemd_unref_unit(struct systemd *systemd, const char *unit, systemd_done *done,
		       void *userdata);
int systemd_reset_failed(struct systemd *systemd, const char *unit, systemd_done *done,
			 void *userdata);
