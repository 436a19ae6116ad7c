/*
 * Entries of journald's native protocol; see native.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <endian.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/util.h"
#include "lines/native.h"
#include "model/level.h"
#include "model/names.h"

static const char *const stream_names[STREAM_N] = {
	[STREAM_STDOUT] = "stdout",
	[STREAM_STDERR] = "stderr",
};

static const char *const number_fields[CLASS_N] = {
	[CLASS_ALL] = INDEXER_FIELD_LINE,
	[CLASS_WARNING] = INDEXER_FIELD_WARNINGS,
	[CLASS_ERROR] = INDEXER_FIELD_ERRORS,
};

size_t native_head(char buffer[static NATIVE_HEAD_MAX], const char *identifier, enum stream stream,
		   const struct line_numbers *numbers, const struct log_line *line)
{
	uint64_t size = htole64(line->size);
	int n = snprintf(buffer, NATIVE_HEAD_MAX,
			 "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nINDEXER_STREAM=%s\n", line->priority,
			 identifier, stream_names[stream]);

	for (int i = 0; i < CLASS_N; i++)
		if (numbers->n[i] > 0)
			n += snprintf(buffer + n, NATIVE_HEAD_MAX - (size_t)n, "%s=%" PRIu64 "\n",
				      number_fields[i], numbers->n[i]);
	n += snprintf(buffer + n, NATIVE_HEAD_MAX - (size_t)n, "%s%s%s%sMESSAGE\n",
		      line->trace ? INDEXER_FIELD_LEVEL "=" INDEXER_LEVEL_TRACE "\n" : "",
		      line->format ? "INDEXER_FORMAT=" : "", line->format ? line->format : "",
		      line->format ? "\n" : "");

	assert(n > 0 && (size_t)n + sizeof(size) < NATIVE_HEAD_MAX);
	memcpy(buffer + n, &size, sizeof(size));
	return (size_t)n + sizeof(size);
}
