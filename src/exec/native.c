/*
 * Entries of journald's native protocol; see native.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/util.h"
#include "exec/native.h"
#include "model/level.h"
#include "model/names.h"

static const char *const stream_names[STREAM_N] = {
	[STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr",
};

size_t native_head(char buffer[static NATIVE_HEAD_MAX], const char *identifier, enum stream stream,
		   uint64_t number, const struct log_line *line)
{
	uint64_t size = htole64(line->size);
	int n = snprintf(buffer, NATIVE_HEAD_MAX,
			 "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nINDEXER_STREAM=%s\n"
			 "INDEXER_LINE=%" PRIu64 "\n%s%s%s%sMESSAGE\n",
			 line->priority, identifier, stream_names[stream], number,
			 line->trace ? INDEXER_FIELD_LEVEL "=" INDEXER_LEVEL_TRACE "\n" : "",
			 line->format ? "INDEXER_FORMAT=" : "", line->format ? line->format : "",
			 line->format ? "\n" : "");

	assert(n > 0 && (size_t)n + sizeof(size) < NATIVE_HEAD_MAX);
	memcpy(buffer + n, &size, sizeof(size));
	return (size_t)n + sizeof(size);
}
