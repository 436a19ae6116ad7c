/*
 * What the numbers of lines tell: streams of a level, from a beginning on, record by record; what
 * is said to be missing before each, which ones have been given, and what is an end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "journal/numbers.h"
#include "tap.h"

#define STEPS_MAX 8

/* Beginnings: of the whole log, of a tail of it, and in the middle of an invocation. */
#define WHOLE                                                                                      \
	{                                                                                          \
		.known = { true, true, true }                                                      \
	}
#define TAIL                                                                                       \
	{                                                                                          \
		0                                                                                  \
	}
#define MIDDLE                                                                                     \
	{                                                                                          \
		.invocation = 7, .last = { { 1000, 100, 10 } }, .known = { true, true, true }      \
	}

struct step {
	enum log_event event;
	uint64_t invocation;
	struct line_numbers numbers;
	uint64_t missing; /* lines before it */
	bool no;	  /* a line that has been given, or no end of an invocation */
};

#define LINE(...)                                                                                  \
	LOG_LINE, 7,                                                                               \
	{                                                                                          \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}
#define STARTED(of)                                                                                \
	LOG_STARTED, of,                                                                           \
	{                                                                                          \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define EXITED(of)                                                                                 \
	LOG_EXITED, of,                                                                            \
	{                                                                                          \
		{                                                                                  \
			0                                                                          \
		}                                                                                  \
	}
#define OF(of, line)                                                                               \
	LOG_LINE, of,                                                                              \
	{                                                                                          \
		{                                                                                  \
			line                                                                       \
		}                                                                                  \
	}

static const struct {
	const char *name;
	enum level level;
	struct log_numbers beginning;
	struct step steps[STEPS_MAX];
} rows[] = {
	{ "no gap", LEVEL_UNKNOWN, WHOLE, { { LINE(1) }, { LINE(2, 1) }, { LINE(3, 2, 1) } } },
	{ "gaps", LEVEL_UNKNOWN, WHOLE, { { LINE(3), 2 }, { LINE(4) }, { LINE(9), 4 } } },
	{ "levels below the others' count all lines",
	  LEVEL_DEBUG,
	  WHOLE,
	  { { LINE(1) }, { LINE(3), 1 } } },
	{ "lines without a number",
	  LEVEL_UNKNOWN,
	  WHOLE,
	  { { LINE(1) }, { LINE(0) }, { LINE(2) }, { LINE(4), 1 } } },
	{ "a tail: what was before is not known",
	  LEVEL_UNKNOWN,
	  TAIL,
	  { { LINE(50) }, { LINE(51) }, { LINE(54), 2 } } },
	{ "a tail that begins with a line without a number",
	  LEVEL_UNKNOWN,
	  TAIL,
	  { { LINE(0) }, { LINE(50) }, { LINE(52), 1 } } },
	{ "from the middle on", LEVEL_UNKNOWN, MIDDLE, { { LINE(1001) }, { LINE(1003), 1 } } },
	{ "a batch that is sent again",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { LINE(999), .no = true }, { LINE(1000), .no = true }, { LINE(1001) } } },
	{ "as far as a batch goes",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { LINE(1000 - RESENT_MAX + 1), .no = true }, { LINE(1000 - RESENT_MAX) } } },
	{ "of another invocation there is none",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { OF(8, 1) }, { OF(8, 2) }, { OF(8, 2), .no = true } } },
	{ "a new invocation that PID 1 says has begun",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { EXITED(7) }, { STARTED(8) }, { OF(8, 1) }, { OF(8, 4), 2 } } },
	{ "whose first lines are missing",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { EXITED(7) }, { STARTED(8) }, { OF(8, 3), 2 } } },
	{ "and whose beginning is, too", LEVEL_UNKNOWN, MIDDLE, { { OF(8, 3), 2 }, { OF(8, 4) } } },
	{ "or comes behind the first lines",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { OF(8, 1) }, { OF(8, 2) }, { STARTED(8) }, { OF(8, 3) } } },
	{ "after a tail, from the beginning on all is known",
	  LEVEL_UNKNOWN,
	  TAIL,
	  { { STARTED(8) }, { OF(8, 3), 2 } } },
	{ "an end is one once",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { EXITED(7) }, { EXITED(7), .no = true } } },
	{ "an end of another invocation is none",
	  LEVEL_UNKNOWN,
	  MIDDLE,
	  { { EXITED(8), .no = true }, { LINE(1001) } } },
	{ "an end is the first thing heard of", LEVEL_UNKNOWN, TAIL, { { EXITED(8) } } },
	{ "warnings: other lines between are not missing",
	  LEVEL_WARNING,
	  MIDDLE,
	  { { LINE(1050, 101) }, { LINE(1090, 104), 2 } } },
	{ "errors: of errors alone a gap is told",
	  LEVEL_ERROR,
	  MIDDLE,
	  { { LINE(1050, 140, 11) }, { LINE(1090, 160, 13), 1 } } },
	{ "warnings of a new invocation, whose first are missing",
	  LEVEL_WARNING,
	  MIDDLE,
	  { { STARTED(8) }, { LOG_LINE, 8, { { 50, 3 } }, 2 } } },
	{ "a line of no class tells nothing of it",
	  LEVEL_WARNING,
	  TAIL,
	  { { LINE(60) }, { LINE(90, 20) }, { LINE(95, 22), 1 } } },
};

