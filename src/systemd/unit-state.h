/*
 * What systemd says of one unit: the properties that the manager decides by, as a table of rows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-bus.h>

#include "common/util.h"
#include "model/indexer.h"

#define UNIT_WORD_MAX 32  /* bytes of ActiveState and the like, NUL included */
#define UNIT_TEXT_MAX 512 /* bytes of StatusText that are kept, NUL included */
#define UNIT_PATH_MAX 256 /* of ControlGroup; a longer one is as if it were not known */

struct unit_state {
	char active_state[UNIT_WORD_MAX]; /* "active", "failed", ... */
	char sub_state[UNIT_WORD_MAX];
	char load_state[UNIT_WORD_MAX];
	char result[UNIT_WORD_MAX];	    /* "success", "exit-code", ... */
	char invocation_id[ID128_TEXT_MAX]; /* "" where there is none */
	char status_text[UNIT_TEXT_MAX];    /* STATUS= of sd_notify(3); see EXEC_STATUS_STARTING */
	int32_t status_errno;		    /* ERRNO= of sd_notify(3), 0 where there is none */
	char slice[SLICE_MAX_SIZE];	    /* in no signal; "" where it is not known */
	char indexer_uid[ID128_TEXT_MAX];   /* from LogExtraFields, "" where the unit has none */
	uint64_t run;			    /* which run the unit is of; 0 where it tells none */
	char checkout[HASH_TEXT_MAX];	    /* the name of what PROJECT_MOUNT shows, or "" */
	/* Both of this invocation, and in no signal: known where they were asked for. */
	char control_group[UNIT_PATH_MAX]; /* "/indexer.slice/indexer-x.service", or "" */
	uint64_t cpu_usage_nsec;	   /* UINT64_MAX where it is not known */
	uint32_t job;			   /* id of the job under way or waiting, 0 without one */
	uint32_t uid;			   /* user id, (uint32_t)-1 where there is none */
	uint32_t main_pid;
	uint32_t n_restarts;
	int32_t exec_main_code;	  /* CLD_EXITED, CLD_KILLED, CLD_DUMPED, or 0 */
	int32_t exec_main_status; /* exit code or signal number */
	uint64_t exec_main_start; /* microseconds since the epoch */
	uint64_t exec_main_exit;
	uint64_t state_change;
	uint64_t exec_main_start_monotonic; /* microseconds since the boot, 0 where there is none */
	uint64_t active_enter;		    /* microseconds since the epoch */
	uint64_t active_enter_monotonic;
};

/* The state before anything is known. */
void unit_state_init(struct unit_state *state);

/*
 * Reads a dictionary a{sv} of properties, as GetAll and PropertiesChanged carry it, into the state;
 * properties that the message does not have stay. Returns 0 or a negative errno.
 */
int unit_state_read(sd_bus_message *message, struct unit_state *state);

/* Reads the value of one property, a variant, as Get carries it. 0 or a negative errno. */
int unit_state_read_property(sd_bus_message *message, const char *property,
			     struct unit_state *state);

/* Forgets what no signal tells, where the unit is in another invocation than the given one. */
void unit_state_forget(struct unit_state *state, const char *invocation_id);

/* ActiveState is one of those with processes, jobs or restarts to come. */
bool unit_state_is_live(const struct unit_state *state);

/*
 * The start is not over, although systemd's job for it may be: the program is still to be executed,
 * or could not be and the unit has not come to its end yet.
 */
bool unit_state_is_starting(const struct unit_state *state);

/* The unit waits for its next restart: systemd does, or indexer-exec. */
bool unit_state_is_backing_off(const struct unit_state *state);

/*
 * indexer-exec waits before it executes the program again, or has not yet said whether it has to:
 * the unit has a process, but nothing of the indexer runs.
 */
bool unit_state_is_waiting(const struct unit_state *state);

/* What it has said of its wait. False where it has not. */
bool unit_state_wait(const struct unit_state *state, struct backoff_wait *ret);

/*
 * When the present or last program was executed, in microseconds since the epoch; where it has not
 * been yet, when the process was made that is to become it. 0 where there was none.
 */
uint64_t unit_state_program_start(const struct unit_state *state);

/*
 * How the main process of the last invocation ended, by ExecMain* and Result; reason UNSPECIFIED
 * where it has not ended yet, or was ended before it had a program, in its wait for a restart.
 */
void unit_state_exit(const struct unit_state *state, struct exit_record *ret);

/* How far the process has come; all zero where its status text does not say it. */
void unit_state_progress(const struct unit_state *state, struct progress *ret);

/* Whether two states differ in the status text at most, and are the same but for the progress. */
bool unit_state_same_but_progress(const struct unit_state *a, const struct unit_state *b);

/* Processor time of the last invocation, in microseconds; 0 where it is not known. */
uint64_t unit_state_cpu_usage(const struct unit_state *state);
