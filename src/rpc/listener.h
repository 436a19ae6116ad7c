/*
 * A listening socket: accepts, a few at each wake-up, and survives having no descriptors left.
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-event.h>

struct listener;

/* Called with each connected socket, which is owned by the function. */
typedef void listener_accepted(int fd, void *userdata);

/* Takes over a listening socket, also on failure. 0 or a negative errno. */
int listener_new(sd_event *event, int fd, listener_accepted *accepted, void *userdata,
		 struct listener **ret);

/* Closes the socket. Takes NULL, returns NULL. */
struct listener *listener_free(struct listener *listener);
