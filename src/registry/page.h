/*
 * Pages of a list under a filter; see registry_list().
 *
 * Main loop's thread only.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/filter.h"
#include "registry/db.h"

int page_walk(struct db *db, const struct filter *filter, const char *after,
	      int (*each)(const char *id, void *userdata), void *userdata);
