/*
 * What a log format is made of; for format*.c only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "lines/format.h"
#include "model/level.h"

struct format {
	const char *name;
	enum level usual[STREAM_N]; /* of a line that says nothing about itself */
	bool strip_ansi;	    /* before the line is looked at */
	bool is_plain;		    /* a line has nothing to do with those around it */
	bool keeps_stderr;	    /* on stderr, such a line has the priority of the one before */
	/*
	 * Whether a line says its level: sets its priority and trace, and takes what was only a
	 * mark of the level off the text. Otherwise the line is left alone. NULL: none does.
	 */
	bool (*head)(struct log_line *line);
};

extern const struct format format_raw, format_syslog, format_apibara, format_tracing, format_json,
	format_logfmt, format_python, format_auto;

/* Gives the line a level; false for UNKNOWN. */
bool format_set(struct log_line *line, enum level level);

/* The heads of `tracing` that begin with a time. */
bool format_tracing_stamped(struct log_line *line);

/* As a format's head, for `auto` as long as it learns; afterwards reader->format is the choice. */
bool format_learn(struct format_reader *reader, struct log_line *line);
