/*
 * What the files of the manager share: the manager, and one entry for each indexer.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdlib.h>

#include "common/loop_queue.h"
#include "manager/manager.h"
#include "model/lineage.h"
#include "model/reconcile.h"
#include "model/source.h"
#include "registry/registry.h"
#include "runtime/runtime.h"
#include "systemd/systemd.h"

/* What of ours is under way for an entry; at most one thing at a time. */
enum operation {
	OPERATION_NONE,
	OPERATION_START,       /* StartTransientUnit, until its job has ended */
	OPERATION_STOP,	       /* StopUnit, until its job has ended */
	OPERATION_HOLD,	       /* StartTransientUnit of the oneshot that only loads the unit */
	OPERATION_CLEAR,       /* CleanUnit, until its reply */
	OPERATION_CLEAR_STORE, /* indexer-clear, until its reply */
};

enum call_kind {
	CALL_SETTLE, /* Create, Start, Restart, Update: when nothing is under way, or after 5 s */
	CALL_STOP,   /* when nothing is under way */
	CALL_DELETE, /* when the entry is gone */
};

/* Whether the journal has it that the indexer is deleted. */
enum notice {
	NOTICE_NONE,
	NOTICE_UNDER_WAY,
	NOTICE_DONE, /* or will not have it: nothing is waited for any more */
};

/* A client's call that waits for an entry. */
struct waiter {
	struct waiter *next;
	struct entry *entry;
	enum call_kind kind;
	sd_event_source *timer; /* of SETTLE: when it is answered as it is then */
	manager_done *done;
	void *userdata;
};

/* What indexer-exec is told of a run, packed. All zero is none. */
struct spec {
	uint8_t *data;
	size_t size;
};

static inline void spec_clear(struct spec *spec)
{
	free(spec->data);
	*spec = (struct spec){};
}

struct entry {
	struct manager *manager;
	struct registry_row row;
	struct entry *parent; /* not owned; NULL for a root */
	size_t n_children;
	size_t n_descendants;

	struct unit_state unit; /* last known */
	bool asked;		/* `loaded` and `unit` are true now, not from before a lost bus */
	bool loaded;
	bool listed; /* by the look around that is under way */
	bool pinned; /* our bus connection holds a reference on the unit */

	uint64_t written_run; /* whose credential was written last, here; 0: none yet */
	enum operation operation;
	uint64_t starting_run;		     /* of OPERATION_START */
	char starting_slice[SLICE_MAX_SIZE]; /* of the start that was sent last */
	bool retried;			     /* the start was refused once because of a leftover */
	bool reading;			     /* it is being read again */
	char usage_of[ID128_TEXT_MAX]; /* the invocation whose end the unit was read again for */
	bool unrecorded; /* the registry lacks some of the row's results: it could not be written,
			    or they are written with what follows */
	char live_invocation[ID128_TEXT_MAX]; /* whose connections may be open; "" where none */
	char group_of[ID128_TEXT_MAX];	      /* the invocation whose control group was asked for */
	struct exit_record away_exit; /* of a unit that is gone, by the journal; or UNSPECIFIED */
	bool cleared; /* CleanUnit was accepted; state that is there still was left behind by it */
	bool state_gone; /* for good: its removal is on disk */
	bool was_begun;	 /* its deletion, by a daemon before this one */
	enum notice notice;
	struct loop_item notice_item;
	bool store_cleared;   /* nothing of its state is in its back end any more */
	char *trouble;	      /* why its deletion stands still, or NULL */
	bool runtime_missing; /* why it could not be started: a reload of the runtimes may help */
	unsigned failures; /* operations in a row that systemd refused; the next one waits longer */
	sd_event_source *retry;	 /* when the unit is looked at again after a failure, or NULL */
	sd_event_source *limit;	 /* how long the operation may take, or NULL */
	sd_event_source *let_go; /* when the job of a wait is given up, or NULL */
	char *job;		 /* object path of the job that is waited for, or NULL */
	char *ended_job;	 /* a job of this unit that ended before its reply came, or NULL */
	/* Of a root whose tree has limits together; see tree.c. */
	unsigned slice_pins;	 /* references that our bus connection holds on the slice */
	unsigned setting_limits; /* calls that tell it its limits and have no answer yet */
	bool limits_due;	 /* it has others than it should */
	struct fetch *fetch;	 /* what its start waits for, or NULL */
	uint64_t kept_for;	 /* the run that could not be prepared, for which the process of the
				    one before it goes on; 0: none */
	char *kept_words;	 /* why that is; NULL with none */
	char running_key[HASH_TEXT_MAX]; /* the checkout that its unit was started with, or "" */
	struct spec spec; /* made where the start was asked for, until it is written; or empty */

