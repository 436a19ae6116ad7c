/*
 * The floor of CreateIndexer: the same unit, sandbox and all, started bare over the bus.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#include "samples.h"

struct floor;

/* Connects to systemd, and writes the spec that the units are given. 0 or a negative errno. */
int floor_new(const char *program, struct floor **ret);
void floor_free(struct floor *floor);

/*
 * Starts n units with so many in flight, each from StartTransientUnit to JobRemoved, adds each
 * one's milliseconds, and stops them again. *ret_seconds is what starting all took. 0 or a negative
 * errno.
 */
int floor_start(struct floor *floor, size_t n, size_t in_flight, struct samples *milliseconds,
		double *ret_seconds);
