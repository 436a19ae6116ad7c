/*
 * Log formats: from the bytes of a line to its priority and to the text that is written.
 *
 * A format looks at one line at a time and remembers no more of a stream than the priority of the
 * line before, which continuation lines share. It changes a line only in place and allocates
 * nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

enum stream {
	STREAM_STDOUT = 0,
	STREAM_STDERR = 1,
	STREAM_N,
};

/* One line, or a piece of an overlong one, without its newline. */
struct log_line {
	char *text; /* lent and writable; not terminated; any bytes but '\n' */
	size_t size;
	bool continued; /* a further piece of the line before */
	int priority;	/* set by format_line(): syslog's, 0 to 7 */
	bool trace;	/* set by format_line(): the line is TRACE where its priority says DEBUG */
};

/* What is remembered of a stream: the priority of its last line. */
struct format_state {
	enum stream stream;
	int priority;
	bool trace;
};

struct format;

/* The format of a spec's log_format (indexerd.exec.v1.LogFormat); NULL for a number that is none.
 */
const struct format *format_find(int log_format);

void format_state_init(struct format_state *state, const struct format *format, enum stream stream);

/*
 * Sets the line's priority, and moves or shortens its text to what is to be written; the text may
 * become empty, and is then to be dropped. Never fails: a line that says nothing has its stream's
 * usual priority.
 */
void format_line(const struct format *format, struct format_state *state, struct log_line *line);
