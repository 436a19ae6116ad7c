/*
 * Acting: each decision as calls to systemd and to the registry. The start has a file of its own
 * (start.c), and so has what is under way then (operation.c).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "journal/journal.h"
#include "manager/source.h"
#include "systemd/state-directory.h"

static void on_stop_asked(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;

	if (result->error == 0) {
		entry_wait_for_job(entry, result->reply);
	} else if (is_bus_gone(result->error)) {
		entry_operation_lost(entry);
	} else if (result->name && streq(result->name, SYSTEMD_ERROR_NO_SUCH_UNIT)) {
		entry->loaded = false;
		entry_operation_end(entry);
	} else {
		entry_operation_failed(entry, "it cannot be stopped", systemd_result_words(result));
	}
}

/*
 * A process that ends for another run goes on until all is there that its start needs. True where
 * that is so, and nothing else is to be done now.
 */
static bool is_kept_meanwhile(struct entry *entry)
{
	_cleanup_refusal_ struct refusal refusal = {};
	const struct registry_row *row = &entry->row;
	bool ready = true;
	int r;

	if (row->tombstone || row->halted || row->run == row->started_run)
		return false;
	r = source_prepare(entry, &ready, &refusal);
	if (r == 0)
		return !ready;
	entry_prepare_failed(entry, r == REFUSED ? refusal.message : strerror(-r));
	return true;
}

static void act_stop(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	if (is_kept_meanwhile(entry))
		return;
	unit_from_id(entry->row.definition->id, unit);
	entry_operation_begin(entry, OPERATION_STOP);
	r = systemd_stop(entry->manager->systemd, unit, on_stop_asked, entry);
	if (r < 0)
		entry_operation_not_sent(entry, "it cannot be stopped", r);
}

static void on_clear_begun(const struct systemd_result *result, void *userdata)
{
	struct entry *entry = userdata;

	if (result->error == 0) {
		/*
		 * "cleaning" is what systemd's next signal will say, and then that it is over. It
		 * is said here already, so that nothing is decided in between.
		 */
		(void)snprintf(entry->unit.sub_state, sizeof(entry->unit.sub_state), "cleaning");
		entry->cleared = true;
		entry->state_gone = false;
		entry_operation_end(entry);
	} else if (is_bus_gone(result->error)) {
		entry_operation_lost(entry);
	} else {
		entry_operation_failed(entry, "its state cannot be cleared",
				       systemd_result_words(result));
	}
}

static void act_clear(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	int r;

	/* What is left behind by one clean-up is not tried again at once, for ever. */
	if (entry->cleared) {
		entry->cleared = false;
		entry_operation_failed(entry, "its state cannot be cleared",
				       "systemd left some of it behind");
		return;
	}
	unit_from_id(entry->row.definition->id, unit);
	entry_operation_begin(entry, OPERATION_CLEAR);
	/* A failed unit is not cleaned; the two calls are served in their order. */
	if (entry_presence(entry) == UNIT_FAILED)
		(void)systemd_reset_failed(entry->manager->systemd, unit, ignore_result, NULL);
	r = systemd_clean(entry->manager->systemd, unit, on_clear_begun, entry);
	if (r < 0)
		entry_operation_not_sent(entry, "its state cannot be cleared", r);
}

void entry_release_unit(struct entry *entry)
{
	struct systemd *systemd = entry->manager->systemd;
	enum unit_presence presence = entry_presence(entry);
	char unit[UNIT_MAX_SIZE];

	unit_from_id(entry->row.definition->id, unit);
	if (presence == UNIT_FAILED)
		(void)systemd_reset_failed(systemd, unit, ignore_result, NULL);
	if (entry->pinned)
		(void)systemd_unref_unit(systemd, unit, ignore_result, NULL);
	entry->pinned = false;
}

