/*
 * Control groups; see control-group.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "systemd/control-group.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "systemd/usage.h"

bool control_group_is_populated(const char *group)
{
	_cleanup_close_ int fd = -1;
	char path[PATH_MAX], text[256];
	ssize_t n;

	if (snprintf(path, sizeof(path), USAGE_CONTROL_GROUPS "%s/cgroup.events", group) >=
	    (int)sizeof(path))
		return false;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	n = read(fd, text, sizeof(text) - 1);
	text[MAX(n, 0)] = '\0';
	return strstr(text, "populated 1");
}
