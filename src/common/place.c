/*
 * Working directory and script; see place.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/place.h"
#include "common/util.h"

static int check_inside(const char *source, const char *resolved)
{
	_cleanup_free_ char *root = realpath(source, NULL);

	if (!root)
		return -errno;
	return path_is_within(resolved, root) ? 0 : PLACE_OUTSIDE;
}

int place_enter(const char *source, const char *dir)
{
	_cleanup_free_ char *path = NULL;
	char resolved[PATH_MAX];

	if (asprintf(&path, "%s/%s", source, dir) < 0)
		return -ENOMEM;
	if (chdir(path) < 0)
		return -errno;
	/* Where we are, not where the path led to a moment ago. */
	if (!getcwd(resolved, sizeof(resolved)))
		return -errno;
	return check_inside(source, resolved);
}

int place_check_script(const char *source, const char *script)
{
	_cleanup_free_ char *resolved = realpath(script, NULL);

	if (!resolved)
		return -errno;
	return check_inside(source, resolved);
}
