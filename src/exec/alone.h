/*
 * Nothing of an earlier start runs in this unit any more. systemd sees to that, unless an
 * administrator's drop-in has it kill the main process alone (KillMode=process): then it starts a
 * unit again beside what is left in it, and two processes would have one state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <sys/types.h>

/*
 * Ends every other process of this one's control group, if that is the unit's, and waits for a few
 * seconds until they are gone. 0, also where the kernel does not tell which there are, or a
 * negative errno and in *ret the process that goes on.
 */
int alone_make(const char *unit, pid_t *ret);
