/*
 * How often a unit's lines pass journald: the values that the unit's properties
 * LogRateLimitIntervalUSec and LogRateLimitBurst take.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

#include "common/util.h"

/*
 * For no limit at all. systemd 252 does not pass 0 on to journald, which then applies its own
 * default to the unit; within a microsecond nobody reaches a burst.
 */
#define LOG_RATE_INTERVAL_NONE 1

/* journald 252 multiplies the burst by up to 42, for the free space of a disk, in 32 bits. */
#define LOG_RATE_BURST_MOST 100000000

#define LOG_RATE_INTERVAL_MOST_SEC 86400

/* The interval in microseconds for a number of seconds, where 0 stands for no limit. */
static inline uint64_t log_rate_interval(uint64_t seconds)
{
	return seconds > 0 ? seconds * USEC_PER_SEC : LOG_RATE_INTERVAL_NONE;
}
