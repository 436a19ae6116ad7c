/*
 * What the files of this layer share about the connection.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "systemd/systemd.h"

#define SYSTEMD_PATH	"/org/freedesktop/systemd1"
#define SYSTEMD_MANAGER SYSTEMD_NAME ".Manager"
#define UNIT_PATH	SYSTEMD_PATH "/unit" /* above the objects of all units */

#define SYSTEMD_ERROR_ALREADY_SUBSCRIBED SYSTEMD_NAME ".AlreadySubscribed"

struct call;

struct systemd {
	sd_event *event;
	sd_bus *bus; /* NULL between two attempts */
	sd_event_source *reconnect;
	struct systemd_events events;
	void *userdata;
	uint64_t backoff_usec;
	bool connected;			     /* subscribed, and not lost since */
	bool reloading;			     /* it says that units are removed which are not */
	struct call *waiting, *last_waiting; /* calls that are not sent yet, in their order */
	sd_event_source *expiry;	     /* of those */
	unsigned n_calls;		     /* that wait for their reply */
};

/* Before the first call. 0 or a negative errno. */
int systemd_calls_setup(struct systemd *systemd);

/* The connection is gone: calls that were not sent yet end with -ECONNRESET. */
void systemd_abandon_calls(struct systemd *systemd);
/* Frees them without a word. */
void systemd_drop_calls(struct systemd *systemd);
