/*
 * The [Service] section of a runtime file: a closed list of keys, each with the bus property that
 * it becomes. indexerd.runtime(5) has the list for people. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"
#include "model/setting.h"
#include "runtime/complaint.h"

/* In the order of the file; owns the settings and what they own. All zero is the empty list. */
struct setting_list {
	struct setting *items;
	size_t n;
};

/*
 * Takes one assignment of [Service] into the list. 0, -ENOMEM, or MALFORMED: an unknown key, a key
 * that is there already (but for lists of paths, which grow), or a value that is none.
 */
int service_key_take(const char *key, const char *value, struct setting_list *list,
		     struct complaint *complaint);

/* The setting of a property, or NULL; lent. */
const struct setting *setting_list_find(const struct setting_list *list, const char *property);

/* Frees what the list owns and leaves it empty. */
void setting_list_clear(struct setting_list *list);
