/*
 * A line as an entry of journald's native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a head with the fields, the text, a tail.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "exec/format.h"

/* Enough for the longest head with an identifier of NATIVE_IDENTIFIER_MAX bytes, NUL included. */
#define NATIVE_HEAD_MAX	      240
#define NATIVE_IDENTIFIER_MAX 64

/* What ends the text, and its entry: an empty line, behind which a datagram may hold another entry.
 */
#define NATIVE_TAIL	 "\n\n"
#define NATIVE_TAIL_SIZE (sizeof(NATIVE_TAIL) - 1)

/*
 * Writes what stands before the text: PRIORITY, SYSLOG_IDENTIFIER, INDEXER_STREAM, INDEXER_LINE
 * (the number), INDEXER_LEVEL where the line is TRACE, INDEXER_FORMAT where the format has been
 * learned, and MESSAGE with the text's size, in the form that takes any bytes. Returns the head's
 * size.
 */
size_t native_head(char buffer[static NATIVE_HEAD_MAX], const char *identifier, enum stream stream,
		   uint64_t number, const struct log_line *line);
