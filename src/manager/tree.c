/*
 * Limits of a tree together: the slice of a root that has such limits, in which all units of its
 * tree run.
 *
 * It is a transient unit, there before the first unit is started in it: systemd would otherwise
 * make one without limits. From then on our bus connection pins it, so that it keeps its limits
 * whoever stops it, and it is stopped when nothing of the tree runs in it any more. What a limit
 * changes to is told to the slice that is there; no process notices. Only what gives a tree its
 * first limit, or takes its last, starts anew what runs of it: a unit cannot change its slice.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "manager/private.h"
#include "model/names.h"

/* A call about a slice: its root may be gone when the answer comes, so it is found by its uid. */
struct slice_call {
	struct manager *manager;
	char uid[ID128_TEXT_MAX];
};

static struct slice_call *slice_call_new(struct manager *manager, const char *uid)
{
	struct slice_call *call = calloc(1, sizeof(*call));

	if (!call)
		return NULL;
	call->manager = manager;
	(void)snprintf(call->uid, sizeof(call->uid), "%s", uid);
	return call;
}

static struct entry *find_uid(const struct manager *manager, const char *uid)
{
	for (size_t i = 0; i < manager->n_entries; i++)
		if (streq(manager->entries[i]->row.definition->uid, uid))
			return manager->entries[i];
	return NULL;
}

struct entry *entry_root(struct entry *entry)
{
	while (entry->parent)
		entry = entry->parent;
	return entry;
}

static bool is_limited(const struct entry *root)
{
	return resources_are_given(&root->row.definition->tree_resources);
}

const char *entry_slice(struct entry *entry, char buffer[SLICE_MAX_SIZE])
{
	const struct entry *root = entry_root(entry);

	if (!is_limited(root))
		return NULL;
	slice_from_uid(root->row.definition->uid, buffer);
	return buffer;
}

static void on_limits_set(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct slice_call *call = userdata;
	struct entry *root = find_uid(call->manager, call->uid);

	if (!root)
		return;
	root->setting_limits--;
	if (result->error < 0) {
		root->limits_due = true;
		/* With the bus gone, all is asked and told again when it is back. */
		if (result->error != -ECONNRESET && root->operation == OPERATION_NONE)
			entry_operation_failed(root, "the limits of its tree cannot be set",
					       systemd_result_words(result));
	}
	entry_queue(root);
}

/* Tells the slice, which is pinned, what its limits are now. */
static void set_limits(struct entry *root)
{
	const struct definition *definition = root->row.definition;
	struct slice_call *call = slice_call_new(root->manager, definition->uid);
	char slice[SLICE_MAX_SIZE];
	int r = call ? 0 : -ENOMEM;

	slice_from_uid(definition->uid, slice);
	r = r < 0 ? r
		  : systemd_limit_slice(root->manager->systemd, slice, &definition->tree_resources,
					on_limits_set, call);
	if (r >= 0) {
		root->limits_due = false;
		root->setting_limits++;
		return;
	}
	free(call);
	if (r != -ENOTCONN && root->operation == OPERATION_NONE)
		entry_operation_failed(root, "the limits of its tree cannot be set", strerror(-r));
}

/* A unit that is started in it pins it for the whole tree. */
static void pinned(struct entry *root)
{
	root->slice_pins++;
	entry_queue(root); /* the limits may be others meanwhile, or none */
}

static void on_pinned_for_start(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata, *root = entry_root(entry);

	if (result->error == 0) {
		pinned(root);
		/* Served in the order in which they are sent: before the unit is started. */
		if (is_limited(root))
			set_limits(root);
	}
	entry_slice_answered(entry, result);
}

static void on_slice_started(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata, *root = entry_root(entry);
	char slice[SLICE_MAX_SIZE];
	int r;

	if (!result->name || !streq(result->name, SYSTEMD_ERROR_UNIT_EXISTS)) {
		if (result->error == 0)
			pinned(root);
		entry_slice_answered(entry, result);
		return;
	}
	/* Another unit of the tree was first, or a daemon before this one. */
	entry_operation_step(entry);
	slice_from_uid(root->row.definition->uid, slice);
	r = systemd_ref_unit(root->manager->systemd, slice, on_pinned_for_start, entry);
	if (r < 0)
		entry_slice_answered(entry, &(struct systemd_result){ .error = r });
}

