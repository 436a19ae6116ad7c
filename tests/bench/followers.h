/*
 * Many StreamLogs streams of one client: on several connections, each of which a thread of its own
 * reads until the process ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "indexerd/v1/indexer_runner.pb-c.h"

#define FOLLOWERS_MAX  1000
#define FOLLOWERS_EACH 100 /* of a connection */

struct followers_handler {
	/* Writes the indexer's name for the request of a follower. NAME_MAX_SIZE bytes. */
	void (*name)(size_t follower, char *name);
	/*
	 * Takes a record, which is lent; true where the follower is to read on, or it waits for
	 * followers_resume(). On the connection's thread.
	 */
	bool (*record)(size_t follower, const Indexerd__V1__StreamLogsResponse *record);
	int tail;   /* of the request */
	int window; /* as connection_open() */
	bool floor; /* of the echo server, which says the same line again and again */
};

/*
 * Opens n followers, FOLLOWERS_MAX at most, once in a process, and begins to read them. Returns 0
 * or a negative errno. A stream that the server ends is the end of the process.
 */
int followers_open(const struct followers_handler *handler, size_t n);

/* Lets a follower that waits read on. Any thread. */
void followers_resume(size_t follower);
