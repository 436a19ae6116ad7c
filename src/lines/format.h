/*
 * Log formats: from the bytes of a line to its priority and to the text that is written.
 *
 * A reader looks at one line at a time and remembers no more of a stream than the priority of the
 * line before, which continuation lines share, and what that line was. It changes a line only in
 * place and allocates nothing.
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
	int priority;	/* set by format_read(): syslog's, 0 to 7 */
	bool trace;	/* set by format_read(): the line is TRACE where its priority says DEBUG */
	const char *format; /* set by format_read(): the one that `auto` has chosen; NULL if none */
};

/* What a runtime of a language says itself; see report.h. */
enum report_kind {
	REPORT_NONE = 0,
	REPORT_REMARK,	  /* over with the lines that continue it */
	REPORT_TRACEBACK, /* its lines are indented, up to the exception, which ends it */
	REPORT_CRASH,	  /* all that follows belongs to it, up to a line that says its level */
};

/* What is remembered of a stream. */
struct format_state {
	int priority; /* of its last line */
	bool trace;
	bool headed;		 /* the last line said its level, or continues one that did */
	enum report_kind report; /* that the last line belongs to */
};

/* Formats that `auto` chooses from. */
#define FORMAT_CANDIDATES 6

struct format;

/* How the lines of a program are read. Its fields are for format*.c alone; it is in the open to be
 * put on no heap. */
struct format_reader {
	const struct format *format;
	struct format_state states[STREAM_N];
	bool chosen; /* by `auto` */
	unsigned votes[FORMAT_CANDIDATES];
};

/* The format of a spec's log_format (indexerd.exec.v1.LogFormat); NULL for a number that is none.
 */
const struct format *format_find(int log_format);

void format_reader_init(struct format_reader *reader, const struct format *format);

/*
 * Sets the line's priority, and moves or shortens its text to what is to be written; the text may
 * become empty, and is then to be dropped. Never fails: a line that says nothing has its stream's
 * usual priority.
 */
void format_read(struct format_reader *reader, enum stream stream, struct log_line *line);
