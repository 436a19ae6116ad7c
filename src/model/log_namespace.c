/*
 * Names of journal namespaces; see log_namespace.h. A name is part of a directory's name, and
 * the instance of a unit's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "common/util.h"
#include "model/log_namespace.h"

bool log_namespace_is_valid(const char *name)
{
	static const char characters[] = "0123456789abcdefghijklmnopqrstuvwxyz"
					 "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.@";
	size_t n = strlen(name);

	return n > 0 && n < LOG_NAMESPACE_MAX && strspn(name, characters) == n &&
	       !streq(name, ".") && !streq(name, "..");
}
