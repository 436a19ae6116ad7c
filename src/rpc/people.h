/*
 * Which user of this server a peer of the first socket is, and with which rights.
 *
 * Main loop's thread only; asks the kernel and nobody else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "rpc/rights.h"

/* Fills *ret from a connected Unix socket. 0 or a negative errno. */
int people_identify(int fd, const struct rights_rules *rules, struct caller *ret);
