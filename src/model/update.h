/*
 * UpdateIndexer as a pure function: a definition, what is to be changed in it, and the definition
 * that follows.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/field_mask.h"

/* What a request asks for. Owned by whoever made it. */
struct update {
	struct definition *changes; /* a definition with the new values, referenced */
	struct field_mask mask;	    /* which of them count */
	bool renew_source; /* a project that was fetched is fetched anew, by the same text too */
	char etag[32];	   /* of the definition that the caller has seen; "": any */
};

void update_clear(struct update *update);

/* Whether two definitions of one indexer differ at all, and in what its process sees. */
enum difference {
	DIFFERENCE_NONE,
	DIFFERENCE_OUTSIDE, /* labels, and what its tree has together: its definition goes on */
	DIFFERENCE_INSIDE,
};

/* Makes a definition that has all that `base` has. 0 or -ENOMEM; the caller owns *ret. */
int definition_copy(const struct definition *base, struct definition **ret);

/*
 * Makes the definition that follows from `base`; its generation and update_time are still base's.
 * A variable that is set and shall be SECRET_REDACTED keeps its value.
 * REFUSED: ABORTED (ETAG_MISMATCH: indexer.etag), INVALID_ARGUMENT (FIELD_IMMUTABLE:
 * indexer.spawned_by). The caller owns *ret.
 */
int update_apply(const struct update *update, const struct definition *base,
		 struct definition **ret, struct refusal *refusal);

enum difference definition_compare(const struct definition *a, const struct definition *b);
