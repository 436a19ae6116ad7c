/*
 * How a unit's invocation ended, from the journal; see journal.h and exit.h.
 *
 * What PID 1 writes (252, src/core/unit.c), each record with UNIT= and INVOCATION_ID=:
 *   "Main process exited, code=…, status=…"  EXIT_CODE=, EXIT_STATUS= (always a number there; names
 *       are what ExecStopPost= gets as $EXIT_STATUS). Where the exit counts as a success it is of
 *       priority debug and usually not written at all.
 *   "Failed with result '…'."                UNIT_RESULT=, after the one above. oom-kill and
 * timeout are told only here: the process itself was just killed. "Deactivated successfully." only
 * its MESSAGE_ID=: the exit code was 0, or a clean signal that nobody wrote down. The second one is
 * what a stop does, which has written "Stopping ..." with JOB_TYPE= before. _PID=1 is matched too,
 * since any process can write UNIT=.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-id128.h>
#include <systemd/sd-journal.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "journal/access.h"
#include "journal/exit.h"
#include "journal/field.h"
#include "journal/journal.h"
#include "journal/step.h"
#include "model/exit.h"

/* An invocation has about ten records of PID 1; a unit that reloads itself may have many more. */
#define RECORDS_MAX 256

static int parse_number(const char *s)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(s, &end, 10);
	return isempty(s) || *end || errno != 0 || value < 0 || value > 255 ? -EINVAL : (int)value;
}

static int parse_signal(const char *s)
{
	int number = parse_number(s);

	for (int i = 1; number < 0 && i < NSIG; i++) {
		const char *name = sigabbrev_np(i);

		if (name && streq(name, s))
			return i;
	}
	return number;
}

int exit_from_fields(const struct exit_fields *fields, struct exit_record *ret)
{
	struct exit_record record = { .time = fields->time };
	bool signaled = streq(fields->code, "killed") || streq(fields->code, "dumped");

	if (isempty(fields->code) && isempty(fields->result) && (!fields->success || fields->asked))
		return 0;
	if (signaled)
		record.signal = MAX(parse_signal(fields->status), 0);
	else if (streq(fields->code, "exited"))
		record.code = MAX(parse_number(fields->status), 0);
	/* Whether the program was executed is not written down. */
	record.reason = exit_reason_from_result(fields->result, record.code, record.signal,
						!exit_code_is_of_start(record.code));
	*ret = record;
	return 1;
}

static bool get_field(sd_journal *j, const char *name, char value[EXIT_FIELD_MAX])
{
	return field_get(j, name, value, EXIT_FIELD_MAX);
}

/* Adds what the current record tells. Records come from the last one on, so the first word holds.
 */
static void gather(sd_journal *j, struct exit_fields *fields)
{
	char value[EXIT_FIELD_MAX];
	bool tells = false;

	if (isempty(fields->result) && get_field(j, "UNIT_RESULT", fields->result))
		tells = true;
	if (isempty(fields->code) && get_field(j, "EXIT_CODE", fields->code)) {
		(void)get_field(j, "EXIT_STATUS", fields->status);
		tells = true;
	}
	if (get_field(j, "JOB_TYPE", value) && streq(value, "stop"))
		fields->asked = true;
	if (get_field(j, "MESSAGE_ID", value) && streq(value, EXIT_SUCCESS_MESSAGE_ID)) {
		fields->success = true;
		tells = true;
	}
	if (tells)
		(void)sd_journal_get_realtime_usec(j, &fields->time);
}

static int open_matched(const char *directory, const char *unit, const char *invocation_id,
			sd_journal **ret)
{
	_cleanup_(sd_journal_closep) sd_journal *j = NULL;
	char matches[3][512], boot_id[SD_ID128_STRING_MAX];
	sd_id128_t boot;
	/* PID 1 writes into the default namespace, wherever the unit's own lines go. */
	int r = journal_access(&(struct journal_source){ .directory = directory });

	r = r < 0 ? r : sd_id128_get_boot(&boot);
	if (r < 0)
		return r;
	r = journal_open(directory, 0, &j);
	if (r < 0)
		return r;
	(void)snprintf(matches[0], sizeof(matches[0]), "_PID=1");
	(void)snprintf(matches[1], sizeof(matches[1]), "UNIT=%s", unit);
	if (isempty(invocation_id))
		(void)snprintf(matches[2], sizeof(matches[2]), "_BOOT_ID=%s",
			       sd_id128_to_string(boot, boot_id));
	else
		(void)snprintf(matches[2], sizeof(matches[2]), "INVOCATION_ID=%s", invocation_id);
	for (size_t i = 0; i < ELEMENTSOF(matches); i++) {
		r = sd_journal_add_match(j, matches[i], 0);
		if (r < 0)
			return r;
	}
	*ret = TAKE(j);
	return 0;
}

/* Whether the current record is of the invocation; the first one that is asked about says which. */
static bool is_of_last(sd_journal *j, char invocation_id[EXIT_FIELD_MAX])
{
	char value[EXIT_FIELD_MAX];

	if (!get_field(j, "INVOCATION_ID", value))
		return false;
	if (isempty(invocation_id))
		memcpy(invocation_id, value, sizeof(value));
	return streq(invocation_id, value);
}

int exit_find_fields(const char *directory, const char *unit, const char *invocation_id,
		     struct exit_fields *fields)
{
	_cleanup_(sd_journal_closep) sd_journal *j = NULL;
	char last[EXIT_FIELD_MAX] = "";
	int r = open_matched(directory, unit, invocation_id, &j);

	r = r < 0 ? r : sd_journal_seek_tail(j);
	if (r < 0)
		return r;
	for (unsigned i = 0; i < RECORDS_MAX && isempty(fields->code); i++) {
		r = journal_previous(j);
		if (r < 0)
			return r;
		if (r == 0)
			break;
		if (is_of_last(j, last))
			gather(j, fields);
		else if (!isempty(last))
			break;
	}
	return 0;
}

int journal_find_exit(const char *directory, const char *unit, struct exit_record *ret)
{
	struct exit_fields fields = { 0 };
	int r = exit_find_fields(directory, unit, NULL, &fields);

	return r < 0 ? r : exit_from_fields(&fields, ret);
}