	struct waiter *waiters;
	struct view *view; /* as last published */
	bool queued;
	bool settling; /* its unit has changed, and may be about to change further */
	bool moved;    /* its progress may be another one than is shown */
	struct entry *next_queued;
};

struct manager {
	sd_event *event;
	struct registry *registry;
	struct systemd *systemd;
	struct loop_queue *loop; /* where the journal's answers come */
	struct runtime_set *runtimes;
	struct snapshot_box *snapshots;
	struct manager_config config; /* with owned copies of the strings */
	char **runtime_dirs;
	char boot_id[ID128_TEXT_MAX];

	struct clear_client *clear;
	struct checkouts *checkouts;
	struct fetch *fetches; /* in the order in which they were asked for */
	bool starting_fetches;
	struct entry **entries; /* sorted by id */
	size_t n_entries;
	bool dirty; /* a view differs from the published snapshot */

	struct entry *queue_head, *queue_tail; /* to be decided upon */
	sd_event_source *deferred;
	sd_event_source *settle;   /* when entries that are settling are taken up, or off */
	uint64_t settling_since;   /* CLOCK_MONOTONIC, of the first of them; 0: none is */
	sd_event_source *progress; /* when the progress of those that have moved is shown, or off */
	uint64_t progress_shown;   /* CLOCK_MONOTONIC, when it was last */
	size_t n_operations;	   /* under way, stops not counted */
	sd_event_source *look_again;   /* where systemd's units could not be listed, or NULL */
	sd_event_source *record_again; /* where the registry lacks something, or NULL */
	size_t record_next;	       /* where the search for what it lacks goes on */
	size_t n_waiters;
	size_t n_queries; /* of the look around that is under way */
	bool synced;

	manager_removed *removed, *stopped;
	void *removed_userdata, *stopped_userdata;
	manager_published *published;
	void *published_userdata;
	manager_synced *on_synced;
	void *synced_userdata;
};

/* manager.c */
struct entry *entry_find(struct manager *manager, const char *id);
struct entry *entry_find_unit(struct manager *manager, const char *unit);
/* Puts in an entry that takes over the row. 0 or -ENOMEM (the row stays the caller's). */
int entry_add(struct manager *manager, struct registry_row *row, struct entry **ret);
/* Takes an entry out and frees it; nothing may be under way for it. */
void entry_drop(struct entry *entry);
/* Whether the entry is `ancestor` itself or below it. */
bool entry_is_within(const struct entry *entry, const struct entry *ancestor);
/* Writes the uids from its root's to its own; of a tree that is deeper, those next to it. */
void entry_lineage(const struct entry *entry, char ret[LINEAGE_MAX]);
/* Makes the entry's view anew; manager_publish() shows it. */
void entry_refresh(struct entry *entry);
/* Publishes a snapshot if anything differs. */
void manager_publish(struct manager *manager);

/* status.c */
enum unit_presence entry_presence(const struct entry *entry);
/* An end was recorded since the last start, and it was a start that failed. */
bool entry_start_failed(const struct entry *entry);
/* The unit is of the run that is wanted. */
bool entry_is_current(const struct entry *entry);
/* Derives the status, on strings owned by *ret. 0 or -ENOMEM. */
int entry_status(const struct entry *entry, struct status *ret);

/* evaluate.c */
/* Has the entry decided upon from the loop, soon. */
void entry_queue(struct entry *entry);
/* As entry_queue(), before all that wait already; one that waits keeps its place. */
void entry_queue_first(struct entry *entry);
/* What is wanted has changed: earlier failures do not count any more. */
void entry_decide_anew(struct entry *entry);
int evaluate_setup(struct manager *manager);

/* actions.c */
void entry_act(struct entry *entry, enum action action);
/* Lets systemd forget the unit: it is pinned, and a failed one would stay loaded for ever. */
void entry_release_unit(struct entry *entry);
/* The entry's state directory is on disk. */
bool entry_has_state(const struct entry *entry);

/* operation.c */
/* What of ours is under way begins and ends. */
void entry_operation_begin(struct entry *entry, enum operation operation);
void entry_operation_end(struct entry *entry);
/* A step of it begins: its limit is counted from here on. */
void entry_operation_step(struct entry *entry);
/* It could not be done, or could not be begun: looks again later, later each time. */
void entry_operation_failed(struct entry *entry, const char *what, const char *text);
/* Whether a call's error is that the bus is gone, before it was sent or since: systemd has not
 * said it. */
