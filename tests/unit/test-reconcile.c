/*
 * The decision's table, row by row: what is wanted, what is, and what must follow.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "model/reconcile.h"
#include "tap.h"

struct row {
	const char *name;
	struct wanted wanted;
	struct actual actual;
	enum action action;
};

static const struct row rows[] = {
	{ "a fresh row starts", {}, { .presence = UNIT_ABSENT }, ACTION_START },
	{ "after a reboot what ran starts",
	  { .same_boot = false },
	  { .presence = UNIT_ABSENT },
	  ACTION_START },
	{ "after a reboot what was stopped starts",
	  { .same_boot = false, .stopped = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_START },
	{ "after a reboot what could not start is tried again",
	  { .same_boot = false, .start_failed = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_START },
	{ "nothing is decided before systemd was asked",
	  {},
	  { .presence = UNIT_UNKNOWN },
	  ACTION_NONE },
	{ "nothing is decided while a job runs",
	  {},
	  { .presence = UNIT_ABSENT, .busy = true },
	  ACTION_NONE },
	{ "a unit started just before a crash is adopted, not started again",
	  {},
	  { .presence = UNIT_LIVE },
	  ACTION_NOTE_START },
	{ "a unit restarted by systemd meanwhile is noted",
	  { .same_boot = true },
	  { .presence = UNIT_LIVE, .same_invocation = false },
	  ACTION_NOTE_START },
	{ "a running unit is left alone",
	  { .same_boot = true },
	  { .presence = UNIT_LIVE, .same_invocation = true },
	  ACTION_NONE },
	{ "a unit that somebody stopped is noted and not started",
	  { .same_boot = true },
	  { .presence = UNIT_IDLE, .same_invocation = true },
	  ACTION_NOTE_END },
	{ "loaded, but its start job was lost: started",
	  { .same_boot = true },
	  { .presence = UNIT_IDLE, .never_ran = true },
	  ACTION_START },
	{ "what is halted is stopped",
	  { .halted = true, .same_boot = true },
	  { .presence = UNIT_LIVE, .same_invocation = true },
	  ACTION_STOP },
	{ "what is halted stays stopped over a reboot",
	  { .halted = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_NONE },
	{ "what is halted is not started for a new run",
	  { .halted = true, .unstarted = true, .same_boot = true },
	  { .presence = UNIT_IDLE, .other_run = true },
	  ACTION_NOTE_END },
	{ "what is halted does not mind somebody else's unit",
	  { .halted = true, .same_boot = true },
	  { .presence = UNIT_FOREIGN },
	  ACTION_NONE },
	{ "the end of what was halted is noted",
	  { .halted = true, .same_boot = true },
	  { .presence = UNIT_FAILED },
	  ACTION_NOTE_END },
	{ "for another run the unit is stopped first",
	  { .unstarted = true, .same_boot = true },
	  { .presence = UNIT_LIVE, .other_run = true, .same_invocation = true },
	  ACTION_STOP },
	{ "a process of another run is stopped, though systemd has restarted it meanwhile",
	  { .unstarted = true, .same_boot = true },
	  { .presence = UNIT_LIVE, .other_run = true, .same_invocation = false },
	  ACTION_STOP },
	{ "for another run a unit that was stopped is started",
	  { .unstarted = true, .same_boot = true, .stopped = true },
	  { .presence = UNIT_IDLE, .other_run = true },
	  ACTION_START },
	{ "for another run a failed unit is started",
	  { .unstarted = true, .same_boot = true },
	  { .presence = UNIT_FAILED, .other_run = true },
	  ACTION_START },
	{ "for another run a unit that is gone is started",
	  { .unstarted = true, .same_boot = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_START },
	{ "a start of another run that was refused is not repeated",
	  { .same_boot = true, .start_failed = true },
	  { .presence = UNIT_FAILED, .other_run = true },
	  ACTION_NONE },
	{ "a failed unit is noted and not started",
	  { .same_boot = true },
	  { .presence = UNIT_FAILED, .same_invocation = true },
	  ACTION_NOTE_END },
	{ "gone without a failure: somebody stopped it",
	  { .same_boot = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_NOTE_STOPPED },
	{ "gone with a failure in the journal: started",
	  { .same_boot = true },
	  { .presence = UNIT_ABSENT, .failed_away = true },
	  ACTION_START },
	{ "stopped in this boot: respected",
	  { .same_boot = true, .stopped = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_NONE },
	{ "stopped in this boot: respected even where the journal has an older failure",
	  { .same_boot = true, .stopped = true },
	  { .presence = UNIT_ABSENT, .failed_away = true },
	  ACTION_NONE },
	{ "refused by systemd in this boot: not tried for ever",
	  { .same_boot = true, .start_failed = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_NONE },
	{ "somebody else's unit is never touched",
	  {},
	  { .presence = UNIT_FOREIGN },
	  ACTION_NOTE_FOREIGN },
	{ "delete waits for children",
	  { .tombstone = true, .has_children = true },
	  { .presence = UNIT_LIVE },
	  ACTION_NONE },
	{ "delete waits for children, unit gone",
	  { .tombstone = true, .has_children = true },
	  { .presence = UNIT_ABSENT, .has_state = true },
	  ACTION_NONE },
	{ "delete waits for children, unit failed",
	  { .tombstone = true, .has_children = true },
	  { .presence = UNIT_FAILED },
	  ACTION_NONE },
	{ "delete stops",
	  { .tombstone = true, .same_boot = true },
	  { .presence = UNIT_LIVE },
	  ACTION_STOP },
	{ "delete clears after the stop",
	  { .tombstone = true },
	  { .presence = UNIT_IDLE, .has_state = true },
	  ACTION_CLEAR },
	{ "delete clears after a failure",
	  { .tombstone = true },
	  { .presence = UNIT_FAILED, .has_state = true },
	  ACTION_CLEAR },
	{ "delete waits while systemd cleans",
	  { .tombstone = true },
	  { .presence = UNIT_CLEANING, .has_state = true },
	  ACTION_NONE },
	{ "delete loads a gone unit again to clear its state",
	  { .tombstone = true },
	  { .presence = UNIT_ABSENT, .has_state = true },
	  ACTION_HOLD },
	{ "delete forgets a cleared unit",
	  { .tombstone = true },
	  { .presence = UNIT_IDLE },
	  ACTION_REMOVE },
	{ "delete forgets a failed, cleared unit",
	  { .tombstone = true },
	  { .presence = UNIT_FAILED },
	  ACTION_REMOVE },
	{ "delete forgets what is gone",
	  { .tombstone = true },
	  { .presence = UNIT_ABSENT },
	  ACTION_REMOVE },
	{ "delete does not touch somebody else's unit",
	  { .tombstone = true },
	  { .presence = UNIT_FOREIGN },
	  ACTION_REMOVE },
	{ "delete ends what a stop has left over",
	  { .tombstone = true },
	  { .presence = UNIT_FAILED, .left_over = true, .has_store = true, .has_state = true },
	  ACTION_KILL },
	{ "delete clears the back end when nothing writes there any more",
	  { .tombstone = true },
	  { .presence = UNIT_IDLE, .has_store = true, .has_state = true },
	  ACTION_CLEAR_STORE },
	{ "delete clears the back end after a failure",
	  { .tombstone = true },
	  { .presence = UNIT_FAILED, .has_store = true },
	  ACTION_CLEAR_STORE },
	{ "delete clears the back end of what is gone",
	  { .tombstone = true },
	  { .presence = UNIT_ABSENT, .has_store = true, .has_state = true },
	  ACTION_CLEAR_STORE },
	{ "delete clears the back end also beside somebody else's unit",
	  { .tombstone = true },
	  { .presence = UNIT_FOREIGN, .has_store = true, .has_state = true },
	  ACTION_CLEAR_STORE },
	{ "delete clears no back end while the unit lives",
	  { .tombstone = true },
	  { .presence = UNIT_LIVE, .has_store = true },
	  ACTION_STOP },
	{ "delete clears no back end before the children are gone",
	  { .tombstone = true, .has_children = true },
	  { .presence = UNIT_IDLE, .has_store = true },
	  ACTION_NONE },
	{ "another run does not begin beside a process of the one before",
	  { .unstarted = true, .same_boot = true },
	  { .presence = UNIT_FAILED, .other_run = true, .left_over = true },
	  ACTION_KILL },
	{ "delete forgets no state behind somebody else's unit",
	  { .tombstone = true },
	  { .presence = UNIT_FOREIGN, .has_state = true },
	  ACTION_WAIT_FOREIGN },
	{ "a tombstone is never started after a reboot",
	  { .tombstone = true, .same_boot = false },
	  { .presence = UNIT_ABSENT },
	  ACTION_REMOVE },
	{ "delete decides nothing while a job runs",
	  { .tombstone = true },
	  { .presence = UNIT_LIVE, .busy = true },
	  ACTION_NONE },
};

/* Over every combination: what must hold whatever the table says. */
static void test_invariants(void)
{
	bool never_starts_halted = true, never_starts_tombstone = true,
	     never_touches_foreign = true, quiet_when_busy = true, forgets_nothing = true;

	for (unsigned bits = 0; bits < 1U << 15; bits++)
		for (int p = UNIT_UNKNOWN; p <= UNIT_CLEANING; p++) {
			struct wanted w = { bits & 1,  bits & 2,  bits & 4, bits & 8,
					    bits & 16, bits & 32, bits & 64 };
			struct actual a = {
				(enum unit_presence)p, bits & 128,  bits & 256,	 bits & 512,
				bits & 1024,	       bits & 2048, bits & 4096, bits & 8192,
				bits & 16384
			};
			enum action action = reconcile(&w, &a);

			if (w.halted && action == ACTION_START)
				never_starts_halted = false;
			if (w.tombstone && action == ACTION_START)
				never_starts_tombstone = false;
			if (p == UNIT_FOREIGN && (action == ACTION_START || action == ACTION_STOP ||
						  action == ACTION_CLEAR || action == ACTION_HOLD))
				never_touches_foreign = false;
			if (a.has_store && (action == ACTION_REMOVE || action == ACTION_CLEAR))
				forgets_nothing = false;
			if (a.left_over && (p == UNIT_IDLE || p == UNIT_FAILED) &&
			    (action == ACTION_REMOVE || action == ACTION_CLEAR ||
			     action == ACTION_CLEAR_STORE))
				forgets_nothing = false;
			if (a.busy && action != ACTION_NONE)
				quiet_when_busy = false;
		}
	ok(never_starts_halted, "no combination starts what is halted");
	ok(never_starts_tombstone, "no combination starts a tombstone");
	ok(never_touches_foreign, "no combination touches somebody else's unit");
	ok(forgets_nothing, "no combination forgets a back end, or clears what is written to");
	ok(quiet_when_busy, "no combination acts while a job runs");
}

int main(void)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		is_str(action_name(reconcile(&rows[i].wanted, &rows[i].actual)),
		       action_name(rows[i].action), "%s", rows[i].name);
	test_invariants();
	return tap_done();
}
