/*
 * What journald is told about the lines of every unit, unless the unit's runtime says otherwise.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

struct unit_log {
	uint64_t rate_interval_usec; /* never 0, see model/log_rate.h */
	unsigned rate_burst;	     /* lines in that time */
};