bool is_bus_gone(int error);
/* The next call of it has failed so, or for want of memory. */
void entry_operation_not_sent(struct entry *entry, const char *what, int error);
/* The bus is gone: no job that was waited for will be heard of. */
void entry_operation_lost(struct entry *entry);
/* A reply has named the job that it waits for. */
void entry_wait_for_job(struct entry *entry, sd_bus_message *reply);
/* A job of the entry's unit has ended; so has what waits for that one. */
void entry_job_removed(struct entry *entry, const char *job);
/* Refuses the waiting calls that delete the entry, or one that it holds up. */
void entry_refuse_delete(struct entry *entry, struct refusal *refusal);
/* systemd could not be asked about the unit: it is tried again, later each time. */
void entry_ask_later(struct entry *entry, const char *text);
/* For a call whose failure changes nothing: it is logged for who debugs. */
void ignore_result(const struct systemd_result *result, void *userdata);

/* start.c */
void act_start(struct entry *entry);
void act_hold(struct entry *entry);
/* The slice that a start waits for is there, or could not be made. */
void entry_slice_answered(struct entry *entry, const struct systemd_result *result);

/* delete.c */
/*
 * Whether the journal has it that the entry is deleted; where it has not, it is asked to, and the
 * entry is decided upon again when it has.
 */
bool entry_is_announced(struct entry *entry);

/* left-over.c */
/* A process is in the unit's control group, although systemd says that it has none. */
bool entry_is_left_over(const struct entry *entry);
void act_kill(struct entry *entry);

/* tree.c: the slice of a tree that has limits together */
struct entry *entry_root(struct entry *entry);
/* The slice that the entry's unit belongs into, written into the buffer; NULL for INDEXER_SLICE. */
const char *entry_slice(struct entry *entry, char buffer[SLICE_MAX_SIZE]);
/*
 * Sees to it that the slice is there for a start that is under way: 1 where it is; 0 where
 * entry_slice_answered() will be called; or a negative errno.
 */
int tree_prepare(struct entry *entry);
/* The look around has found a slice of that name: of whose tree it is, and with which limits. */
void tree_found(struct manager *manager, const char *slice);
/* What the entry's tree needs now: new limits of its slice, or none any more. */
void tree_settle(struct entry *entry);
/* The entry has a process, or is on its way to one: what moves its tree starts it anew. */
bool entry_runs(const struct entry *entry);
/* Those of them below a root. 0 or -ENOMEM; the array is the caller's. */
int tree_running(struct entry *root, struct entry ***ret, size_t *ret_n);

/* record.c */
void entry_note_start(struct entry *entry);
/* Keeps how the unit's last process ended; the registry gets it with the next start or end. */
void entry_note_exit(struct entry *entry);
void entry_note_end(struct entry *entry);
void entry_note_stopped(struct entry *entry);
void entry_note_start_failed(struct entry *entry, const char *message);

/* access.c: each returns 0, REFUSED with the refusal filled, or a negative errno */
/* How long a client is asked to wait before it tries again. */
#define RETRY_SOON_USEC (1 * USEC_PER_SEC)
/* The caller's own entry, or NULL for a person; REFUSED where the calling indexer is deleted. */
int caller_entry(struct manager *manager, const struct caller *caller, struct entry **ret,
		 struct refusal *refusal);
/* Fills the refusal of an indexer that reaches out of its subtree, whether the id exists or not. */
int refuse_outside(struct refusal *refusal, const char *id, const struct entry *caller);
/* Fills the refusal of a call about an indexer that is being deleted. */
int refuse_being_deleted(struct refusal *refusal, const char *id);
/*
 * The entry that a call wants to change: the caller's own or below it, there, and not being
 * deleted; and systemd can be reached.
 */
int find_to_change(struct manager *manager, const struct caller *caller, const char *id,
		   struct entry **ret, struct refusal *refusal);
/* REFUSED while systemd cannot be reached, or too many calls wait already. */
int check_ready(const struct manager *manager, struct refusal *refusal);

/* create.c */
/* A child without a project of its own has its parent's. 0 or -ENOMEM. */
int inherit_project(struct definition *definition, const struct entry *parent);
/*
 * Checks runtime and project, chooses where the state is kept, and makes the spec, which the caller
 * owns. 0, REFUSED or negative.
 */
int make_ready(const struct manager *manager, struct definition *definition, struct spec *ret,
	       struct refusal *refusal);

/* persistence.c */
/* Whether the configured back end's credential can be read; if not, it is logged. */
int persistence_check(const struct persistence *persistence);
/* Gives a definition that has none the configured back end, if its runtime wants one. 0, -ENOMEM.
 */
int persistence_choose(const struct manager *manager, const struct runtime *runtime,
		       struct definition *definition);
/* The variables of the process about its state. 0, REFUSED or -ENOMEM. */
int persistence_variables(const struct runtime *runtime, const struct definition *definition,
			  struct kv_list *ret, struct refusal *refusal);
