/*
 * A log record as a StreamLogsResponse on the wire, written by hand: it is made 300,000 times a
 * second and has four fields.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/slice.h>

#include "journal/journal.h"
#include "model/id.h"

/* The longest content sent; more is cut. Each byte may become three, and clients take 4 MiB. */
#define LOG_CONTENT_MAX (1024 * 1024)

/* The field that is the same in each record of a stream, on the wire. */
struct log_suffix {
	size_t size;
	uint8_t bytes[2 + NAME_MAX_SIZE];
};

void log_suffix_make(struct log_suffix *suffix, const char *id);

/*
 * Packs a record. Bytes of the content that are not UTF-8, and NULs, become U+FFFD. The caller owns
 * the slice.
 */
grpc_slice log_message_pack(const struct log_record *record, const struct log_suffix *suffix);
