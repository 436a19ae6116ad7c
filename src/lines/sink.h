/*
 * Where lines go: journald's native socket, a line in a datagram, several by one system call.
 *
 * Nothing is dropped here. A journald that does not keep up is waited for, and so is one that is
 * not there; the pipes behind fill up and the writer waits. systemd sets the limit: it kills what
 * is left of a unit that does not stop in time. The native protocol takes none of journald's 4,096
 * streams.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "lines/format.h"
#include "model/level.h"

struct sink;

/*
 * Makes a sink for a socket's path and an identifier (SYSLOG_IDENTIFIER=, shorter than
 * NATIVE_IDENTIFIER_MAX), both lent for as long as it lives. The first line's numbers will be those
 * behind `last`. Does not connect yet. 0 or -ENOMEM.
 */
int sink_new(const char *path, const char *identifier, const struct line_numbers *last,
	     struct sink **ret);
struct sink *sink_free(struct sink *sink);
DEFINE_CLEANUP(struct sink, sink_free);

/* The highest numbers that lines have had. */
struct line_numbers sink_numbers(const struct sink *sink);

/*
 * Gives the line the next numbers and puts it into the batch. The text is lent until the next
 * sink_flush(). Returns true where the batch is full now: it must be flushed before the next line.
 */
bool sink_push(struct sink *sink, enum stream stream, const struct log_line *line);

/* Sends the batch. Blocks until journald's socket has taken it. */
void sink_flush(struct sink *sink);

/*
 * Waits until journald has handled all that was sent, at most 10 s. To be called before the process
 * ends: journald finds out from /proc whose a record is, and a record of a process that is gone
 * belongs to no unit.
 */
void sink_settle(struct sink *sink);
