/*
 * What journald does with the lines of every unit; a runtime may have other rates.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

struct unit_log {
	uint64_t rate_interval_usec; /* never 0, see model/log_rate.h */
	unsigned rate_burst;	     /* lines in that time */
	const char *log_namespace; /* a valid name, see model/log_namespace.h; NULL: the system's */
};