static bool is_end_of_row(const struct step *step)
{
	return step->invocation == 0;
}

static void test_streams(void)
{
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct log_numbers given = rows[i].beginning;
		const struct step *step = rows[i].steps;

		for (size_t n = 0; n < STEPS_MAX && !is_end_of_row(step); n++, step++) {
			const struct reader_record record = { .log.event = step->event,
							      .invocation = step->invocation,
							      .numbers = step->numbers };
			bool yes = step->event == LOG_EXITED ? numbers_end(&given, &record)
							     : !numbers_have(&given, &record);

			is_int(yes, !step->no, "%s, %zu", rows[i].name, n);
			if (!yes)
				continue;
			is_int((long long)numbers_gap(&given, rows[i].level, &record),
			       (long long)step->missing, "... and what is missing before it");
			given = numbers_with(&given, rows[i].level, &record);
		}
	}
}

/* What a stream does not look at may have come before a record. */
static void test_unseen(void)
{
	const struct log_numbers given = MIDDLE;
	struct reader_record record = { .log.event = LOG_STARTED, .invocation = 7 };
	struct log_numbers numbers = numbers_with(&given, LEVEL_ERROR, &record);

	ok(!numbers.known[CLASS_ALL] && !numbers.known[CLASS_WARNING] && numbers.known[CLASS_ERROR],
	   "behind an event, of errors alone all is known");
	numbers = numbers_with(&given, LEVEL_INFO, &record);
	ok(numbers.known[CLASS_ALL] && numbers.known[CLASS_WARNING] && numbers.known[CLASS_ERROR],
	   "and of all lines where all are looked at");
	record = (struct reader_record){ .invocation = 7, .numbers = { { 1050, 140 } } };
	numbers = numbers_with(&(struct log_numbers){ 0 }, LEVEL_WARNING, &record);
	ok(numbers.known[CLASS_ALL] && numbers.known[CLASS_WARNING] && !numbers.known[CLASS_ERROR],
	   "a line tells the numbers that it has");
}

static void test_before(void)
{
	const struct reader_record record = { .invocation = 9, .numbers = { { 31, 4 } } };
	const struct log_numbers before = numbers_before(&record);

	ok(before.invocation == 9 && before.last.n[CLASS_ALL] == 30 &&
		   before.last.n[CLASS_WARNING] == 3 && before.known[CLASS_ALL] &&
		   before.known[CLASS_WARNING] && !before.known[CLASS_ERROR] && !before.ended,
	   "before a line");
	is_int((long long)numbers_gap(&before, LEVEL_UNKNOWN, &record), 0, "nothing is missing");
	ok(!numbers_have(&before, &record), "and it has not been given");
}

int main(void)
{
	test_streams();
	test_unseen();
	test_before();
	return tap_done();
}
