/*
 * Names of variables: which ones there can be, and which are not for a request or a runtime to set.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#define ENVIRONMENT_KEY_MAX 128 /* without the NUL */

/* Whether it is [A-Za-z_][A-Za-z0-9_]* of at most ENVIRONMENT_KEY_MAX bytes. */
bool environment_key_valid(const char *key);

/* Whether systemd says it of a unit, and nobody else can know it: a program may rely on that. */
bool environment_key_of_systemd(const char *key);

/* Whether indexerd or systemd sets the variable for an indexer, so that nobody else may. */
bool environment_key_reserved(const char *key);
