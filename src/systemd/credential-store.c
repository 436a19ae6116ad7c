/*
 * Where systemd has the credentials of the server; see credential-store.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <unistd.h>

#include "common/util.h"
#include "model/persistence.h"
#include "systemd/credential-store.h"

bool credential_is_encrypted(const char *name)
{
	static const char *const stores[] = {
		"/run/credentials/@encrypted", /* that the machine was booted with */
		"/etc/credstore.encrypted",	      "/run/credstore.encrypted",
		"/usr/local/lib/credstore.encrypted", "/usr/lib/credstore.encrypted",
	};
	char path[64 + BACKEND_CREDENTIAL_MAX];

	for (size_t i = 0; i < ELEMENTSOF(stores); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", stores[i], name);
		if (access(path, F_OK) == 0)
			return true;
	}
	return false;
}