/*
 * After a power failure, a directory that was removed may be there again, though the registry has
 * committed since: an fdatasync() of a file that does not grow carries no other change of the file
 * system with it. Without a row nobody would clear it, and the next indexer of the id would find
 * it. One wait does for all that have come as far: see entry_is_announced().
 */
static int keep_state_gone(struct entry *entry)
{
	struct manager *manager = entry->manager;
	int r;

	if (entry->state_gone)
		return 0;
	r = state_directories_sync();
	if (r < 0)
		return r;
	for (size_t i = 0; i < manager->n_entries; i++)
		if (manager->entries[i]->notice != NOTICE_NONE)
			manager->entries[i]->state_gone = true;
	return 0;
}

static void act_remove(struct entry *entry)
{
	struct manager *manager = entry->manager;
	char uid[ID128_TEXT_MAX];
	struct entry *parent = entry->parent;
	int r;

	/* What the registry does not know any more, nobody would write down after a crash. */
	if (!entry_is_announced(entry))
		return;
	r = keep_state_gone(entry);
	if (r < 0) {
		entry_operation_failed(entry, "its state may come back", strerror(-r));
		return;
	}
	r = registry_remove(manager->registry, entry->row.definition->uid);
	if (r < 0) {
		entry_operation_failed(entry, "its row cannot be removed", strerror(-r));
		entry_refresh(entry);
		return;
	}
	memcpy(uid, entry->row.definition->uid, sizeof(uid));
	entry_release_unit(entry);
	credential_remove(manager->config.credentials_dir, uid, entry->row.started_run);
	credential_remove(manager->config.credentials_dir, uid, entry->row.run);
	credential_remove(manager->config.credentials_dir, uid, entry->written_run);
	/* Before its streams are told that they end; see journal.h. */
	journal_remove_indexer(manager->config.journal, entry->row.definition->id);

	/* Readers must not see it any more when the answer is there. */
	view_unref(TAKE(entry->view));
	manager->dirty = true;
	manager_publish(manager);
	waiters_answer(entry, CALL_DELETE);
	entry_drop(entry);
	if (parent)
		entry_queue(parent);
	checkouts_sweep_later(manager);
	if (manager->removed)
		manager->removed(uid, manager->removed_userdata);
}

/* Its state directory is cleared by way of a unit of its name, which somebody else has. */
static void act_wait_foreign(struct entry *entry)
{
	_cleanup_refusal_ struct refusal refusal = {};
	const char *id = entry->row.definition->id;

	if (refuse_indexer(&refusal, CODE_UNAVAILABLE, "DELETE_DELAYED", id,
			   "indexers/%s: its state cannot be cleared while a unit that is not "
			   "indexerd's has the name " UNIT_PREFIX "%s" UNIT_SUFFIX
			   "; it is deleted as soon as that unit is gone",
			   id, id) == REFUSED)
		entry_refuse_delete(entry, &refusal);
}

static void act_note_foreign(struct entry *entry)
{
	if (!entry_start_failed(entry) || entry->row.run != entry->row.started_run)
		entry_note_start_failed(entry, "another unit has this name; it is not touched");
}

bool entry_has_state(const struct entry *entry)
{
	return state_directory_exists(entry->row.definition->id);
}

void entry_act(struct entry *entry, enum action action)
{
	static void (*const acts[])(struct entry *) = {
		[ACTION_START] = act_start,
		[ACTION_STOP] = act_stop,
		[ACTION_NOTE_START] = entry_note_start,
		[ACTION_NOTE_END] = entry_note_end,
		[ACTION_NOTE_STOPPED] = entry_note_stopped,
		[ACTION_NOTE_FOREIGN] = act_note_foreign,
		[ACTION_WAIT_FOREIGN] = act_wait_foreign,
		[ACTION_KILL] = act_kill,
		[ACTION_CLEAR_STORE] = act_clear_store,
		[ACTION_HOLD] = act_hold,
		[ACTION_CLEAR] = act_clear,
		[ACTION_REMOVE] = act_remove,
	};

	if (acts[action])
		acts[action](entry);
}
