/*
 * Processes that systemd has given up on, in a unit that it calls inactive or failed: they are
 * still the indexer.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "manager/private.h"
#include "model/names.h"
#include "systemd/control-group.h"

/* Nothing of it may run beside a new process, or write what is about to be cleared. */
void act_kill(struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];

	unit_from_id(entry->row.definition->id, unit);
	(void)systemd_kill(entry->manager->systemd, unit, ignore_result, NULL);
	entry_operation_failed(entry, "a process of its unit has not ended", "it is killed");
}

bool entry_is_left_over(const struct entry *entry)
{
	char unit[UNIT_MAX_SIZE];
	char group[sizeof("/" INDEXER_SLICE "//") + SLICE_MAX_SIZE + UNIT_MAX_SIZE];
	const char *slice = entry->unit.slice;
	bool is_nested = slice_is_tree(slice, strlen(slice), NULL);

	if (!isempty(entry->unit.control_group))
		return control_group_is_populated(entry->unit.control_group);
	unit_from_id(entry->row.definition->id, unit);
	(void)snprintf(group, sizeof(group), "/" INDEXER_SLICE "/%s%s%s", is_nested ? slice : "",
		       is_nested ? "/" : "", unit);
	return control_group_is_populated(group);
}
