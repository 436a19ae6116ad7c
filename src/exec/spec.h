/*
 * The spec: what indexerd wants to be run, as the credential `spec` of the unit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "common/cleanup.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "model/progress_pattern.h"

typedef Indexerd__Exec__V1__Spec spec_t;

/*
 * Reads and checks the file `spec` of a directory. -EBADMSG: it is there and not what it should be,
 * which *ret_problem says in words (static). Another negative errno: it cannot be read. Owned by
 * the caller: spec_free().
 */
int spec_load(const char *directory, spec_t **ret, const char **ret_problem);

/* Unpacks and checks the bytes of a spec; as above. */
int spec_parse(const void *data, size_t size, spec_t **ret, const char **ret_problem);

/* Parses the patterns of its progress. 0, or a negative errno where one of them is none, which a
 * spec that was loaded does not have. */
int spec_patterns(const spec_t *spec, struct progress_patterns *ret);

void spec_free(spec_t *spec);
DEFINE_CLEANUP(spec_t, spec_free);
