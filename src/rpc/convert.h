/*
 * The API's messages from and to the model.
 *
 * Driven by a table of the fields, so a new field is a new row. Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "google/protobuf/timestamp.pb-c.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/indexer.h"
#include "model/refusal.h"
#include "rpc/arena.h"
#include "model/secret.h"
#include "systemd/usage.h"

/*
 * Makes a definition with the given id of a request's indexer; NULL is an indexer without any
 * field. What the server sets (name, status, uid, etag, times) is ignored. REFUSED where a field is
 * not served (UNIMPLEMENTED) or has no meaning (INVALID_ARGUMENT). The caller owns *ret.
 */
int convert_to_definition(const char *id, const Indexerd__V1__Indexer *message,
			  struct definition **ret, struct refusal *refusal);

/*
 * Makes the message of a view, in the arena; strings are lent by the view, which must outlive it.
 * `usage` is what its processes use at present, or NULL where it has none. Values that the rules
 * redact are left out; without rules (NULL) none is. Returns NULL where there is no memory.
 */
Indexerd__V1__Indexer *convert_from_view(const struct view *view, const struct usage *usage,
					 const struct secret_rules *rules, struct arena *arena);

/*
 * Microseconds since the epoch of a request's timestamp; NULL is 0. REFUSED (INVALID_ARGUMENT,
 * TIME_INVALID) names `field` where it is outside the years 1970 to 9999 or has no valid nanos.
 */
int convert_to_usec(const Google__Protobuf__Timestamp *message, const char *field, uint64_t *ret,
		    struct refusal *refusal);
