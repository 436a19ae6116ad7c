/*
 * Who calls: known from the socket and the kernel, before gRPC sees a byte.
 *
 * A caller on the indexers' socket is an indexer, named by its own uid; everybody else is a person
 * or a service with full access.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "common/util.h"
#include "model/id.h"

struct caller {
	char indexer_id[ID_MAX];	  /* "" where the caller is no indexer */
	char indexer_uid[ID128_TEXT_MAX]; /* "" where the caller is no indexer */
};

static inline bool caller_is_indexer(const struct caller *caller)
{
	return caller->indexer_uid[0] != '\0';
}
