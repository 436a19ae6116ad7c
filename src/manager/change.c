/*
 * StartIndexer, StopIndexer, RestartIndexer and UpdateIndexer: each writes down what is wanted, and
 * how to get there is then decided like everything else.
 *
 * A run is one start that was asked for. A unit tells of which run it is; where that is not the
 * wanted one, it is stopped and started anew (see model/reconcile.h).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "manager/source.h"
#include "model/validate.h"

/* Writes down what is wanted, on disk first. */
static int want(struct entry *entry, bool halted, uint64_t run)
{
	struct registry_row *row = &entry->row;
	int r = registry_want(entry->manager->registry, row->definition->uid, halted, run);

	if (r < 0)
		return r;
	row->halted = halted;
	row->run = run;
	if (halted)
		entry_leave_fetch(entry);
	row->stopped &= halted;
	entry_decide_anew(entry);
	return 0;
}

/* It runs, or is on its way to: a Start has nothing to do. */
static bool is_started(const struct entry *entry)
{
	if (entry->row.halted)
		return false;
	if (entry->fetch)
		return true;
	if (entry->operation == OPERATION_START)
		return entry->starting_run == entry->row.run;
	return entry_presence(entry) == UNIT_LIVE && entry_is_current(entry) &&
	       !unit_state_is_backing_off(&entry->unit);
}

/* It has ended, and what is wanted is that it stays so. */
static bool is_halted(const struct entry *entry)
{
	enum unit_presence presence = entry_presence(entry);

	return entry->row.halted && entry->operation == OPERATION_NONE && !entry->fetch &&
	       (presence == UNIT_ABSENT || presence == UNIT_IDLE || presence == UNIT_FAILED);
}

static int start(struct entry *entry, manager_done *done, void *userdata)
{
	int r = 0;

	if (!is_started(entry))
		r = want(entry, false, entry->row.run + 1);
	else if (entry->operation == OPERATION_NONE && !entry->fetch) {
		manager_publish(entry->manager);
		done(NULL, entry->view, userdata);
		return 0;
	}
	return r < 0 ? r : waiter_add(entry, CALL_SETTLE, done, userdata);
}

static int restart(struct entry *entry, manager_done *done, void *userdata)
{
	int r = want(entry, false, entry->row.run + 1);

	return r < 0 ? r : waiter_add(entry, CALL_SETTLE, done, userdata);
}

static int stop(struct entry *entry, manager_done *done, void *userdata)
{
	int r;

	if (is_halted(entry)) {
		manager_publish(entry->manager);
		done(NULL, entry->view, userdata);
		return 0;
	}
	r = want(entry, true, entry->row.run);
	return r < 0 ? r : waiter_add(entry, CALL_STOP, done, userdata);
}

void manager_control(struct manager *manager, const struct caller *caller, const char *id,
		     enum control control, manager_done *done, void *userdata)
{
	static int (*const controls[])(struct entry *, manager_done *, void *) = {
		[CONTROL_START] = start,
		[CONTROL_STOP] = stop,
		[CONTROL_RESTART] = restart,
	};
	_cleanup_refusal_ struct refusal refusal = {};
	struct entry *entry;
	int r = find_to_change(manager, caller, id, &entry, &refusal);

	r = r != 0 ? r : controls[control](entry, done, userdata);
	if (r != 0)
		call_refuse(r, &refusal, done, userdata);
}

/* What is stopped stays so when it is changed; what has failed may have been mended by that. */
static bool shall_run(const struct entry *entry)
{
	return !entry->row.halted && !entry->row.stopped;
}

/* A change, and what it means for processes. */
struct change {
	struct definition *next;
	struct spec spec;	/* of another run; or empty: it is made at the start */
	bool restarts;		/* the process sees what has changed */
	bool moves;		/* its tree gets a slice, or has none any more */
	bool limits;		/* its tree has other limits */
	struct entry **members; /* of the tree, below the entry, that are started anew: n_members */
	size_t n_members;
};

static void change_clear(struct change *change)
{
	definition_unref(change->next);
	spec_clear(&change->spec);
	free(change->members);
}

/* Writes down the definition, and which runs are wanted with it: on disk all at once. */
static int write_change(const struct entry *entry, const struct change *change)
{
	_cleanup_free_ struct registry_run *others = NULL;
	size_t n = change->n_members;

	others = calloc(MAX(n, (size_t)1), sizeof(*others));
	if (!others)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		others[i] = (struct registry_run){ change->members[i]->row.definition->uid,
						   change->members[i]->row.run + 1 };
	return registry_update(entry->manager->registry, change->next,
			       entry->row.run + change->restarts, others, n);
}

/* Takes over the definition, on disk first, and for another run its spec. */
static int replace(struct entry *entry, struct change *change)
{
	struct registry_row *row = &entry->row;
	int r;

	change->next->generation++;
	change->next->update_time = now_usec(CLOCK_REALTIME);
	r = write_change(entry, change);
	if (r < 0)
		return r;
	definition_unref(row->definition);
	row->definition = definition_ref(change->next);
	row->run += change->restarts;
	entry->limits_due |= change->limits;
	spec_clear(&entry->spec); /* of the definition before */
	if (change->restarts) {
		entry_leave_fetch(entry); /* likewise */
		entry->spec = change->spec;
		change->spec = (struct spec){};
		entry_decide_anew(entry);
	} else {
		entry_refresh(entry);
		if (change->limits)
			entry_queue_first(entry);
	}
	for (size_t i = 0; i < change->n_members; i++) {
		change->members[i]->row.run++;
		entry_decide_anew(change->members[i]);
	}
	log_info("indexers/%s is updated%s", change->next->id,
		 change->moves	    ? ", and its tree started anew"
		 : change->restarts ? ", and started anew"
				    : "");
	return 0;
}

