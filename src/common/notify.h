/*
 * sd_notify(3) without libsystemd, whose relocations alone would cost the log helper of each
 * indexer more private memory than all else.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/*
 * Sends a state, such as "READY=1", to $NOTIFY_SOCKET. Returns 1, 0 where there is no such
 * variable, or a negative errno.
 */
int notify(const char *state);

/* The same, but where systemd does not take it at once, -EAGAIN. */
int notify_now(const char *state);
