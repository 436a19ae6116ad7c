/*
 * Names of variables; see environment.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/environment.h"

#include "common/util.h"

#define DIGITS	   "0123456789"
#define WORD_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz" DIGITS "_"

static bool is_one_of(const char *const *names, size_t n, const char *key)
{
	for (size_t i = 0; i < n; i++)
		if (streq(names[i], key))
			return true;
	return false;
}

bool environment_key_valid(const char *key)
{
	size_t n = strnlen(key, ENVIRONMENT_KEY_MAX + 1);

	return n > 0 && n <= ENVIRONMENT_KEY_MAX && strspn(key, WORD_BYTES) == n &&
	       !strchr(DIGITS, key[0]);
}

bool environment_key_of_systemd(const char *key)
{
	static const char *const names[] = {
		"CACHE_DIRECTORY", "CONFIGURATION_DIRECTORY", "CREDENTIALS_DIRECTORY",
		"INVOCATION_ID",   "LOGS_DIRECTORY",	      "RUNTIME_DIRECTORY",
		"STATE_DIRECTORY",
	};

	return is_one_of(names, ELEMENTSOF(names), key);
}

bool environment_key_reserved(const char *key)
{
	static const char *const names[] = {
		"INDEXER_ID",
		"INDEXER_NAME",
		"INDEXER_RUNNER_ADDRESS",
		"INDEXER_PROJECT_SOURCE",
		"INDEXER_PROJECT_DIR",
		"NOTIFY_SOCKET",
	};

	return environment_key_of_systemd(key) || is_one_of(names, ELEMENTSOF(names), key);
}
