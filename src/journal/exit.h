/*
 * How PID 1 writes down the end of a unit's process. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "model/indexer.h"

#define EXIT_FIELD_MAX 48

/* The fields that tell it, gathered from an invocation's records; "" where there is none. */
struct exit_fields {
	char code[EXIT_FIELD_MAX];   /* EXIT_CODE=: "exited", "killed", "dumped" */
	char status[EXIT_FIELD_MAX]; /* EXIT_STATUS=: a number; or a signal's name without SIG */
	char result[EXIT_FIELD_MAX]; /* UNIT_RESULT=: as the unit's property Result */
	bool success;		     /* "Deactivated successfully." */
	bool asked;		     /* "Stopping ...": somebody wanted it to end */
	uint64_t time;		     /* of the first of these records */
};

/* MESSAGE_ID= of "Deactivated successfully." */
#define EXIT_SUCCESS_MESSAGE_ID "7ad2d189f7e94e70a38c781354912448"

/*
 * Gathers what the journal tells of the end of a unit's invocation, or with `invocation_id` NULL of
 * its last one in this boot. 0 or a negative errno. Blocks on the disk.
 */
int exit_find_fields(const char *directory, const char *unit, const char *invocation_id,
		     struct exit_fields *fields);

/* Fills *ret and returns 1, or returns 0 where the fields do not tell of an end. */
int exit_from_fields(const struct exit_fields *fields, struct exit_record *ret);
