/*
 * The gRPC server: what clients and indexers talk to.
 *
 * It accepts connections itself, knows who each peer is before gRPC sees a byte of it, and answers
 * from two kinds of threads: pure reads on the completion queue's, from the manager's snapshot;
 * what changes something on the main loop's. These functions are for the main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "common/cleanup.h"

struct journal;
struct manager;
struct rights_rules;
struct rpc_server;
struct secret_rules;
struct tls_files;

/*
 * Whatever a client can make grow. One call or stream more than a limit is refused; connections are
 * closed at once. A user is who has connected to the clients' face, or the subject of a
 * certificate.
 */
struct rpc_limits {
	unsigned connections; /* on all faces together */
	unsigned connections_per_user;
	unsigned connections_per_indexer;
	unsigned identifying; /* connections whose indexer is still being found out */
	unsigned calls;	      /* in flight, streams not counted */
	unsigned calls_per_user;
	unsigned calls_per_indexer;
	unsigned streams;
	unsigned streams_per_user;
	unsigned streams_per_indexer;
	unsigned reserved; /* so many calls, and streams, are for each caller, whatever others do */
	size_t stream_bytes; /* in the queues of all streams together, but for a little of each */
	uint64_t connection_idle_usec; /* a connection without a call is closed after this time */
	uint64_t keepalive_usec;       /* a silent peer is asked after this time whether it lives */
	uint64_t bar_usec;	       /* who floods the daemon is kept out for this time */
	uint64_t request_usec;	       /* a call whose request has not come is cancelled after it */
};

extern const struct rpc_limits rpc_limits_default;

struct rpc_server_config {
	struct manager *manager; /* must outlive the server, as must journal */
	struct journal *journal;
	unsigned threads;		    /* of the completion queue; 0: 2 */
	const struct rpc_limits *limits;    /* copied; NULL: rpc_limits_default */
	const struct rights_rules *rules;   /* lent; NULL: full access for all */
	const struct tls_files *tls;	    /* lent; NULL without TCP */
	const struct secret_rules *secrets; /* lent; NULL: every value is shown */
};

enum rpc_face {
	RPC_FACE_CLIENTS,  /* people and services: with the rights that the rules give */
	RPC_FACE_INDEXERS, /* a caller must be a live indexer of ours and is confined to its subtree
			    */
	RPC_FACE_SUBJECTS, /* TCP: people and services with client certificates */
};

/*
 * Initialises gRPC and starts its threads, and becomes the listener of the manager's on_removed and
 * on_stopped. Returns 0 or a negative errno; on success *ret is owned by the caller.
 */
int rpc_server_new(sd_event *event, const struct rpc_server_config *config,
		   struct rpc_server **ret);

/*
 * Accepts connections from a listening socket, which is owned by the server afterwards, also on
 * failure: a Unix socket, or for RPC_FACE_SUBJECTS one of TCP. Returns 0 or a negative errno;
 * -EINVAL, with a line in the log, where there is no usable certificate.
 */
int rpc_server_listen(struct rpc_server *server, int fd, enum rpc_face face);

/*
 * Reads certificates and keys anew, for connections from now on. 0; 1 where TCP is not served; or a
 * negative errno, with a line in the log and the old ones kept.
 */
int rpc_server_reload(struct rpc_server *server);

/*
 * Drains: accepts no more, answers NOT_SERVING to health checks, ends all streams with UNAVAILABLE,
 * lets calls in flight finish for `grace_usec` and cancels what is left then. `done` is called from
 * the loop when all is quiet, at the latest a moment after the grace. Called once.
 */
typedef void rpc_server_drained(void *userdata);
int rpc_server_shutdown(struct rpc_server *server, uint64_t grace_usec, rpc_server_drained *done,
			void *userdata);

/*
 * Frees the server; what is still open is cancelled. Answers that the manager still owes are
 * dropped when they come. Takes NULL, returns NULL; or the server, where gRPC does not let go of it
 * and its threads may still use it, the manager and the journal.
 */
struct rpc_server *rpc_server_free(struct rpc_server *server);
DEFINE_CLEANUP(struct rpc_server, rpc_server_free);
