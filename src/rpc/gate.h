/*
 * The way in by TCP: accepts connections, has TLS prove who they are, and hands on a Unix socket
 * that carries what is inside.
 *
 * All that is done before a client has shown a good certificate is done on a thread of the gate's
 * own: nobody without one can take the main loop's time, or gRPC's. The functions are for the main
 * loop's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-event.h>

#include "rpc/tls.h"

/* Descriptors that a gate takes at most, beside those of the sockets that it hands on. */
#define GATE_FILES 6400

struct gate;

/*
 * Called on the main loop's thread for each client with a good certificate; `fd` is owned by the
 * function, the names are lent. `extra` is that of struct passages_handler.
 */
typedef void gate_accepted(int fd, const struct name_list *names, bool extra, void *userdata);

/*
 * Takes over a listening TCP socket, also on failure, and begins to accept; `tls` is lent. 0 or a
 * negative errno; on success *ret is owned by the caller.
 */
int gate_new(sd_event *event, int fd, struct tls *tls, gate_accepted *accepted, void *userdata,
	     struct gate **ret);

/* Accepts no more; connections that are open stay so. */
void gate_close(struct gate *gate);

/*
 * Ends the thread and closes what is open, when what gRPC has written before it closed its ends is
 * sent, or a moment later. Takes NULL, returns NULL.
 */
struct gate *gate_free(struct gate *gate);
