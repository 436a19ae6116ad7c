/*
 * The manager: brings together what is wanted (registry) and what is (systemd), and answers the
 * calls that change something. Its one decision is model/reconcile.h.
 *
 * Main loop's thread only, but for manager_snapshots(), which any thread may read. Completion
 * functions run on the main loop's thread, exactly once for each call, possibly before the call
 * returns.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-event.h>

#include "common/cleanup.h"
#include "model/caller.h"
#include "model/filter.h"
#include "model/indexer.h"
#include "model/persistence.h"
#include "model/refusal.h"
#include "model/secret.h"
#include "model/snapshot.h"
#include "model/update.h"
#include "systemd/fetch-plan.h"
#include "systemd/unit-log.h"

struct journal;
struct manager;

/*
 * How much a tree, or a user, may grow; nothing that is there already is touched by a lower limit.
 */
struct manager_quotas {
	size_t per_user; /* indexers that a user other than root has created, or their own have */
	size_t descendants; /* below any one indexer, at all levels */
	size_t depth;	    /* levels of a tree; a root without children has one */
};

extern const struct manager_quotas manager_quotas_default;

/* How projects that are no directories come onto the server. */
struct source_config {
	const char *cache_dir;	    /* the checkouts; root's own, and nobody else's to enter */
	const char *fetch_path;	    /* indexer-fetch */
	size_t max_fetches;	    /* at one time */
	struct fetch_limits limits; /* of each */
	uint64_t max_bytes;	    /* that one may take of the disk */
	uint64_t cache_max_bytes;   /* that all may take */
	uint64_t keep_unused_usec;  /* how long a checkout is kept that nobody uses */
};

struct manager_config {
	const char *registry_path;
	const char *credentials_dir;	 /* indexer-exec's specs, one for each run; root's own */
	const char *const *runtime_dirs; /* NULL-terminated, most important first */
	const char *runner_address;	 /* gRPC target that indexers are given */
	const char *exec_path;		 /* indexer-exec */
	const char *unit_group;		 /* supplementary group of indexers' units */
	struct journal *journal;	 /* is told whose the units are; outlives the manager */
	size_t max_indexers;
	struct manager_quotas quotas;
	struct unit_log log;		/* of units that are started from now on */
	struct persistence persistence; /* of indexers that are created from now on */
	const char *abandoned;		/* addresses of back ends that are gone for good, or NULL */
	const char *clear_socket;	/* of indexer-clear */
	uint64_t clear_timeout_usec;	/* of one try to clear a key */
	struct source_config source;
	const struct secret_rules *secrets; /* lent; NULL: no credential may be named */
};

/* How many calls that change something may wait at once; one more is RESOURCE_EXHAUSTED. */
#define MANAGER_PENDING_MAX 8192

/* Opens the registry, connects to the bus and begins to reconcile. All strings are copied. */
int manager_new(sd_event *event, const struct manager_config *config, struct manager **ret);
struct manager *manager_free(struct manager *manager);
DEFINE_CLEANUP(struct manager, manager_free);

/* Where the present state of all indexers stands; valid as long as the manager. */
struct snapshot_box *manager_snapshots(struct manager *manager);

/* The answer to a call: a refusal, or a view (NULL for Delete). Both are lent. */
typedef void manager_done(const struct refusal *refusal, struct view *view, void *userdata);

/*
 * CreateIndexer. The definition is referenced; its id, labels, environment, project, script,
 * runtime, preset, args, resources, restart and spawned_by are the request's and already validated
 * in form (id_check, definition_validate); uid, creator, times and generation are set here. For an
 * indexer as caller, spawned_by "" becomes the caller itself.
 */
void manager_create(struct manager *manager, const struct caller *caller,
		    struct definition *definition, manager_done *done, void *userdata);

/*
 * StartIndexer, StopIndexer, RestartIndexer. A start answers when nothing is under way any more, or
 * after 5 s; a stop when it is stopped.
 */
enum control { CONTROL_START, CONTROL_STOP, CONTROL_RESTART };
void manager_control(struct manager *manager, const struct caller *caller, const char *id,
		     enum control control, manager_done *done, void *userdata);

/* What an update means for the process. */
enum update_effect {
	UPDATE_GOES_ON,	      /* it does not notice */
	UPDATE_RESTARTS,      /* it is stopped, and started with what has changed */
	UPDATE_STAYS_STOPPED, /* it was stopped, and will be started with it */
};

/*
 * UpdateIndexer: answers as a start does where the process is restarted. The request is lent until
 * this returns, *effect is written before an answer that is no refusal.
 */
void manager_update(struct manager *manager, const struct caller *caller, const char *id,
		    const struct update *request, enum update_effect *effect, manager_done *done,
		    void *userdata);

/* DeleteIndexer, with all descendants. Answers when all is gone. */
void manager_delete(struct manager *manager, const struct caller *caller, const char *id,
		    manager_done *done, void *userdata);

/*
 * Finds out which indexer a process is: `fd` is a connected Unix socket. Asynchronous, with a limit
 * of 5 s. `done` gets 0 and the caller, or -EPERM where the peer's uid and cgroup do not agree on a
 * live unit of ours, or another negative errno. The fd is only looked at, and must stay open till
 * then.
 */
typedef void manager_identified(int error, const struct caller *caller, void *userdata);
void manager_identify(struct manager *manager, int fd, manager_identified *done, void *userdata);

/* The registry's pages under a filter, where an index leads to them: see registry_list(). */
bool manager_list_has_index(const struct filter *filter);
int manager_list(struct manager *manager, const struct filter *filter, const char *after,
		 int (*each)(const char *id, void *userdata), void *userdata);

/* Called whenever an indexer has left for good, after the snapshot without it is published. One
 * listener. */
typedef void manager_removed(const char *uid, void *userdata);
void manager_on_removed(struct manager *manager, manager_removed *removed, void *userdata);

/* Called whenever an invocation of an indexer is over: connections that it made are no longer its.
 */
void manager_on_stopped(struct manager *manager, manager_removed *stopped, void *userdata);

/*
 * Called with each snapshot, on the main loop's thread, when any thread can already get it; and
 * once now with the present one.
 */
typedef void manager_published(struct snapshot *snapshot, void *userdata);
void manager_on_published(struct manager *manager, manager_published *published, void *userdata);

/* Called once, when systemd has been asked about all units for the first time and was told all. */
typedef void manager_synced(void *userdata);
void manager_on_synced(struct manager *manager, manager_synced *synced, void *userdata);

/* Reads the runtimes anew, for indexers started from now on. 0 or a negative errno, with the old
 * ones kept. */
int manager_reload(struct manager *manager);

/* Tells all calls that still wait that the daemon is going (UNAVAILABLE). Takes NULL. */
void manager_refuse_waiting(struct manager *manager);
