/*
 * Watching: what WatchIndexers sends, for all watchers together.
 *
 * Watchers with the same filter and the same part of the tree are a group with one log
 * (model/watch_log.h): each change is held against each distinct filter once, however many watch
 * under it. One thread sends; the main loop only notes what changed.
 *
 * A watcher is the userdata of its stream and lives as long as that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/filter.h"
#include "model/secret.h"
#include "model/snapshot.h"
#include "rpc/stream.h"
#include "systemd/usage.h"

struct watch_hub;

/* Starts the thread. Table and rules must outlive the hub. 0 or a negative errno. */
int watch_hub_new(struct usage_table *usage, const struct secret_rules *secrets,
		  struct watch_hub **ret);
/* No stream is open any more. Takes NULL, returns NULL. */
struct watch_hub *watch_hub_free(struct watch_hub *hub);

/* Something differs from the snapshot before. Main loop's thread. */
void watch_hub_publish(struct watch_hub *hub, struct snapshot *snapshot);

/*
 * Makes a stream of the call that watches what passes the filter (taken over, also where this
 * fails) and what the caller may see. 0, REFUSED (TOO_MANY_FILTERS) or -ENOMEM. Any thread.
 */
int watch_open(struct watch_hub *hub, struct call *call, struct filter *filter,
	       struct refusal *refusal);