/* There may be state in a back end of another server. */
bool entry_has_store(const struct entry *entry);
void act_clear_store(struct entry *entry);

/* secrets.c: each returns 0, REFUSED with the refusal filled, or a negative errno */
/*
 * Checks the environment of a new definition, or with `base` of one that follows from it: values
 * that were left out stand for none, credentials must be allowed, and an indexer as caller (`own`;
 * NULL for a person) names none that it does not have itself.
 */
int secrets_check(const struct manager *manager, const struct entry *own,
		  const struct definition *base, const struct definition *definition,
		  struct refusal *refusal);
/* Whether the rules, which may be others than when it was made, allow all credentials of it. */
int secrets_check_allowed(const struct manager *manager, const struct definition *definition,
			  struct refusal *refusal);
/* Sorts the credentials of a definition by the store that has them, as keys. 0 or -ENOMEM. */
int secrets_sort(const struct definition *definition, struct kv_list *ret_plain,
		 struct kv_list *ret_encrypted);

/* The same of the credential that a project is fetched by. */
int secrets_check_source(const struct manager *manager, const struct source *source,
			 struct refusal *refusal);
/* Whether an indexer as caller may name that: it has it itself. */
int secrets_check_own_source(const struct entry *own, const struct source *source,
			     struct refusal *refusal);

/* source.c */
/*
 * Checks the project_source of a definition, by its text; of one that an indexer (`own`, or NULL)
 * names itself also its credential. *ret_fetched tells whether it has to be fetched. 0, REFUSED or
 * a negative errno.
 */
int source_check(const struct manager *manager, const struct entry *own,
		 const struct definition *definition, bool *ret_fetched, struct refusal *refusal);
/*
 * Has all fetched and built that the entry's start needs. Where nothing is missing *ready is true,
 * and what it left open is chosen; otherwise the entry is decided upon again when a step is done.
 * 0, REFUSED or a negative errno.
 */
int source_prepare(struct entry *entry, bool *ready, struct refusal *refusal);
/* What an update leaves of what was found out; with `renew` it is all found out anew. */
void source_follow_update(const struct definition *base, struct definition *next, bool renew);
/* Where the daemon sees the definition's checkout, owned by the caller; NULL where the project is a
 * directory, or is not there yet. 0 or -ENOMEM. */
int source_checkout(const struct manager *manager, const struct definition *definition, char **ret);

/*
 * The start of the wanted run cannot be prepared: it has failed, unless a process of the run before
 * it is there, which goes on instead.
 */
void entry_prepare_failed(struct entry *entry, const char *words);

/* fetch.c */
/* The entry's start is not wanted any more, or another one. */
void entry_leave_fetch(struct entry *entry);
/* In words what is fetched. */
const char *fetch_text(const struct fetch *fetch);
/* All is asked anew, or will have to be. */
void fetches_resync(struct manager *manager);
void fetches_lost(struct manager *manager);
/* The job of a unit of fetches or removals has ended. */
void fetches_unit_ended(struct manager *manager, const char *unit);
void fetches_free(struct manager *manager);

/* quota.c */
/* Refuses the new indexer that would be one too many of its tree, or of its creator's. */
int check_quotas(const struct manager *manager, const struct definition *definition,
		 const struct entry *parent, struct refusal *refusal);

/* credential.c: a file for each run of an indexer */
int credential_write(const char *directory, const char *uid, uint64_t run, const void *data,
		     size_t size);
void credential_remove(const char *directory, const char *uid, uint64_t run);
char *credential_path(const char *directory, const char *uid, uint64_t run);
/* Removes what a daemon that was killed has left behind: files of no indexer, or of an older run.
 */
void credentials_sweep(const struct manager *manager);

/* waiter.c */
int waiter_add(struct entry *entry, enum call_kind kind, manager_done *done, void *userdata);
/* Answers the entry's waiters of a kind with its view, or with NULL for CALL_DELETE. */
void waiters_answer(struct entry *entry, enum call_kind kind);
/* Answers them with a refusal. */
void waiters_refuse(struct entry *entry, enum call_kind kind, const struct refusal *refusal);
/* Answers one call at once: with the refusal if `r` is REFUSED, as internal error if it is
 * negative. */
void call_refuse(int r, const struct refusal *refusal, manager_done *done, void *userdata);

/* sync.c */
extern const struct systemd_events manager_systemd_events;
int sync_setup(struct manager *manager);
/* Asks systemd about the entry's unit; it is decided upon when the answer is there. */
void entry_query(struct entry *entry);
/* Reads the unit once more, as what is known of it stays true meanwhile. 0 or a negative errno. */
int entry_read_again(struct entry *entry);
/* The unit is loaded and ours: pins it, so that its result and its directories stay within reach.
 */
void entry_pin(struct entry *entry);
