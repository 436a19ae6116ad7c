/*
 * The registry's tables, and the way from each version of them to the next.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "registry/db.h"

/*
 * Tells whether the file is a registry that this program knows, or empty. -EUCLEAN where it is
 * newer or another program's; it is only read.
 */
int schema_check(struct db *db);

/* Brings an older or empty registry to this program's version, one transaction for each step. */
int schema_migrate(struct db *db);
