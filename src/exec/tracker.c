/*
 * The tracker of progress; see tracker.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "exec/tracker.h"

void tracker_init(struct tracker *tracker, const struct progress_patterns *patterns,
		  uint64_t stalled_usec)
{
	*tracker = (struct tracker){ .patterns = *patterns, .stalled_usec = stalled_usec };
}

/* Any other number is a move: a chain may go back, and the indexer with it. */
static void note_current(struct tracker *tracker, uint64_t block, uint64_t now, uint64_t time)
{
	struct progress *progress = &tracker->progress;

	if (progress->time != 0 && progress->current_block == block)
		return;
	if (!tracker->has_start)
		progress->starting_block = block;
	tracker->has_start = true;
	progress->current_block = block;
	progress->time = time;
	progress->stalled = false;
	tracker->moved = now;
}

void tracker_note(struct tracker *tracker, const struct progress_values *values, uint64_t now,
		  uint64_t time)
{
	struct progress *progress = &tracker->progress, before = *progress;

	if (values->found & 1u << PROGRESS_STARTING) {
		progress->starting_block = values->value[PROGRESS_STARTING];
		tracker->has_start = true;
	}
	if (values->found & 1u << PROGRESS_HEAD)
		progress->head_block = values->value[PROGRESS_HEAD];
	if (values->found & 1u << PROGRESS_CURRENT)
		note_current(tracker, values->value[PROGRESS_CURRENT], now, time);
	if (progress->time != 0 && !progress_same(progress, &before))
		tracker->untold = true;
}

/* When the current block will have stood still for too long. */
static uint64_t stalls_at(const struct tracker *tracker)
{
	const struct progress *progress = &tracker->progress;

	if (progress->time == 0 || progress->stalled || tracker->stalled_usec == 0)
		return UINT64_MAX;
	return tracker->moved + tracker->stalled_usec;
}

uint64_t tracker_due(const struct tracker *tracker)
{
	/* That it stalls is told like any other change. */
	return MAX(tracker->tell_at, tracker->untold ? 0 : stalls_at(tracker));
}

bool tracker_tell(struct tracker *tracker, uint64_t now, char text[PROGRESS_TEXT_MAX])
{
	if (now < tracker_due(tracker))
		return false;
	if (now >= stalls_at(tracker))
		tracker->progress.stalled = true;
	progress_write(&tracker->progress, text);
	tracker->untold = false;
	tracker->tell_at = now + TRACKER_INTERVAL_USEC;
	return true;
}

void tracker_untell(struct tracker *tracker)
{
	tracker->untold = tracker->progress.time != 0;
}
