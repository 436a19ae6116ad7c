/*
 * Where systemd has the credentials of the server; see systemd.exec(5), LoadCredential=.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

/*
 * Whether LoadCredentialEncrypted= finds the credential of this name, a valid one, and
 * LoadCredential= would not, or another one. systemd 252 has no setting that finds both kinds.
 * One that cannot be looked for is not there.
 */
bool credential_is_encrypted(const char *name);
