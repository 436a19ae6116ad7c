/*
 * The sections and keys of the configuration; see indexerd.conf(5).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "indexerd/config.h"
#include "runtime/ini.h"

/*
 * Takes a key's value over into the configuration. 0 or -ENOMEM; -EINVAL, with a line in the log,
 * for what is unknown or cannot be used.
 */
int keys_set(const struct ini_entry *entry, const char *path, struct config *config);
