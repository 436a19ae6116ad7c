/*
 * The one decision: from what is wanted and what is, what to do next for one indexer. Pure.
 *
 * Rules are a table, first match wins; reconcile.c has it. Each action, once done, changes what is,
 * and the decision is taken anew; so a crash between two actions costs nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "model/indexer.h"

/* A unit under the indexer's name, as systemd has it. */
enum unit_presence {
	UNIT_UNKNOWN, /* systemd was not asked yet, or cannot be */
	UNIT_ABSENT,
	UNIT_FOREIGN,  /* loaded, but it does not carry our uid: never touched */
	UNIT_IDLE,     /* ours, inactive: it ended well, or was stopped */
	UNIT_FAILED,   /* ours, failed */
	UNIT_LIVE,     /* ours: starting, running, between two restarts, or stopping */
	UNIT_CLEANING, /* ours, its directories are being removed */
};

/* What is wanted, from the registry. */
struct wanted {
	bool tombstone;	   /* Delete has begun */
	bool has_children; /* rows whose spawned_by is this one */
	bool halted;	   /* StopIndexer was called, and not StartIndexer since */
	bool unstarted;	   /* the wanted run is not the one of the last start */
	bool same_boot;	   /* it was started in the present boot */
	bool stopped;	   /* somebody stopped it in that boot */
	bool start_failed; /* its last start in that boot was refused for good */
};

/* What is, from systemd and the file system. */
struct actual {
	enum unit_presence presence;
	bool busy;	      /* a job or call of ours is under way */
	bool other_run;	      /* the unit is not the wanted run's */
	bool same_invocation; /* the unit's invocation is the recorded one */
	bool never_ran;	      /* the unit is loaded, and nothing was ever run in it */
	bool left_over;	      /* the unit is idle or failed, and a process of it goes on */
	bool has_store;	      /* its state in the back end of another server is not cleared */
	bool has_state;	      /* its state directory is there */
	bool failed_away;     /* the unit is gone, and the journal says that it failed */
};

enum action {
	ACTION_NONE,
	ACTION_START,
	ACTION_STOP,
	ACTION_NOTE_START,   /* a live unit of ours whose invocation is not recorded */
	ACTION_NOTE_END,     /* it is over: record the result */
	ACTION_NOTE_STOPPED, /* it is gone without a failure: somebody stopped it */
	ACTION_NOTE_FOREIGN, /* somebody else's unit has the name */
	ACTION_WAIT_FOREIGN, /* the same, and state that is to be cleared is behind it */
	ACTION_KILL,	     /* end what systemd has left of its processes */
	ACTION_CLEAR_STORE,  /* remove its key from its back end */
	ACTION_HOLD,  /* load the unit again without running anything, to be able to clear its state
		       */
	ACTION_CLEAR, /* remove its state, runtime, cache and log directories */
	ACTION_REMOVE, /* forget the row */
};

enum action reconcile(const struct wanted *wanted, const struct actual *actual);

const char *action_name(enum action action);
