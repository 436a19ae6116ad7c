/*
 * The table of log formats and what they have in common; see format.h. Runs in the log helper,
 * which has one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "exec/ansi.h"
#include "exec/format-impl.h"
#include "indexerd/exec/v1/spec.pb-c.h"

static const struct format *const formats[] = {
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW] = &format_raw,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG] = &format_syslog,
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA] = &format_apibara,
};

const struct format *format_find(int log_format)
{
	if (log_format < 0 || (size_t)log_format >= ELEMENTSOF(formats))
		return NULL;
	return formats[log_format];
}

void format_state_set(struct format_state *state, enum level level)
{
	state->priority = priority_from_level(level);
	state->trace = level == LEVEL_TRACE;
}

void format_state_init(struct format_state *state, const struct format *format, enum stream stream)
{
	state->stream = stream;
	format_state_set(state, format->usual[stream]);
}

void format_line(const struct format *format, struct format_state *state, struct log_line *line)
{
	if (format->strip_ansi)
		line->size = ansi_strip(line->text, line->size);
	/* An empty line is dropped; a piece has the priority of its head, which the state still
	 * holds. */
	if (format->classify && line->size > 0 && !line->continued)
		format->classify(format, state, line);
	line->priority = state->priority;
	line->trace = state->trace;
}
