/*
 * indexerctl logs: an indexer's log records, stored and live.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <time.h>

#include "common/util.h"
#include "ctl/output.h"
#include "ctl/value.h"
#include "ctl/verb.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/level.h"

struct logs_config {
	bool follow, recursive;
	uint64_t lines; /* 0: all */
	int level;
	uint64_t since; /* microseconds since the epoch; 0: the first record */
	const char *after_cursor;
	bool show_cursor;
};

static int take_level(char *value, void *field)
{
	int level = level_from_name(value);

	if (level < 0)
		return -EINVAL;
	*(int *)field = level;
	return 0;
}

static int take_time(char *value, void *field)
{
	return parse_time(value, now_usec(CLOCK_REALTIME), field);
}

#define AT(field) offsetof(struct logs_config, field)
static const struct option_row logs_options[] = {
	{ "follow", 'f', NULL, take_flag, AT(follow), NULL, "wait for what is to come" },
	{ "recursive", 'r', NULL, take_flag, AT(recursive), NULL,
	  "with all indexers below it, each line with its indexer", "recursive" },
	{ "lines", 'n', "N", take_count, AT(lines), "a whole number above 0",
	  "begin with the last N lines", "tail" },
	{ "priority", 'p', "LEVEL", take_level, AT(level), "trace, debug, info, warning or error",
	  "only this level and above", "level" },
	{ "since", 0, "TIME", take_time, AT(since),
	  "a time such as 2026-01-31T12:00:00Z, '2026-01-31 12:00', -10min or @1767268800",
	  "begin at this time; -10min is ten minutes ago", "since" },
	{ "after-cursor", 0, "CURSOR", take_string, AT(after_cursor), NULL,
	  "begin after the record that had this cursor", "cursor" },
	{ "show-cursor", 0, NULL, take_flag, AT(show_cursor), NULL,
	  "show the last record's cursor at the end" },
};
#undef AT

/* How records are written, and what is remembered between two of them. */
struct printer {
	bool terminal, colour, show_cursor, show_indexer;
	char *cursor;  /* of the last record; owned */
	time_t second; /* that `clock` shows; times of many records are the same */
	char clock[TIME_TEXT_MAX];
};

static const char *time_text(struct printer *printer, const Google__Protobuf__Timestamp *time)
{
	time_t second = time ? time->seconds : 0;
	struct tm tm;

	if (second == printer->second && printer->clock[0])
		return printer->clock;
	if (!localtime_r(&second, &tm) ||
	    strftime(printer->clock, sizeof(printer->clock), "%b %d %H:%M:%S", &tm) == 0)
		strcpy(printer->clock, "-");
	printer->second = second;
	return printer->clock;
}

/* Events stand between dashes, as journalctl's do. */
static void print_event(const Indexerd__V1__StreamLogsResponse *record)
{
	const ProtobufCEnumDescriptor *events = &indexerd__v1__log_event__descriptor;

	if (!isempty(record->content))
		printf("-- %s --", clean(record->content));
	else
		printf("-- %s --", enum_text(events, (int)record->event));
}

static int keep_cursor(struct printer *printer, const char *cursor)
{
	free(printer->cursor);
	printer->cursor = strdup(cursor);
	return printer->cursor ? 0 : -ENOMEM;
}

/* Content of several lines is indented, so that what is no indentation is the begin of a record. */
static void print_content(const struct printer *printer, char *content, int indent)
{
	char *line = content, *end;

	for (;;) {
		end = strchrnul(line, '\n');
		if (!*end)
			break;
		*end = '\0';
		fputs(printer->terminal ? clean(line) : line, stdout);
		printf("\n%*s", indent, "");
		line = end + 1;
	}
	fputs(printer->terminal ? clean(line) : line, stdout);
}

static const char *colour_of(const struct printer *printer, int level)
{
	static const char *const colours[] = { [LEVEL_UNKNOWN] = "\033[2m", /* an event */
					       [LEVEL_TRACE] = "\033[2m",
					       [LEVEL_DEBUG] = "\033[2m",
					       [LEVEL_WARNING] = "\033[33m",
					       [LEVEL_ERROR] = "\033[1;31m" };

	if (!printer->colour || level < 0 || (size_t)level >= ELEMENTSOF(colours))
		return NULL;
	return colours[level];
}

static int print_record(const ProtobufCMessage *message, void *userdata)
{
	struct printer *printer = userdata;
	const Indexerd__V1__StreamLogsResponse *record =
		(const Indexerd__V1__StreamLogsResponse *)message;
	const char *level =
		record->level == INDEXERD__V1__LOG_LEVEL__LOG_LEVEL_UNKNOWN
			? "-" /* an event has none */
			: enum_text(&indexerd__v1__log_level__descriptor, (int)record->level);
	const char *colour = colour_of(printer, (int)record->level);
	int indent = printf("%s ", time_text(printer, record->time));

	if (colour)
		fputs(colour, stdout);
	indent += printf("%-7s ", level);
	if (printer->show_indexer)
		indent += printf("%s: ", clean(record->indexer));
	if (record->event == INDEXERD__V1__LOG_EVENT__LOG_EVENT_UNSPECIFIED)
		print_content(printer, record->content, indent);
	else
		print_event(record);
	if (colour)
		fputs("\033[0m", stdout);
	putchar('\n');
	return printer->show_cursor ? keep_cursor(printer, record->cursor) : 0;
}

static int run_logs(struct ctl *ctl, void *userdata, char **operands)
{
	const struct logs_config *config = userdata;
	struct printer printer = { .terminal = isatty(STDOUT_FILENO),
				   .show_cursor = config->show_cursor,
				   .show_indexer = config->recursive };
	_cleanup_free_ char *name = ctl_name(operands[0]);
	Indexerd__V1__StreamLogsRequest request = INDEXERD__V1__STREAM_LOGS_REQUEST__INIT;
	Google__Protobuf__Timestamp since = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	int r;

	if (!name)
		return -ENOMEM;
	printer.colour = printer.terminal && isempty(getenv("NO_COLOR"));
	request.parent = name;
	request.level = (Indexerd__V1__LogLevel)config->level;
	request.tail = (int32_t)config->lines;
	request.no_follow = !config->follow;
	request.recursive = config->recursive;
	if (config->since > 0) {
		since.seconds = (int64_t)(config->since / USEC_PER_SEC);
		since.nanos = (int32_t)(config->since % USEC_PER_SEC * NSEC_PER_USEC);
		request.since = &since;
	}
	if (config->after_cursor)
		request.cursor = (char *)config->after_cursor;
	r = ctl_stream(ctl, "StreamLogs", &request.base, print_record, &printer);
	/* Without a record the place is still that of the last run. */
	if (printer.cursor || (config->show_cursor && !isempty(config->after_cursor)))
		printf("-- cursor: %s\n", printer.cursor ? printer.cursor : config->after_cursor);
	free(printer.cursor);
	return r;
}

const struct verb verb_logs = {
	.name = "logs",
	.operands = "ID",
	.summary = "Show an indexer's logs, or follow them",
	.n_operands = 1,
	.options = logs_options,
	.n_options = ELEMENTSOF(logs_options),
	.config_size = sizeof(struct logs_config),
	.run = run_logs,
};
