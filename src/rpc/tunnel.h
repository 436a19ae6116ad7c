/*
 * A TLS connection and the Unix socket that carries what is inside of it, so that gRPC, and all
 * that is done for connections of the first socket, need not know of TLS.
 *
 * On its poller's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/poller.h"
#include "rpc/rights.h"
#include "rpc/tls.h"

struct tunnel;

/* One function for each turn in a tunnel's life. */
struct tunnel_handler {
	/*
	 * The client has shown a good certificate: `fd` is our end, owned by the function, and the
	 * names are, too. May not free the tunnel.
	 */
	void (*opened)(struct tunnel *tunnel, int fd, struct name_list *names, void *userdata);
	/* Our end was closed; what is still to be sent to the client may take a while. */
	void (*closing)(struct tunnel *tunnel, void *userdata);
	/* It is over, and to be freed. */
	void (*over)(struct tunnel *tunnel, void *userdata);
};

/*
 * Begins the handshake on a connected socket, which is owned by the tunnel afterwards, also on
 * failure. The poller and the handler must outlive it. 0 or a negative errno.
 */
int tunnel_new(struct poller *poller, struct tls *tls, int fd, const struct tunnel_handler *handler,
	       void *userdata, struct tunnel **ret);

/* Closes both ends. Takes NULL, returns NULL. */
struct tunnel *tunnel_free(struct tunnel *tunnel);
