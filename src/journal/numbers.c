/*
 * Numbers of lines; see numbers.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "journal/numbers.h"

uint64_t numbers_gap(const struct log_numbers *given, enum level level,
		     const struct reader_record *record)
{
	enum level_class class = class_of_level(level);
	uint64_t number = record->numbers.n[class], last = given->last.n[class];

	if (number == 0 || !given->known[class])
		return 0;
	if (record->invocation != given->invocation)
		return number - 1;
	return number > last ? number - last - 1 : 0;
}

bool numbers_have(const struct log_numbers *given, const struct reader_record *record)
{
	uint64_t line = record->numbers.n[CLASS_ALL], last = given->last.n[CLASS_ALL];

	return line > 0 && given->known[CLASS_ALL] && record->invocation == given->invocation &&
	       line <= last && last - line < RESENT_MAX;
}

bool numbers_end(const struct log_numbers *given, const struct reader_record *record)
{
	return given->invocation == 0 || (record->invocation == given->invocation && !given->ended);
}

struct log_numbers numbers_before(const struct reader_record *record)
{
	struct log_numbers numbers = { .invocation = record->invocation };

	for (int i = 0; i < CLASS_N; i++)
		if (record->numbers.n[i] > 0) {
			numbers.last.n[i] = record->numbers.n[i] - 1;
			numbers.known[i] = true;
		}
	return numbers;
}

/* Before a line of an invocation of which nothing has been given. */
static struct log_numbers numbers_of_new(const struct reader_record *record)
{
	bool is_first = record->log.event == LOG_STARTED || record->numbers.n[CLASS_ALL] == 1;

	return (struct log_numbers){ .invocation = record->invocation,
				     .known = { is_first, is_first, is_first } };
}

/* Lines that the stream does not look at may have come, so that only its own numbers are known. */
static void forget_unseen(enum level level, struct log_numbers *numbers)
{
	enum level_class class = class_of_level(level);

	for (int i = 0; class != CLASS_ALL && i < CLASS_N; i++)
		numbers->known[i] = numbers->known[i] && i == (int)class;
}

/*
 * Whether an invocation begins with this record. One that has begun already goes on: with two
 * journalds, the first lines may come before PID 1's word for it.
 */
static bool begins(const struct log_numbers *given, const struct reader_record *record)
{
	return record->log.event == LOG_STARTED && record->invocation != given->invocation;
}

struct log_numbers numbers_with(const struct log_numbers *given, enum level level,
				const struct reader_record *record)
{
	struct log_numbers numbers = *given;

	if (begins(given, record))
		return numbers_of_new(record);
	if (record->log.event == LOG_EXITED) {
		numbers.invocation = record->invocation;
		numbers.ended = true;
	}
	if (record->numbers.n[CLASS_ALL] == 0) {
		forget_unseen(level, &numbers);
		return numbers;
	}
	if (record->invocation != numbers.invocation)
		numbers = numbers_of_new(record);
	for (int i = 0; i < CLASS_N; i++)
		if (record->numbers.n[i] > 0) {
			numbers.last.n[i] = record->numbers.n[i];
			numbers.known[i] = true;
		}
	return numbers;
}
