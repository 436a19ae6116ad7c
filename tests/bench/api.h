/*
 * Creating and deleting the benchmark's indexers over the API, as clients do. They are bench-0,
 * bench-1 and so on, and sleep.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "ctl/client.h"
#include "samples.h"

#define API_ADDRESS	  "unix:/run/indexerd/indexerd.sock"
#define API_IN_FLIGHT_MAX 16

/* Of an indexer without a parent. */
#define API_NO_PARENT -1

/* Creates an indexer. 0 where it is RUNNING then, or a negative errno. */
int api_create(struct client *client, int number, int parent);

/* Deletes an indexer and its descendants. 0 or a negative errno. */
int api_delete(struct client *client, int number);

/*
 * Creates the indexers `first` to `end` - 1 with so many in flight, each by a client of its own.
 * Adds the milliseconds that each one took; *ret_seconds is what all took. 0 or a negative errno.
 */
int api_create_many(int first, int end, int parent, size_t in_flight, struct samples *milliseconds,
		    double *ret_seconds);
