/*
 * The table of log formats and what they have in common: what a line is that says no level. See
 * format.h. Runs in the log helper, which has one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "lines/ansi.h"
#include "lines/format-impl.h"
#include "lines/report.h"
#include "lines/scan.h"

static const struct format *const formats[] = {
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW] = &format_raw,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG] = &format_syslog,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA] = &format_apibara,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_TRACING] = &format_tracing,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_JSON] = &format_json,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_LOGFMT] = &format_logfmt,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_PYTHON] = &format_python,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_AUTO] = &format_auto,
};

/* How the inside of an object, a stack, a box or a tree begins. */
static const char *const continuations[] = { " ", "\t", "}", "]", ")", "├", "╰", "│", "└" };

const struct format *format_find(int log_format)
{
	if (log_format < 0 || (size_t)log_format >= ELEMENTSOF(formats))
		return NULL;
	return formats[log_format];
}

bool format_set(struct log_line *line, enum level level)
{
	if (level == LEVEL_UNKNOWN)
		return false;
	line->priority = priority_from_level(level);
	line->trace = level == LEVEL_TRACE;
	return true;
}

static void set_state(struct format_state *state, enum level level, enum report_kind report)
{
	state->priority = priority_from_level(level);
	state->trace = level == LEVEL_TRACE;
	state->headed = false;
	state->report = report;
}

void format_reader_init(struct format_reader *reader, const struct format *format)
{
	*reader = (struct format_reader){ .format = format };
	for (int i = 0; i < STREAM_N; i++)
		set_state(&reader->states[i], format->usual[i], REPORT_NONE);
}

static bool is_head(struct format_reader *reader, struct log_line *line)
{
	if (reader->format == &format_auto)
		return format_learn(reader, line);
	return reader->format->head && reader->format->head(line);
}

/*
 * A traceback behind a warning or an error is a part of it. Behind anything less, it rather is that
 * of a crash. What the report of a crash has in it, such as the error's own line, does not end it.
 */
static void begin_report(struct format_state *state, struct report report)
{
	if (report.kind == REPORT_TRACEBACK && state->headed &&
	    state->priority <= priority_from_level(LEVEL_WARNING))
		state->report = report.kind;
	else if (state->report != REPORT_CRASH || report.level != LEVEL_ERROR)
		set_state(state, report.level, report.kind);
}

/* Puts the priority of a line without a level into the state, which still has that of the line
 * before. */
static void read_unmarked(const struct format *format, struct format_state *state,
			  enum stream stream, const struct log_line *line)
{
	const char *p = line->text, *end = p + line->size;
	struct report report;

	if (format->is_plain) {
		set_state(state, format->usual[stream], REPORT_NONE);
		return;
	}
	if (report_begins(stream, p, end, &report)) {
		begin_report(state, report);
		return;
	}
	if (scan_begins_with_one_of(p, end, continuations, ELEMENTSOF(continuations)))
		return;
	if (state->report == REPORT_CRASH)
		return;
	if (state->report == REPORT_TRACEBACK) {
		state->report = REPORT_NONE; /* this is the exception */
		return;
	}
	if (format->keeps_stderr && stream == STREAM_STDERR)
		return;
	set_state(state, format->usual[stream], REPORT_NONE);
}

void format_read(struct format_reader *reader, enum stream stream, struct log_line *line)
{
	struct format_state *state = &reader->states[stream];

	if (reader->format->strip_ansi)
		line->size = ansi_strip(line->text, line->size);
	/* An empty line is dropped; a piece has the priority of its head, which the state still
	 * holds. */
	if (line->size > 0 && !line->continued) {
		if (is_head(reader, line))
			*state = (struct format_state){
				.priority = line->priority,
				.trace = line->trace,
				.headed = true,
			};
		else
			read_unmarked(reader->format, state, stream, line);
	}
	line->priority = state->priority;
	line->trace = state->trace;
	line->format = reader->chosen ? reader->format->name : NULL;
}
