/*
 * Which unit a connected peer runs in, by the kernel's word.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sys/types.h>

#include "model/id.h"

/*
 * Reads the peer's user id and, from its cgroup, the id of the indexer whose unit it is in. 0;
 * -ENODATA where it is in no indexer's unit; -ESRCH where it is gone; or another negative errno.
 */
int peer_identify(int fd, uid_t *ret_uid, char ret_id[ID_MAX]);
