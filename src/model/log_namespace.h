/*
 * Names of journal namespaces, as systemd has them: see LogNamespace= in systemd.exec(5).
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

/*
 * With the NUL. systemd itself takes longer names, and then cannot bind the sockets of their
 * journald: /run/systemd/journal.NAME/io.systemd.journal has to fit into 107 bytes.
 */
#define LOG_NAMESPACE_MAX 65

/* Whether systemd takes it as a namespace's name, and can serve it. */
bool log_namespace_is_valid(const char *name);
