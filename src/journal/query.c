/*
 * Queries; see query.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "journal/query.h"
#include "model/lineage.h"

bool query_wants(const struct log_query *query, const struct log_record *record)
{
	return (record->event != LOG_LINE || record->level >= query->level) &&
	       record->time >= query->since;
}

bool query_is_about(const struct log_query *query, const struct reader_record *record)
{
	bool own = streq(record->uid, query->uid);

	/* The end of the one that the stream is about is the end of the stream. */
	if (record->log.event == LOG_DELETED && own)
		return false;
	if (!query->recursive)
		return own && record->log.event != LOG_DELETED;
	return *record->id && lineage_has(record->lineage, query->uid);
}

struct log_numbers query_numbers(const struct log_query *query)
{
	bool all = query->since == 0 && query->tail == 0;

	/* From the indexer's first record on: its first line is number 1. */
	return query->after.at.is_set ? query->after.numbers
				      : (struct log_numbers){ .known = { all, all, all } };
}
