/*
 * A line as an entry of journald's native protocol
 * (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/): a head with the fields, the text, a tail.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "lines/format.h"
#include "model/level.h"

/* Enough for the longest head with an identifier of NATIVE_IDENTIFIER_MAX bytes, NUL included. */
#define NATIVE_HEAD_MAX	      320
#define NATIVE_IDENTIFIER_MAX 64

/* What ends the text, and with it the entry. */
#define NATIVE_TAIL	 "\n"
#define NATIVE_TAIL_SIZE (sizeof(NATIVE_TAIL) - 1)

/*
 * Writes what stands before the text: PRIORITY, SYSLOG_IDENTIFIER, INDEXER_STREAM, INDEXER_LINE,
 * INDEXER_WARNINGS and INDEXER_ERRORS (the line's numbers, as many as it has), INDEXER_LEVEL where
 * the line is TRACE, INDEXER_FORMAT where the format has been learned, and MESSAGE with the text's
 * size, in the form that takes any bytes. Returns the head's size.
 */
size_t native_head(char buffer[static NATIVE_HEAD_MAX], const char *identifier, enum stream stream,
		   const struct line_numbers *numbers, const struct log_line *line);
