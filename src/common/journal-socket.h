/*
 * journald's native socket: connecting to it, and waiting until it has taken all.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/* A datagram socket that is connected to the path, which must fit into an address, or -errno. */
int journal_socket_connect(const char *path);

/*
 * Waits until journald has handled all that was sent on the socket, at most so many microseconds;
 * whether it has. The last datagram must have been an empty one: journald ignores it, but takes it
 * only when it is done with those before.
 */
bool journal_socket_settle(int fd, uint64_t limit_usec);
