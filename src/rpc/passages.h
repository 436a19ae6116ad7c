/*
 * The TLS connections of a gate, from the handshake to the end: how many there may be, and how long
 * one may take to begin and to end.
 *
 * The gate's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "rpc/tls.h"
#include "rpc/tunnel.h"

struct passages;

struct passages_handler {
	/*
	 * A client has shown a good certificate; the socket and the names are the function's.
	 * `extra`: it is one more than all should have, and may stay where it is one of few of its
	 * subject's.
	 */
	void (*opened)(int fd, struct name_list *names, bool extra, void *userdata);
	/* The last of those that had been opened is gone. */
	void (*emptied)(void *userdata);
};

/* Descriptors that they take at most, beside those of the sockets that are handed on. */
#define PASSAGES_FILES 5632

/* `tls` and the handler must outlive it. 0 or a negative errno. */
int passages_new(sd_event *event, struct tls *tls, const struct passages_handler *handler,
		 void *userdata, struct passages **ret);

/* Closes all. Takes NULL, returns NULL. */
struct passages *passages_free(struct passages *passages);

/* Begins a handshake on a connected socket, which is owned by the passages, also on failure. */
void passages_begin(struct passages *passages, int fd);

/* Closes those that are not opened yet. */
void passages_drop_handshakes(struct passages *passages);

/* Whether none is opened, or still closing. */
bool passages_is_empty(const struct passages *passages);
