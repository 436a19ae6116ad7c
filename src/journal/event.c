/*
 * Events of units; see event.h.
 *
 * An invocation begins with "Starting ...", which PID 1 writes before the process runs, and ends
 * with "Deactivated successfully." or "Failed with result ...", written when no process is left:
 * all lines are between them. exit.c has more on what is said when.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/util.h"
#include "journal/endings.h"
#include "journal/event.h"
#include "journal/exit.h"
#include "journal/field.h"

/* systemd's sd-messages.h has them too, as arrays of bytes. */
#define ID_STARTING	"7d4958e842da4a758f6c1cdc7b36dcc5"
#define ID_STOPPING	"de5b426a63be47a7b6ac3eaac82e2f6f"
#define ID_PROCESS_EXIT "98e322203f7a4ed290d09fe03c09fe15"
#define ID_FAILURE	"d9b373ed55a64feb8242e02dbe79a49c"

#define MESSAGE_MAX 256

struct event_reader {
	const char *directory; /* lent */
	struct endings *endings;
};

int event_reader_new(const char *directory, size_t most, struct event_reader **ret)
{
	_cleanup_(event_reader_freep) struct event_reader *reader = calloc(1, sizeof(*reader));

	if (!reader || endings_new(most, &reader->endings) < 0)
		return -ENOMEM;
	reader->directory = directory;
	*ret = TAKE(reader);
	return 0;
}

struct event_reader *event_reader_free(struct event_reader *reader)
{
	if (!reader)
		return NULL;
	endings_free(reader->endings);
	free(reader);
	return NULL;
}

static int on_starting(struct event_reader *reader, sd_journal *j, struct unit_event *event)
{
	(void)j;
	if (!endings_get(reader->endings, event->invocation))
		return -ENOMEM;
	event->kind = LOG_STARTED;
	(void)snprintf(event->text, sizeof(event->text), "started");
	return 1;
}

static int on_stopping(struct event_reader *reader, sd_journal *j, struct unit_event *event)
{
	struct exit_fields *fields = endings_get(reader->endings, event->invocation);

	(void)j;
	if (!fields)
		return -ENOMEM;
	fields->asked = true;
	return 0;
}

static int on_process_exit(struct event_reader *reader, sd_journal *j, struct unit_event *event)
{
	struct exit_fields *fields;
	char message[MESSAGE_MAX];

	/* A control process's end is told by the same record. */
	if (!field_get(j, "MESSAGE", message, sizeof(message)) ||
	    !strstr(message, ": Main process"))
		return 0;
	fields = endings_get(reader->endings, event->invocation);
	if (!fields)
		return -ENOMEM;
	(void)field_get(j, "EXIT_CODE", fields->code, sizeof(fields->code));
	(void)field_get(j, "EXIT_STATUS", fields->status, sizeof(fields->status));
	return 0;
}

/* What has been told of the invocation before its end. */
static struct exit_fields told(struct event_reader *reader, const struct unit_event *event)
{
	const struct exit_fields *fields = endings_find(reader->endings, event->invocation);

	return fields ? *fields : (struct exit_fields){ 0 };
}

static int end(struct event_reader *reader, const struct exit_fields *fields,
	       struct unit_event *event)
{
	struct exit_record exit;

	endings_end(reader->endings, event->invocation);
	event->kind = LOG_EXITED;
	if (exit_from_fields(fields, &exit) > 0)
		exit_describe(&exit, event->text);
	else
		(void)snprintf(event->text, sizeof(event->text), "stopped");
	return 1;
}

/* Asks the journal what was said of the invocation, where reading began behind that. */
static void find_out(struct event_reader *reader, sd_journal *j, const struct unit_event *event,
		     struct exit_fields *fields)
{
	char invocation_id[ID128_TEXT_MAX], unit[UNIT_MAX_SIZE];

	if (!field_get(j, "INVOCATION_ID", invocation_id, sizeof(invocation_id)))
		return;
	unit_from_id(event->id, unit);
	(void)exit_find_fields(reader->directory, unit, invocation_id, fields);
}

static int on_success(struct event_reader *reader, sd_journal *j, struct unit_event *event)
{
	struct exit_fields fields = told(reader, event);

	/* Of a program that ends with 0 by itself nothing is said before: it is known by its start.
	 */
	if (!endings_find(reader->endings, event->invocation))
		find_out(reader, j, event, &fields);
	if (!isempty(fields.result))
		return 0; /* it had failed before, and is only cleared */
	fields.success = true;
	return end(reader, &fields, event);
}

/* Whether the result says that the process exited, and not how. */
static bool is_of_process(const char *result)
{
	return streq(result, "exit-code") || streq(result, "signal") || streq(result, "core-dump");
}

static int on_failure(struct event_reader *reader, sd_journal *j, struct unit_event *event)
{
	struct exit_fields fields = told(reader, event);

	(void)field_get(j, "UNIT_RESULT", fields.result, sizeof(fields.result));
	if (isempty(fields.code) && is_of_process(fields.result))
		find_out(reader, j, event, &fields);
	return end(reader, &fields, event);
}

static const struct {
	const char *message_id;
	int (*take)(struct event_reader *reader, sd_journal *j, struct unit_event *event);
} rows[] = {
	{ ID_STARTING, on_starting },	      { ID_STOPPING, on_stopping },
	{ ID_PROCESS_EXIT, on_process_exit }, { EXIT_SUCCESS_MESSAGE_ID, on_success },
	{ ID_FAILURE, on_failure },
};

int event_read(struct event_reader *reader, sd_journal *j, struct unit_event *ret)
{
	char message_id[ID128_TEXT_MAX], unit[UNIT_MAX_SIZE], invocation_id[ID128_TEXT_MAX];

	if (!field_get(j, "MESSAGE_ID", message_id, sizeof(message_id)) ||
	    !field_get(j, "UNIT", unit, sizeof(unit)) || !id_from_unit(unit, ret->id) ||
	    !field_get(j, "INVOCATION_ID", invocation_id, sizeof(invocation_id)))
		return 0;
	ret->invocation = log_invocation(invocation_id, strlen(invocation_id));
	for (size_t i = 0; ret->invocation != 0 && i < ELEMENTSOF(rows); i++)
		if (streq(message_id, rows[i].message_id))
			return rows[i].take(reader, j, ret);
	return 0;
}

int event_match_unit(sd_journal *j, const char *id)
{
	char match[sizeof("UNIT=") + UNIT_MAX_SIZE] = "UNIT=";

	unit_from_id(id, match + strlen(match));
	return sd_journal_add_match(j, match, 0);
}

int event_match_all(sd_journal *j)
{
	/* One list is asked faster than one for each MESSAGE_ID=, and PID 1 does not say much. */
	return sd_journal_add_match(j, "_SYSTEMD_UNIT=init.scope", 0);
}
