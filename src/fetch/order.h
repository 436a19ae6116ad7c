/*
 * The order: what indexerd wants to be fetched or built, as the credential `spec` of the unit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "indexerd/fetch/v1/order.pb-c.h"
#include "model/source.h"

typedef Indexerd__Fetch__V1__FetchOrder order_t;

/*
 * Reads and checks the order in a directory of credentials, and what it says of the source.
 * -EBADMSG: it is there and not what it should be, which *ret_problem says in words (static).
 * Another negative errno: it cannot be read. Both are the caller's: order_free(), source_clear().
 */
int order_load(const char *directory, order_t **ret, struct source *ret_source,
	       const char **ret_problem);

/* Unpacks and checks the bytes of an order; as above. */
int order_parse(const void *data, size_t size, order_t **ret, struct source *ret_source,
		const char **ret_problem);

void order_free(order_t *order);
DEFINE_CLEANUP(order_t, order_free);
