/*
 * Which indexer a peer is: its user id and its cgroup must agree on a live unit of ours.
 *
 * The user id (SO_PEERCRED) is the one that the process had at its connect(), and nobody can change
 * it afterwards. The cgroup is read from /proc by the PID that connected, as it is now: a PID that
 * has been given to another process would lead to that one's unit, so the cgroup alone proves
 * nothing (sd_peer_get_unit(3) says so). Both together can only name the live indexer that has this
 * user id, since systemd gives a dynamic one to one unit at a time; somebody else would need both
 * the id and the PID of a process of a unit that has stopped since it connected. Whoever is handed
 * an open connection speaks as the indexer that made it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "manager/private.h"
#include "systemd/peer.h"

struct identification {
	struct manager *manager;
	uid_t uid;
	char id[ID_MAX];
	manager_identified *done;
	void *userdata;
};

static bool agrees(const struct entry *entry, const struct unit_state *unit, uid_t uid)
{
	return streq(unit->indexer_uid, entry->row.definition->uid) && unit_state_is_live(unit) &&
	       unit->uid == uid;
}

static void answer(const struct entry *entry, manager_identified *done, void *userdata)
{
	struct caller caller;

	caller_from_indexer(entry->row.definition->id, entry->row.definition->uid, &caller);
	done(0, &caller, userdata);
}

static void on_unit_read(const struct systemd_result *result, void *userdata)
{
	_cleanup_free_ struct identification *pending = userdata;
	struct entry *entry = entry_find(pending->manager, pending->id);
	struct unit_state unit;
	int r = result->error;

	unit_state_init(&unit);
	if (r == 0)
		r = unit_state_read(result->reply, &unit);
	if (r >= 0 && entry && agrees(entry, &unit, pending->uid))
		answer(entry, pending->done, pending->userdata);
	else
		pending->done(r < 0 ? r : -EPERM, NULL, pending->userdata);
}

/* The signals may not have told us of a unit that has just started: ask. */
static int ask(struct manager *manager, const char *id, uid_t uid, manager_identified *done,
	       void *userdata)
{
	_cleanup_free_ struct identification *pending = calloc(1, sizeof(*pending));
	char unit[UNIT_MAX_SIZE];
	int r;

	if (!pending)
		return -ENOMEM;
	*pending = (struct identification){
		.manager = manager, .uid = uid, .done = done, .userdata = userdata
	};
	(void)snprintf(pending->id, sizeof(pending->id), "%s", id);
	unit_from_id(id, unit);
	r = systemd_query(manager->systemd, unit, on_unit_read, pending);
	if (r < 0)
		return r;
	(void)TAKE(pending);
	return 0;
}

void manager_identify(struct manager *manager, int fd, manager_identified *done, void *userdata)
{
	char id[ID_MAX];
	struct entry *entry;
	uid_t uid;
	int r = peer_identify(fd, &uid, id);

	if (r < 0) {
		done(r == -ENODATA ? -EPERM : r, NULL, userdata);
		return;
	}
	entry = entry_find(manager, id);
	if (!entry) {
		done(-EPERM, NULL, userdata);
		return;
	}
	if (entry->loaded && agrees(entry, &entry->unit, uid)) {
		answer(entry, done, userdata);
		return;
	}
	r = ask(manager, id, uid, done, userdata);
	if (r < 0)
		done(r, NULL, userdata);
}
