/*
 * The floor of CreateIndexer and of DeleteIndexer: the same units, sandbox and all, started and
 * removed bare over the bus.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#include "samples.h"

struct floor;

/* Connects to systemd, and writes the spec that the units are given. 0 or a negative errno. */
int floor_new(struct floor **ret);
void floor_free(struct floor *floor);

/*
 * Starts n units with so many in flight, each from StartTransientUnit to JobRemoved, and adds each
 * one's milliseconds. *ret_seconds is what starting all took. 0 or a negative errno.
 */
int floor_start(struct floor *floor, size_t n, size_t in_flight, struct samples *milliseconds,
		double *ret_seconds);

/*
 * Stops them again, all side by side, and clears each one's state as soon as it has stopped.
 * *ret_seconds is what all took. 0 or a negative errno.
 */
int floor_remove(struct floor *floor, double *ret_seconds);
