/*
 * Indexers as the forest that spawned_by makes of them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "indexerd/v1/indexer_runner.pb-c.h"

/* One line of the drawing: its indexer, and the lines in front of its name (owned). */
struct tree_row {
	const Indexerd__V1__Indexer *indexer;
	char *prefix;
};

/*
 * Draws n indexers, sorted by name: parents before their children, both sorted. One whose parent is
 * not among them stands at the margin. Each indexer gets one row. *ret has n rows and is freed with
 * tree_free(). 0 or -ENOMEM.
 */
int tree_draw(Indexerd__V1__Indexer *const *indexers, size_t n, bool utf8, struct tree_row **ret);
struct tree_row *tree_free(struct tree_row *rows, size_t n);
