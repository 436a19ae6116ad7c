/*
 * DeleteIndexer: the tombstone of the whole subtree first; what follows is decided entry by entry,
 * and finished after a crash too.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/log.h"
#include "common/util.h"
#include "journal/journal.h"
#include "manager/private.h"

/* Who waits for what is now deleted will not see it run, or stopped. */
static void refuse_others(struct entry *entry)
{
	_cleanup_refusal_ struct refusal refusal = {};
	int r = refuse_being_deleted(&refusal, entry->row.definition->id);
	const struct refusal *words = r == REFUSED ? &refusal : &refusal_out_of_memory;

	waiters_refuse(entry, CALL_SETTLE, words);
	waiters_refuse(entry, CALL_STOP, words);
}

static void on_announced(struct loop_item *item)
{
	struct entry *entry = CONTAINER_OF(item, struct entry, notice_item);

	entry->notice = NOTICE_DONE;
	entry_queue(entry);
}

bool entry_is_announced(struct entry *entry)
{
	struct manager *manager = entry->manager;
	int r;

	if (entry->notice != NOTICE_NONE)
		return entry->notice == NOTICE_DONE;
	entry->notice_item.run = on_announced;
	r = journal_put_deletion(manager->config.journal, entry->row.definition->id,
				 entry->was_begun, manager->loop, &entry->notice_item);
	if (r < 0)
		log_warning("%s: that it is deleted cannot be written to the journal: %s",
			    entry->row.definition->id, strerror(-r));
	entry->notice = r < 0 ? NOTICE_DONE : NOTICE_UNDER_WAY;
	return r < 0;
}

static void tombstone_subtree(struct manager *manager, struct entry *root)
{
	for (size_t i = 0; i < manager->n_entries; i++) {
		struct entry *entry = manager->entries[i];

		if (!entry_is_within(entry, root))
			continue;
		entry->row.tombstone = true;
		entry_leave_fetch(entry);
		refuse_others(entry);
		entry_decide_anew(entry);
	}
	manager_publish(manager);
}

static int delete_entry(struct manager *manager, const struct entry *caller, const char *id,
			manager_done *done, void *userdata, struct refusal *refusal)
{
	struct entry *entry = entry_find(manager, id);
	int r;

	if (caller && (!entry || !entry_is_within(entry, caller)))
		return refuse_outside(refusal, id, caller);
	if (!entry)
		return refuse_not_found(refusal, id);
	r = check_ready(manager, refusal);
	r = r != 0 ? r : registry_tombstone(manager->registry, id, refusal);
	if (r != 0)
		return r;
	/* On disk it has begun; whatever follows, it goes on. */
	tombstone_subtree(manager, entry);
	return waiter_add(entry, CALL_DELETE, done, userdata);
}

void manager_delete(struct manager *manager, const struct caller *caller, const char *id,
		    manager_done *done, void *userdata)
{
	_cleanup_refusal_ struct refusal refusal = {};
	struct entry *own;
	int r = caller_entry(manager, caller, &own, &refusal);

	r = r != 0 ? r : delete_entry(manager, own, id, done, userdata, &refusal);
	if (r != 0)
		call_refuse(r, &refusal, done, userdata);
}