int tree_prepare(struct entry *entry)
{
	struct entry *root = entry_root(entry);
	_cleanup_free_ char *description = NULL;
	char slice[SLICE_MAX_SIZE];
	int r;

	if (!entry_slice(entry, slice) || root->slice_pins > 0)
		return 1;
	if (asprintf(&description, "Indexer %s and its descendants", root->row.definition->id) < 0)
		return -ENOMEM;
	r = systemd_start_slice(root->manager->systemd, slice, description,
				&root->row.definition->tree_resources, on_slice_started, entry);
	return r < 0 ? r : 0;
}

static void on_found_pinned(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct slice_call *call = userdata;
	struct entry *root = find_uid(call->manager, call->uid);

	ignore_result(result, NULL);
	if (!root || result->error < 0)
		return;
	root->limits_due = true; /* they may have changed with nobody there to tell it */
	pinned(root);
}

void tree_found(struct manager *manager, const char *slice)
{
	struct slice_call *call;
	char uid[ID128_TEXT_MAX];
	struct entry *root;

	if (!slice_is_tree(slice, strlen(slice), uid))
		return;
	root = find_uid(manager, uid);
	if (!root || root->slice_pins > 0)
		return; /* one that is not ours is not touched */
	call = slice_call_new(manager, uid);
	if (!call || systemd_ref_unit(manager->systemd, slice, on_found_pinned, call) < 0)
		free(call);
}

/* Its unit is in the slice, or may be. */
static bool may_be_inside(const struct entry *entry)
{
	if (entry->operation == OPERATION_START || entry->operation == OPERATION_STOP)
		return true;
	if (entry_presence(entry) == UNIT_LIVE)
		return !isempty(entry->unit.slice) && !streq(entry->unit.slice, INDEXER_SLICE);
	return entry_presence(entry) == UNIT_UNKNOWN;
}

static bool is_empty(const struct entry *root)
{
	const struct manager *manager = root->manager;

	for (size_t i = 0; i < manager->n_entries; i++)
		if (entry_is_within(manager->entries[i], root) &&
		    may_be_inside(manager->entries[i]))
			return false;
	return true;
}

static void let_go(struct entry *root)
{
	struct systemd *systemd = root->manager->systemd;
	char slice[SLICE_MAX_SIZE];

	slice_from_uid(root->row.definition->uid, slice);
	(void)systemd_stop(systemd, slice, ignore_result, NULL);
	for (; root->slice_pins > 0; root->slice_pins--)
		(void)systemd_unref_unit(systemd, slice, ignore_result, NULL);
}

void tree_settle(struct entry *entry)
{
	struct entry *root = entry_root(entry);

	if (root->slice_pins == 0)
		return;
	if (!may_be_inside(entry) && is_empty(root))
		let_go(root);
	else if (root->limits_due && is_limited(root) && root->operation == OPERATION_NONE &&
		 !root->retry)
		set_limits(root);
}

bool entry_runs(const struct entry *entry)
{
	const struct registry_row *row = &entry->row;

	return !row->tombstone && !row->halted && !row->stopped &&
	       (entry->operation == OPERATION_START || entry_presence(entry) == UNIT_LIVE ||
		entry_presence(entry) == UNIT_UNKNOWN);
}

int tree_running(struct entry *root, struct entry ***ret, size_t *ret_n)
{
	const struct manager *manager = root->manager;
	struct entry **entries = calloc(manager->n_entries, sizeof(struct entry *));
	size_t n = 0;

	if (!entries)
		return -ENOMEM;
	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		if (entry != root && entry_is_within(entry, root) && entry_runs(entry))
			entries[n++] = entry;
	}
	*ret = entries;
	*ret_n = n;
	return 0;
}
