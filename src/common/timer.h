/*
 * A timer that is there for as long as its owner, off until it is started, once each time.
 *
 * The loop's thread only. It is freed by sd_event_source_disable_unref(3).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <time.h>
#include <systemd/sd-event.h>

/*
 * Makes a timer of CLOCK_MONOTONIC. `accuracy` is how late it may come, in microseconds; 0 is the
 * loop's default, a quarter of a second. 0 or a negative errno; *ret is owned by the caller, also
 * on failure, where it may be NULL.
 */
static inline int timer_new(sd_event *event, uint64_t accuracy, sd_event_time_handler_t run,
			    void *userdata, sd_event_source **ret)
{
	int r = sd_event_add_time(event, ret, CLOCK_MONOTONIC, UINT64_MAX, accuracy, run, userdata);

	return r < 0 ? r : sd_event_source_set_enabled(*ret, SD_EVENT_OFF);
}

/* Has it run once so many microseconds from now, and not when it was started for before. 0 or a
 * negative errno. */
static inline int timer_start(sd_event_source *timer, uint64_t usec)
{
	int r = sd_event_source_set_time_relative(timer, usec);

	return r < 0 ? r : sd_event_source_set_enabled(timer, SD_EVENT_ONESHOT);
}
