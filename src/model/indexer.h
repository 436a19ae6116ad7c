/*
 * An indexer: its definition (what was asked for), its status (what is), and both together as a
 * view.
 *
 * Definitions and views are immutable once they are shared, and counted atomically: any thread may
 * hold and read one. Times are microseconds since the epoch (CLOCK_REALTIME), 0 where there is
 * none.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "model/backoff.h"
#include "model/id.h"
#include "model/kv.h"
#include "model/progress.h"

/* Indexers that there can be at one time: systemd has no more dynamic users, 61184 to 65519. */
#define INDEXERS_MOST 4336

/* The numbers of the three enums are those of the API. */
enum state {
	STATE_UNSPECIFIED = 0,
	STATE_STARTING = 1,
	STATE_RUNNING = 2,
	STATE_BACKING_OFF = 3,
	STATE_STOPPING = 4,
	STATE_STOPPED = 5,
	STATE_FAILED = 6,
	STATE_DELETING = 7,
};

enum exit_reason {
	EXIT_REASON_UNSPECIFIED = 0,
	EXIT_REASON_EXITED = 1,
	EXIT_REASON_SIGNALED = 2,
	EXIT_REASON_OUT_OF_MEMORY = 3,
	EXIT_REASON_TIMED_OUT = 4,
	EXIT_REASON_CONFIGURATION = 5,
	EXIT_REASON_START_FAILED = 6,
};

enum restart_policy {
	RESTART_UNSPECIFIED = 0, /* means always */
	RESTART_ALWAYS = 1,
	RESTART_ON_FAILURE = 2,
	RESTART_NEVER = 3,
};

/* Limits; 0 is none, or of an indexer's own the runtime's. */
struct resources {
	uint64_t memory_max_bytes;
	uint32_t cpu_percent; /* 100 is one processor */
	uint64_t tasks_max;
};

/* Bytes of a SHA-1 or SHA-256 in hexadecimal digits, NUL included. */
#define HASH_TEXT_MAX 65

/*
 * What stands behind a project_source that has to be fetched: found out once, and kept until
 * another project_source is asked for.
 */
struct checkout {
	char commit[HASH_TEXT_MAX]; /* of git, or an archive's SHA-256; "" until it is known */
	char key[HASH_TEXT_MAX];    /* which of the checkouts it is; "" until it is complete */
};

/* What was asked for. Strings are never NULL but for spawned_by. */
struct definition {
	unsigned refs;
	char id[ID_MAX];
	char uid[ID128_TEXT_MAX]; /* another one for each creation */
	struct kv_list labels;
	struct kv_list environment;
	char *project_source; /* see model/source.h */
	struct checkout checkout;
	char *project_dir; /* relative to it; "" for the source itself */
	char *script;
	char *runtime;
	char *preset;
	char *spawned_by;  /* the parent's id, or NULL */
	char *persistence; /* where its state is kept, see persistence_parse(); set once */
	char *creator;	   /* account of the user whom it is charged to; "" where it is not known */
	char **args;	   /* n_args strings */
	size_t n_args;
	struct resources resources;
	struct resources tree_resources; /* of a root: it and its descendants together */
	enum restart_policy restart;
	struct backoff backoff; /* what is not given is 0 until the server has filled it in */
	uint64_t create_time, update_time;
	uint64_t generation; /* counts changes of the definition; the etag is made of it */
};

struct exit_record {
	uint64_t time;
	int32_t code;		 /* where signal is 0 */
	int32_t signal;		 /* number, or 0 */
	enum exit_reason reason; /* UNSPECIFIED: there was no exit yet */
};

struct status {
	enum state state;
	char invocation_id[ID128_TEXT_MAX]; /* "" where there is none */
	int64_t main_pid;		    /* 0 without a process */
	int32_t restart_count;
	uint64_t start_time;
	struct exit_record last_exit;
	uint64_t cpu_usage; /* microseconds, of the last process that has ended; 0 with a process */
	char *control_group;	  /* of the unit, where it has a process and it is known; or NULL */
	struct progress progress; /* of the process; its time is 0 where it is not known */
	char *message;		  /* in words why it is in this state, or NULL */
	bool message_is_note;	  /* it only tells more of what is as it should be */
};

struct view {
	unsigned refs;
	struct definition *definition;
	struct status status;
};

/* An empty definition with one reference and empty strings; 0 or -ENOMEM. */
int definition_new(struct definition **ret);
struct definition *definition_ref(struct definition *definition);
struct definition *definition_unref(struct definition *definition);
DEFINE_CLEANUP(struct definition, definition_unref);

/* Replaces a string of a definition by a copy; 0 or -ENOMEM. NULL is taken as "". */
int string_set(char **string, const char *value);

/* Whether there is any limit. */
bool resources_are_given(const struct resources *resources);
bool resources_equal(const struct resources *a, const struct resources *b);

/* Appends a copy of arg to the arguments; 0 or -ENOMEM. */
int definition_add_arg(struct definition *definition, const char *arg);

/* A view of a definition (referenced) with a copy of a status. 0 or -ENOMEM. */
int view_new(struct definition *definition, const struct status *status, struct view **ret);
struct view *view_ref(struct view *view);
struct view *view_unref(struct view *view);
DEFINE_CLEANUP(struct view, view_unref);

/* Frees the strings and clears the status. */
void status_clear(struct status *status);

/* Writes the etag of a definition: 16 hexadecimal digits and the NUL. */
void definition_etag(const struct definition *definition, char buffer[17]);
