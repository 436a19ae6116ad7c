/*
 * An indexer's own state on disk: the directory that its unit's StateDirectory= names.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "model/id.h"

#define STATE_DIRECTORY_TOP "indexers" /* all indexers' state directories lie in it */
#define STATE_DIRECTORY_MAX (sizeof(STATE_DIRECTORY_TOP) + ID_MAX)

/* Writes the value of StateDirectory=, a path below /var/lib, into the buffer. */
void state_directory_from_id(const char *id, char buffer[STATE_DIRECTORY_MAX]);

/* Whether anything of it is on disk. Looks at the file system, at two names. */
bool state_directory_exists(const char *id);

/*
 * Waits until what was removed of any indexer's state is removed on disk, too. Blocks for as long
 * as a commit does. 0 or a negative errno.
 */
int state_directories_sync(void);
