/*
 * The one decision; see reconcile.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "model/reconcile.h"

/* A condition of a rule: it must hold, must not hold, or does not matter. */
enum need { ANY = 0, YES, NO };

struct rule {
	enum need tombstone, children, halted, unstarted, same_boot, stopped, start_failed;
	enum unit_presence presence;
	enum need other_run, same_invocation, never_ran, left_over, has_store, has_state,
		failed_away;
	enum action action;
};

static const struct rule rules[] = {
	/* Deleting: children before parents, then stop, clear, forget. */
	{ .tombstone = YES, .children = YES, .presence = UNIT_ABSENT, .action = ACTION_NONE },
	{ .tombstone = YES, .children = YES, .presence = UNIT_FOREIGN, .action = ACTION_NONE },
	{ .tombstone = YES, .children = YES, .presence = UNIT_IDLE, .action = ACTION_NONE },
	{ .tombstone = YES, .children = YES, .presence = UNIT_FAILED, .action = ACTION_NONE },
	{ .tombstone = YES, .children = YES, .presence = UNIT_LIVE, .action = ACTION_NONE },
	{ .tombstone = YES, .presence = UNIT_LIVE, .action = ACTION_STOP },
	{ .tombstone = YES, .presence = UNIT_IDLE, .left_over = YES, .action = ACTION_KILL },
	{ .tombstone = YES, .presence = UNIT_FAILED, .left_over = YES, .action = ACTION_KILL },
	{ .tombstone = YES, .presence = UNIT_IDLE, .has_store = YES, .action = ACTION_CLEAR_STORE },
	{ .tombstone = YES,
	  .presence = UNIT_FAILED,
	  .has_store = YES,
	  .action = ACTION_CLEAR_STORE },
	{ .tombstone = YES,
	  .presence = UNIT_ABSENT,
	  .has_store = YES,
	  .action = ACTION_CLEAR_STORE },
	{ .tombstone = YES,
	  .presence = UNIT_FOREIGN,
	  .has_store = YES,
	  .action = ACTION_CLEAR_STORE },
	{ .tombstone = YES, .presence = UNIT_IDLE, .has_state = YES, .action = ACTION_CLEAR },
	{ .tombstone = YES, .presence = UNIT_FAILED, .has_state = YES, .action = ACTION_CLEAR },
	{ .tombstone = YES, .presence = UNIT_ABSENT, .has_state = YES, .action = ACTION_HOLD },
	{ .tombstone = YES, .presence = UNIT_IDLE, .action = ACTION_REMOVE },
	{ .tombstone = YES, .presence = UNIT_FAILED, .action = ACTION_REMOVE },
	{ .tombstone = YES, .presence = UNIT_ABSENT, .action = ACTION_REMOVE },
	{ .tombstone = YES,
	  .presence = UNIT_FOREIGN,
	  .has_state = YES,
	  .action = ACTION_WAIT_FOREIGN },
	{ .tombstone = YES, .presence = UNIT_FOREIGN, .action = ACTION_REMOVE },

	{ .presence = UNIT_FOREIGN, .tombstone = NO, .halted = NO, .action = ACTION_NOTE_FOREIGN },

	/* Halted: it is stopped, and stays so. */
	{ .presence = UNIT_LIVE, .tombstone = NO, .halted = YES, .action = ACTION_STOP },
	{ .presence = UNIT_IDLE, .tombstone = NO, .halted = YES, .action = ACTION_NOTE_END },
	{ .presence = UNIT_FAILED, .tombstone = NO, .halted = YES, .action = ACTION_NOTE_END },
	{ .presence = UNIT_ABSENT, .tombstone = NO, .halted = YES, .action = ACTION_NONE },

	/* Another run is wanted than the unit's. A start of it that was refused is not repeated. */
	{ .presence = UNIT_LIVE, .tombstone = NO, .other_run = YES, .action = ACTION_STOP },
	{ .presence = UNIT_IDLE,
	  .tombstone = NO,
	  .other_run = YES,
	  .unstarted = YES,
	  .left_over = YES,
	  .action = ACTION_KILL },
	{ .presence = UNIT_FAILED,
	  .tombstone = NO,
	  .other_run = YES,
	  .unstarted = YES,
	  .left_over = YES,
	  .action = ACTION_KILL },
	{ .presence = UNIT_IDLE,
	  .tombstone = NO,
	  .other_run = YES,
	  .unstarted = YES,
	  .action = ACTION_START },
	{ .presence = UNIT_FAILED,
	  .tombstone = NO,
	  .other_run = YES,
	  .unstarted = YES,
	  .action = ACTION_START },
	{ .presence = UNIT_IDLE, .tombstone = NO, .other_run = YES, .action = ACTION_NONE },
	{ .presence = UNIT_FAILED, .tombstone = NO, .other_run = YES, .action = ACTION_NONE },
	{ .presence = UNIT_ABSENT, .tombstone = NO, .unstarted = YES, .action = ACTION_START },

	/* Wanted, and its unit is there. */
	{ .presence = UNIT_LIVE, .tombstone = NO, .same_boot = NO, .action = ACTION_NOTE_START },
	{ .presence = UNIT_LIVE,
	  .tombstone = NO,
	  .same_invocation = NO,
	  .action = ACTION_NOTE_START },
	/* Its start job was lost with a PID 1 that executed itself anew. */
	{ .presence = UNIT_IDLE, .tombstone = NO, .never_ran = YES, .action = ACTION_START },
	{ .presence = UNIT_IDLE, .tombstone = NO, .action = ACTION_NOTE_END },
	{ .presence = UNIT_FAILED, .tombstone = NO, .action = ACTION_NOTE_END },

	/* Wanted, and its unit is not there. */
	{ .presence = UNIT_ABSENT, .tombstone = NO, .same_boot = NO, .action = ACTION_START },
	{ .presence = UNIT_ABSENT, .tombstone = NO, .stopped = YES, .action = ACTION_NONE },
	{ .presence = UNIT_ABSENT, .tombstone = NO, .start_failed = YES, .action = ACTION_NONE },
	{ .presence = UNIT_ABSENT, .tombstone = NO, .failed_away = YES, .action = ACTION_START },
	{ .presence = UNIT_ABSENT, .tombstone = NO, .action = ACTION_NOTE_STOPPED },
};

