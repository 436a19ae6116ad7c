/*
 * A documented answer that is not success: what a client is told when its request cannot be done.
 *
 * A function that may refuse returns 0, REFUSED with *ret filled, or a negative errno that is fatal
 * here and goes up unchanged. A refusal owns its strings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

#include "common/cleanup.h"

/* The positive return value that goes with a filled struct refusal. */
#define REFUSED 1

/* The canonical codes of AIP-193, with gRPC's numbers. */
enum code {
	CODE_OK = 0,
	CODE_CANCELLED = 1,
	CODE_UNKNOWN = 2,
	CODE_INVALID_ARGUMENT = 3,
	CODE_DEADLINE_EXCEEDED = 4,
	CODE_NOT_FOUND = 5,
	CODE_ALREADY_EXISTS = 6,
	CODE_PERMISSION_DENIED = 7,
	CODE_RESOURCE_EXHAUSTED = 8,
	CODE_FAILED_PRECONDITION = 9,
	CODE_ABORTED = 10,
	CODE_OUT_OF_RANGE = 11,
	CODE_UNIMPLEMENTED = 12,
	CODE_INTERNAL = 13,
	CODE_UNAVAILABLE = 14,
	CODE_DATA_LOSS = 15,
	CODE_UNAUTHENTICATED = 16,
};

/* Longest message in bytes, NUL included: message and details together stay below 6 KB on the wire.
 */
#define REFUSAL_MESSAGE_MAX 1024

struct refusal {
	enum code code;
	const char *reason;	   /* ErrorInfo.reason, a literal such as "ID_INVALID"; not owned */
	char *field;		   /* path of the offending field, e.g. "indexer.script", or NULL */
	char *resource;		   /* name of the resource, e.g. "indexers/a", or NULL */
	char *subject;		   /* whose quota is used up, e.g. "user:1000", or NULL */
	char *message;		   /* for a person: names the field and the value; valid UTF-8 */
	uint64_t retry_after_usec; /* 0: no RetryInfo */
};

/*
 * Fills *ret and returns REFUSED, or returns -ENOMEM. `field` may be NULL. Bytes of the message
 * that are not printable ASCII or valid UTF-8 are written as \xNN; it is cut at
 * REFUSAL_MESSAGE_MAX.
 */
int refuse(struct refusal *ret, enum code code, const char *reason, const char *field,
	   const char *format, ...) __attribute__((format(printf, 5, 6)));

/* As refuse(), about a resource: fills `resource` with "indexers/ID". */
int refuse_indexer(struct refusal *ret, enum code code, const char *reason, const char *id,
		   const char *format, ...) __attribute__((format(printf, 5, 6)));

/*
 * As refuse(), about a quota: RESOURCE_EXHAUSTED, and fills `subject`. The message names the key of
 * the configuration.
 */
int refuse_quota(struct refusal *ret, const char *reason, const char *subject, const char *format,
		 ...) __attribute__((format(printf, 4, 5)));

/* The refusal of an id that no indexer has: NOT_FOUND, INDEXER_NOT_FOUND. */
int refuse_not_found(struct refusal *ret, const char *id);

/* Names the indexer that a refusal is about, beside its field. REFUSED, or -ENOMEM. */
int refusal_set_indexer(struct refusal *refusal, const char *id);

/* Fills *ret, which is empty, with all that `from` has. 0, or -ENOMEM and *ret is untouched. */
int refusal_copy(const struct refusal *from, struct refusal *ret);

/* Frees what the refusal owns and clears it, so that it can be used again. */
void refusal_clear(struct refusal *refusal);

/*
 * How a call is refused when there is no memory, not even for words of its own. It owns nothing,
 * and is never cleared.
 */
extern const struct refusal refusal_out_of_memory;

/* The canonical code's name, e.g. "INVALID_ARGUMENT". */
const char *code_name(enum code code);

#define _cleanup_refusal_ _cleanup_(refusal_clear)
