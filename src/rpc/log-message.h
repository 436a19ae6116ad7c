/*
 * A log record as a StreamLogsResponse on the wire, written by hand: it is made 300,000 times a
 * second and has few fields.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/slice.h>

#include "journal/journal.h"

/*
 * Packs a record of a stream about the indexer with this uid, which its cursor is bound to. Content
 * of more than LOG_CONTENT_MAX bytes is cut. Bytes of the content that are not UTF-8, and NULs,
 * become U+FFFD. The caller owns the slice.
 */
grpc_slice log_message_pack(const struct log_record *record, const char *uid);
