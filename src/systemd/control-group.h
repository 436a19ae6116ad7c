/*
 * What is left of a unit's processes, by its control group.
 *
 * systemd calls a unit inactive or failed also where it has given up on a process: where an
 * administrator's drop-in forbids SIGKILL, say. It then starts the unit beside that process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

/*
 * Whether a control group, "/indexer.slice/indexer-a.service", has a process in it or below; false
 * where it is not there. Looks at the file system.
 */
bool control_group_is_populated(const char *group);
