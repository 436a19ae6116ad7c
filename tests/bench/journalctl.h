/*
 * The peer of StreamLogs: journalctl as a process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sys/types.h>

/* Runs it with its output to a descriptor; returns its pid or a negative errno. */
pid_t journalctl_spawn(char *const argv[], int output);

/* Waits for its end: 0, or -EIO where it failed or was not even started (pid is negative). */
int journalctl_wait(pid_t pid);
