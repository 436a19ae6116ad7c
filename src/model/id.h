/*
 * Ids, names and unit names: three spellings of one indexer.
 *
 *	id	my-indexer			[a-z]([a-z0-9-]{0,61}[a-z0-9])?
 *	name	indexers/my-indexer		as AIP-122 has it
 *	unit	indexer-my-indexer.service	as systemd has it
 *
 * And the slice that a tree with limits of its own has, by the uid of its root: a name without
 * further dashes, at which the names of slices nest. So it lies in indexer.slice.
 *
 *	slice	indexer-0123456789abcdef0123456789abcdef.slice
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/util.h"
#include "model/refusal.h"

#define ID_MAX	      64 /* bytes, NUL included */
#define NAME_PREFIX   "indexers/"
#define NAME_MAX_SIZE (sizeof(NAME_PREFIX) - 1 + ID_MAX)
#define UNIT_PREFIX   "indexer-"
#define UNIT_SUFFIX   ".service"
#define UNIT_MAX_SIZE (sizeof(UNIT_PREFIX UNIT_SUFFIX) - 1 + ID_MAX)

#define SLICE_SUFFIX   ".slice"
#define SLICE_MAX_SIZE (sizeof(UNIT_PREFIX SLICE_SUFFIX) - 1 + ID128_TEXT_MAX)

bool id_valid(const char *id);

/* Checks an id of a request; REFUSED (INVALID_ARGUMENT, ID_INVALID) names `field` and the value. */
int id_check(const char *id, const char *field, struct refusal *refusal);

/*
 * Takes the id out of a name. On success *ret points into name and is not owned. REFUSED
 * (INVALID_ARGUMENT, NAME_INVALID) names `field` and the value.
 */
int id_from_name(const char *name, const char *field, const char **ret, struct refusal *refusal);

/* Write "indexers/ID" and "indexer-ID.service" into a buffer of NAME_MAX_SIZE, UNIT_MAX_SIZE bytes.
 */
void name_from_id(const char *id, char *buffer);
void unit_from_id(const char *id, char *buffer);

/* Takes the id out of a unit's name into a buffer of ID_MAX bytes; false where it is not an
 * indexer's. */
bool id_from_unit(const char *unit, char *buffer);

/* Writes the slice of a tree into a buffer of SLICE_MAX_SIZE bytes. */
void slice_from_uid(const char *uid, char *buffer);

/* Whether n bytes are the name of a tree's slice; *ret_uid, of ID128_TEXT_MAX bytes, may be NULL.
 */
bool slice_is_tree(const char *slice, size_t n, char *ret_uid);