static bool meets(enum need need, bool is)
{
	return need == ANY || (need == YES) == is;
}

enum action reconcile(const struct wanted *wanted, const struct actual *actual)
{
	if (actual->busy || actual->presence == UNIT_UNKNOWN || actual->presence == UNIT_CLEANING)
		return ACTION_NONE;

	for (size_t i = 0; i < ELEMENTSOF(rules); i++) {
		const struct rule *rule = &rules[i];

		if (rule->presence == actual->presence &&
		    meets(rule->tombstone, wanted->tombstone) &&
		    meets(rule->children, wanted->has_children) &&
		    meets(rule->halted, wanted->halted) &&
		    meets(rule->unstarted, wanted->unstarted) &&
		    meets(rule->same_boot, wanted->same_boot) &&
		    meets(rule->stopped, wanted->stopped) &&
		    meets(rule->start_failed, wanted->start_failed) &&
		    meets(rule->other_run, actual->other_run) &&
		    meets(rule->same_invocation, actual->same_invocation) &&
		    meets(rule->never_ran, actual->never_ran) &&
		    meets(rule->left_over, actual->left_over) &&
		    meets(rule->has_store, actual->has_store) &&
		    meets(rule->has_state, actual->has_state) &&
		    meets(rule->failed_away, actual->failed_away))
			return rule->action;
	}
	return ACTION_NONE;
}

const char *action_name(enum action action)
{
	static const char *const names[] = {
		[ACTION_NONE] = "none",
		[ACTION_START] = "start",
		[ACTION_STOP] = "stop",
		[ACTION_NOTE_START] = "note-start",
		[ACTION_NOTE_END] = "note-end",
		[ACTION_NOTE_STOPPED] = "note-stopped",
		[ACTION_NOTE_FOREIGN] = "note-foreign",
		[ACTION_WAIT_FOREIGN] = "wait-foreign",
		[ACTION_KILL] = "kill",
		[ACTION_CLEAR_STORE] = "clear-store",
		[ACTION_HOLD] = "hold",
		[ACTION_CLEAR] = "clear",
		[ACTION_REMOVE] = "remove",
	};

	return names[action];
}
