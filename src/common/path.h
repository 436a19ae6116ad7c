/*
 * Paths by their text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <string.h>

/*
 * Whether path is dir, with or without slashes at its end, or lies under it. Both are absolute, and
 * without "." and "..".
 */
static inline bool path_is_within(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 0 && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}
