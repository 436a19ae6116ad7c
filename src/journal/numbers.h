/*
 * What the numbers of lines tell: which have been given, and how many are missing. cursor.h has
 * what they are.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/cursor.h"
#include "journal/record.h"

/* Numbers that are less than so far behind the last one have been given: a batch of the helper. */
#define RESENT_MAX 64

/* How many lines are missing between those given, to a stream of the level, and this one. */
uint64_t numbers_gap(const struct log_numbers *given, enum level level,
		     const struct reader_record *record);

/*
 * Whether the line has been given: a log helper that was killed may have sent its last batch, and
 * the next one sends it again.
 */
bool numbers_have(const struct log_numbers *given, const struct reader_record *record);

/*
 * Whether a LOG_EXITED is the end of the invocation. systemctl clean ends with "Deactivated
 * successfully.", too, which is no end of anything.
 */
bool numbers_end(const struct log_numbers *given, const struct reader_record *record);

/* The numbers up to, but without, this line. */
struct log_numbers numbers_before(const struct reader_record *record);

/* What has been given with this record, and before it what `given` says, in a stream of the level.
 */
struct log_numbers numbers_with(const struct log_numbers *given, enum level level,
				const struct reader_record *record);
