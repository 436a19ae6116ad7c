/*
 * The tracker: what is told of an indexer's progress, and when, on a clock of the test's own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "exec/tracker.h"
#include "tap.h"

#define SEC   USEC_PER_SEC
#define EPOCH (1769860800 * SEC) /* 12:00:00, when the clock shows 0 */

static struct tracker *tracker_make(uint64_t stalled_usec)
{
	static const char *const texts[] = { "block=${CURRENT}", "head=${HEAD}",
					     "start=${STARTING}" };
	struct tracker *tracker = malloc(sizeof(*tracker));
	struct progress_patterns patterns = {};
	const char *problem;
	size_t at;

	assert(tracker);
	for (size_t i = 0; i < ELEMENTSOF(texts); i++)
		assert(progress_patterns_add(&patterns, texts[i], &problem, &at) == 0);
	tracker_init(tracker, &patterns, stalled_usec);
	return tracker;
}

static void line(struct tracker *tracker, uint64_t now, const char *text)
{
	struct progress_values values;

	if (tracker_find(tracker, text, strlen(text), &values))
		tracker_note(tracker, &values, now, EPOCH + now);
}

/* What is told at a time, without what is the same in all; "" where nothing is. */
static const char *told(struct tracker *tracker, uint64_t now)
{
	static char text[PROGRESS_TEXT_MAX];

	text[0] = '\0';
	(void)tracker_tell(tracker, now, text);
	return text;
}

static void test_interval(void)
{
	struct tracker *t = tracker_make(0);

	ok(tracker_due(t) == UINT64_MAX, "nothing is known");
	line(t, 1 * SEC, "hello");
	line(t, 1 * SEC, "head=9");
	ok(tracker_due(t) == UINT64_MAX, "nothing without a current block");
	line(t, 2 * SEC, "block=3");
	ok(tracker_due(t) <= 2 * SEC, "the first block is told at once");
	is_str(told(t, 2 * SEC), "Block 3 of 9 (from 3), moved at 2026-01-31T12:00:02Z", "it is");
	ok(tracker_due(t) == UINT64_MAX, "and that is all");
	line(t, 3 * SEC, "block=4");
	line(t, 4 * SEC, "block=5 head=10");
	ok(tracker_due(t) == 12 * SEC, "the next one comes after the interval");
	is_str(told(t, 12 * SEC - 1), "", "not before");
	is_str(told(t, 12 * SEC), "Block 5 of 10 (from 3), moved at 2026-01-31T12:00:04Z",
	       "and is the last one");
	line(t, 13 * SEC, "block=5");
	ok(tracker_due(t) == UINT64_MAX, "the same block again is no news");
	line(t, 30 * SEC, "head=11");
	is_str(told(t, 30 * SEC), "Block 5 of 11 (from 3), moved at 2026-01-31T12:00:04Z",
	       "a new head is, but no move");
	line(t, 41 * SEC, "block=4");
	is_str(told(t, 41 * SEC), "Block 4 of 11 (from 3), moved at 2026-01-31T12:00:41Z",
	       "a chain may go back");
	line(t, 60 * SEC, "block=5");
	ok(tracker_due(t) <= 60 * SEC, "it is told");
	(void)told(t, 60 * SEC);
	tracker_untell(t);
	ok(tracker_due(t) == 70 * SEC, "what systemd did not take is told again, later");
	is_str(told(t, 70 * SEC), "Block 5 of 11 (from 3), moved at 2026-01-31T12:01:00Z", "it is");
	free(t);
}

static void test_starting(void)
{
	struct tracker *t = tracker_make(0);

	line(t, 0, "start=0");
	line(t, 0, "block=3");
	is_str(told(t, 0), "Block 3 (from 0), moved at 2026-01-31T12:00:00Z",
	       "the starting block that it says, also 0");
	line(t, 10 * SEC, "start=2");
	is_str(told(t, 10 * SEC), "Block 3 (from 2), moved at 2026-01-31T12:00:00Z",
	       "or says later");
	free(t);
}

static void test_stalled(void)
{
	struct tracker *t = tracker_make(60 * SEC);

	ok(tracker_due(t) == UINT64_MAX, "nothing stalls before the first block");
	line(t, 1 * SEC, "block=3");
	(void)told(t, 1 * SEC);
	ok(tracker_due(t) == 61 * SEC, "it will have stalled");
	is_str(told(t, 61 * SEC - 1), "", "not yet");
	line(t, 50 * SEC, "head=9");
	(void)told(t, 50 * SEC);
	ok(tracker_due(t) == 61 * SEC, "a new head does not help");
	is_str(told(t, 61 * SEC), "Block 3 of 9 (from 3), moved at 2026-01-31T12:00:01Z, stalled",
	       "it has");
	ok(tracker_due(t) == UINT64_MAX, "that is told once");
	line(t, 70 * SEC, "block=3");
	ok(tracker_due(t) == UINT64_MAX, "the same block does not help either");
	line(t, 80 * SEC, "block=4");
	is_str(told(t, 80 * SEC), "Block 4 of 9 (from 3), moved at 2026-01-31T12:01:20Z",
	       "it moves");
	free(t);

	t = tracker_make(1 * SEC);
	line(t, 0, "block=3");
	(void)told(t, 0);
	ok(tracker_due(t) == 10 * SEC, "a time below the interval is told after that");
	line(t, 2 * SEC, "block=4");
	is_str(told(t, 10 * SEC), "Block 4 (from 3), moved at 2026-01-31T12:00:02Z, stalled",
	       "with what has come");
	free(t);
}

int main(void)
{
	test_interval();
	test_starting();
	test_stalled();
	return tap_done();
}
