/*
 * What a log format is made of; for format*.c only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "exec/format.h"
#include "model/level.h"

struct format {
	enum level usual[STREAM_N]; /* of a line that says nothing about itself */
	bool strip_ansi;	    /* before the line is looked at */
	/*
	 * Puts the line's priority into the state, which still has that of the line before, and
	 * takes what was only a mark of the level off the text. NULL: each line has the usual
	 * level.
	 */
	void (*classify)(const struct format *format, struct format_state *state,
			 struct log_line *line);
};

extern const struct format format_raw, format_syslog, format_apibara;

void format_state_set(struct format_state *state, enum level level);
