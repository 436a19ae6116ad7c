/*
 * The environment of an indexer's process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "exec/spec.h"

/*
 * What systemd gave the unit (an administrator's drop-in may add to it), without what speaks of
 * this process's own sockets, and over it the spec's variables, the last of a name winning. A
 * variable of the spec that only systemd can know (STATE_DIRECTORY and the like) has no effect.
 * *ret is NULL-terminated and owned by the caller, with its strings. 0 or -ENOMEM.
 */
int environment_build(char *const *inherited, const spec_t *spec, char ***ret);

void environment_free(char **environment);
DEFINE_CLEANUP(char *, environment_free);
