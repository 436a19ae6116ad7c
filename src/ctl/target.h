/*
 * Where the daemon is, and why it is not reached.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#define DEFAULT_ADDRESS "unix:/run/indexerd/indexerd.sock"

/*
 * Chooses the gRPC target to call: the option's where it is given, else the environment's
 * (INDEXERD_ADDRESS, then INDEXER_RUNNER_ADDRESS, which each indexer's process has), else the
 * system's socket. A path alone is taken as a Unix socket. 0 with *ret owned by the caller; -EINVAL
 * where it is no target (what is wrong has then been said on stderr), or -ENOMEM.
 */
int target_choose(const char *option, char **ret);

/* Tells who sits at a terminal that the daemon is still waited for; a script is left alone. */
void target_tell_waiting(void);

/*
 * Tries to connect to a Unix socket target itself, and says on stderr what is wrong with it and
 * what helps. False where the target is no Unix socket: nothing has been said then.
 */
bool target_explain(const char *address);
