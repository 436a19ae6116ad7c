/*
 * How the rows that pass a filter are found: which index is walked, and from where to where.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/filter-tree.h"

/* The indexes, each of which has ids in their order for one value; a better one is a higher one. */
enum filter_driver {
	FILTER_DRIVER_ID, /* all of them */
	FILTER_DRIVER_RUNTIME,
	FILTER_DRIVER_LABEL_NAME,
	FILTER_DRIVER_SCRIPT,
	FILTER_DRIVER_PARENT,
	FILTER_DRIVER_LABEL_VALUE,
};

struct filter_plan {
	enum filter_driver driver;
	const struct filter_term *term; /* what the driver finds; NULL for DRIVER_ID */
	char low[ID_MAX], high[ID_MAX]; /* the range of ids; no high end where it is "" */
	bool low_open, high_closed;
};

/* Plans the walk over the ids after `after`. */
void filter_plan_make(const struct filter *filter, const char *after, struct filter_plan *ret);
