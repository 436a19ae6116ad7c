/*
 * How a call has ended, what a person is told of it, and what a script.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "ctl/options.h"
#include "model/refusal.h"

/* Exit codes; indexerctl(1) promises them. */
enum exit_code {
	EXIT_DONE = 0,
	EXIT_USAGE = 1,	      /* the command line, or something here such as a full disk */
	EXIT_REFUSED = 2,     /* the server says no */
	EXIT_FAILED = 3,      /* done, and the indexer is FAILED */
	EXIT_NOT_FOUND = 4,   /* no such indexer */
	EXIT_UNREACHABLE = 5, /* no daemon, or not now: try again */
	EXIT_TIMEOUT = 6,     /* no answer in time: the outcome is not known */
};

/* Owns its strings; all zero is "OK" with nothing. */
struct rpc_status {
	int code; /* gRPC's number, enum code */
	char *message;
	uint8_t *details; /* google.rpc.Status, packed; NULL where there is none */
	size_t details_size;
};

/* Fills a status with copies. 0 or -ENOMEM. */
int rpc_status_fill(struct rpc_status *ret, int code, const void *message, size_t message_size,
		    const void *details, size_t details_size);
void rpc_status_clear(struct rpc_status *status);
#define _cleanup_status_ _cleanup_(rpc_status_clear)

/* Whether the library here found nobody to talk to, rather than the server saying no. */
bool rpc_status_is_unreachable(const struct rpc_status *status);

/*
 * Tells a person on stderr why a call did not end well, with the server's details and, where the
 * daemon at `address` was not reached, with what to do. A field that one of the options sets is
 * told with the option's name. Returns the exit code.
 */
int rpc_status_report(const struct rpc_status *status, const char *address,
		      const struct option_table *options);
