/*
 * What the daemon and its helper indexer-clear say to each other over a socket of SOCK_SEQPACKET: a
 * request and its reply are one message each, in turn, over one connection as many as there are.
 *
 * Both ends are installed together, and a connection does not outlive the daemon.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/persistence.h"

#define CLEAR_SOCKET "/run/indexerd/clear.sock"

#define CLEAR_MESSAGE_MAX 2048

/* A request. The strings are lent. */
struct clear_request {
	const char *address;
	const char *password; /* "" for none */
	const char *id;
	uint64_t timeout_usec; /* of everything that is done for it */
};

/* Writes it as a message; its size, or -E2BIG. */
int clear_request_pack(const struct clear_request *request, char ret[CLEAR_MESSAGE_MAX]);

/*
 * Reads a message of n bytes; the strings point into it. 0, or -EBADMSG where it is none of the
 * daemon's.
 */
int clear_request_unpack(const char *message, size_t n, struct clear_request *ret);

/* The first byte of a reply; words about the error follow, without a NUL. */
enum clear_reply {
	CLEAR_DONE = '+',
	CLEAR_FAILED = '-',	/* what concerns this key */
	CLEAR_NO_BACKEND = '!', /* the back end cannot be reached, or does not let us in */
};