/* Whoever is in a tree is held by its limits, and does not lift them. */
static int check_tree(const struct definition *base, const struct definition *next,
		      const struct entry *caller, struct refusal *refusal)
{
	if (caller && !resources_equal(&base->tree_resources, &next->tree_resources))
		return refuse_indexer(refusal, CODE_PERMISSION_DENIED, "TREE_RESOURCES_FROM_WITHIN",
				      next->id,
				      "indexer.tree_resources: indexers/%s is an indexer of the "
				      "tree, and cannot change what the tree may have together",
				      caller->row.definition->id);
	return definition_validate_tree(next, refusal);
}

/* As of a new one: what a project is to be fetched for first is chosen when it is there. */
static int choose(const struct entry *entry, const struct entry *caller, struct definition *next,
		  bool renew, bool *ret_later, struct refusal *refusal)
{
	const struct manager *manager = entry->manager;
	const struct definition *base = entry->row.definition;
	bool same = streq(base->project_source, next->project_source), fetched;
	_cleanup_free_ char *checkout = NULL;
	int r = source_check(manager, same ? NULL : caller, next, &fetched, refusal);

	if (r != 0)
		return r;
	source_follow_update(base, next, renew);
	if (!checkout_is_there(manager, next->checkout.key))
		next->checkout.key[0] = '\0';
	r = source_checkout(manager, next, &checkout);
	if (r == 0 && (!fetched || checkout))
		r = runtime_choose(manager->runtimes, next, checkout, refusal);
	if (r == 0 && fetched)
		source_follow_update(base, next, renew);
	*ret_later = fetched && isempty(next->checkout.key);
	if (r == 0 && *ret_later)
		r = runtime_check_unfetched(manager->runtimes, next, refusal);
	return r;
}

/* The definition that follows, checked as far as it differs; NONE where it does not. */
static int make_next(const struct entry *entry, const struct entry *caller,
		     const struct update *update, struct change *change,
		     enum difference *difference, struct refusal *refusal)
{
	_cleanup_(definition_unrefp) struct definition *next = NULL;
	const struct definition *base = entry->row.definition;
	bool later = false;
	int r = update_apply(update, base, &next, refusal);

	r = r != 0 ? r : inherit_project(next, entry->parent);
	r = r != 0 ? r : definition_validate(next, refusal);
	r = r != 0 ? r : check_tree(base, next, caller, refusal);
	/* Before they are compared: a choice that comes out as before is no change. */
	r = r != 0 ? r : choose(entry, caller, next, update->renew_source, &later, refusal);
	if (r != 0)
		return r;
	*difference = definition_compare(base, next);
	if (!streq(base->checkout.commit, next->checkout.commit))
		*difference = DIFFERENCE_INSIDE; /* it is fetched anew */
	if (*difference == DIFFERENCE_INSIDE)
		r = secrets_check(entry->manager, caller, base, next, refusal);
	if (r == 0 && *difference == DIFFERENCE_INSIDE && !later)
		r = make_ready(entry->manager, next, &change->spec, refusal);
	if (r == 0)
		change->next = TAKE(next);
	return r;
}

/* What the change means for the tree of a root. */
static int weigh_tree(struct entry *entry, struct change *change)
{
	const struct resources *before = &entry->row.definition->tree_resources;
	const struct resources *after = &change->next->tree_resources;

	change->limits = !resources_equal(before, after);
	change->moves = resources_are_given(before) != resources_are_given(after);
	if (!change->moves)
		return 0;
	change->restarts |= entry_runs(entry);
	return tree_running(entry, &change->members, &change->n_members);
}

static int update(struct entry *entry, const struct entry *caller, const struct update *request,
		  enum update_effect *effect, manager_done *done, void *userdata,
		  struct refusal *refusal)
{
	_cleanup_(change_clear) struct change change = {};
	enum difference difference;
	int r = make_next(entry, caller, request, &change, &difference, refusal);

	if (r != 0)
		return r;
	change.restarts = difference == DIFFERENCE_INSIDE && shall_run(entry);
	r = weigh_tree(entry, &change);
	if (r == 0 && difference != DIFFERENCE_NONE)
		r = replace(entry, &change);
	if (r != 0)
		return r;
	*effect = change.restarts		    ? UPDATE_RESTARTS
		  : difference == DIFFERENCE_INSIDE ? UPDATE_STAYS_STOPPED
						    : UPDATE_GOES_ON;
	if (change.restarts || change.limits)
		return waiter_add(entry, CALL_SETTLE, done, userdata);
	manager_publish(entry->manager);
	done(NULL, entry->view, userdata);
	return 0;
}

void manager_update(struct manager *manager, const struct caller *caller, const char *id,
		    const struct update *request, enum update_effect *effect, manager_done *done,
		    void *userdata)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct entry *entry, *own;
	int r = caller_entry(manager, caller, &own, &refusal);

	r = r != 0 ? r : find_to_change(manager, caller, id, &entry, &refusal);
	r = r != 0 ? r : update(entry, own, request, effect, done, userdata, &refusal);
	if (r != 0)
		call_refuse(r, &refusal, done, userdata);
}
