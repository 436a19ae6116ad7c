/*
 * What a query asks for, of the records that are read. Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/journal.h"
#include "journal/record.h"

/* Whether a record is of the indexer, or of the tree, that a query is about. */
bool query_is_about(const struct log_query *query, const struct reader_record *record);

/* Whether a query wants such a record, by its level and time. */
bool query_wants(const struct log_query *query, const struct log_record *record);

/* What a stream has been given at its beginning, of an indexer of which nothing has come yet. */
struct log_numbers query_numbers(const struct log_query *query);
