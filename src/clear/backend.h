/*
 * The back ends that indexer-clear clears: a function for each. They block; the deadline holds for
 * all of it, and main.c's alarm for what does not keep to it, such as a resolver.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "clear/request.h"

#define CLEAR_ERROR_MAX 512

/* One try. The address is the request's, taken apart. */
struct attempt {
	const struct clear_request *request;
	const struct backend_address *address;
	uint64_t deadline; /* CLOCK_MONOTONIC, microseconds */
	char error[CLEAR_ERROR_MAX];
};

/* CLEAR_DONE, also where there was nothing, or with the error filled another reply. */
enum clear_reply redis_clear(struct attempt *attempt);
enum clear_reply etcd_clear(struct attempt *attempt);
