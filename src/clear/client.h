/*
 * The daemon's side of indexer-clear: asks it to clear one key after the other, for each back end
 * over a connection of its own, so that one that hangs holds up nobody but those who have their
 * state there. A connection is made when there is something to clear, and closed soon after.
 *
 * Main loop's thread only. Nothing blocks, and every question is answered: when the back end does
 * not answer in its time, all that wait for it are told so.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>
#include <systemd/sd-event.h>

#include "model/persistence.h"

struct clear_client;

/*
 * Called once, from the loop: with NULL when there is certainly nothing left, or with what went
 * wrong, in words that are lent.
 */
typedef void clear_done(const char *error, void *userdata);

/*
 * `socket` is the path of the helper's socket, `timeout_usec` how long one try may take. 0 or a
 * negative errno; *ret is the caller's.
 */
int clear_client_new(sd_event *event, const char *socket, uint64_t timeout_usec,
		     struct clear_client **ret);

/* Questions that are not answered yet never are. Takes NULL, returns NULL. */
struct clear_client *clear_client_free(struct clear_client *client);
DEFINE_CLEANUP(struct clear_client, clear_client_free);

/*
 * Has the state of an indexer cleared out of a remote back end. `password` may be NULL; all is
 * copied. 0, or a negative errno and `done` is never called.
 */
int clear_client_ask(struct clear_client *client, const struct persistence *persistence,
		     const char *password, const char *id, clear_done *done, void *userdata);
