/*
 * What a process has used.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sys/types.h>

/* Processor time of all its threads in seconds; negative where it is gone. */
double process_seconds(pid_t pid);

/* Resident memory in bytes, or a negative errno. */
long process_resident(pid_t pid);
