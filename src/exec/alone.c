/*
 * The only process of its unit; see alone.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "exec/alone.h"

#define PATIENCE_MS 5000

/* Called by hand, this program is in a group with its caller's processes. */
static bool is_unit(const char *group, const char *unit)
{
	const char *name = strrchr(group, '/');

	return name && streq(name + 1, unit);
}

/* The list of the control group's processes, or NULL where it is not the unit's. */
static FILE *open_group(const char *unit)
{
	_cleanup_fclose_ FILE *own = fopen("/proc/self/cgroup", "re");
	char line[PATH_MAX], path[PATH_MAX + 64];

	while (own && fgets(line, sizeof(line), own)) {
		const char *group = startswith(line, "0::");

		if (!group)
			continue;
		line[strcspn(line, "\n")] = '\0';
		if (!is_unit(group, unit))
			break;
		(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs", group);
		return fopen(path, "re");
	}
	return NULL;
}

/* By a descriptor: the number may be another process's meanwhile. */
static int end_process(pid_t pid)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	if (poll(&poll_fd, 1, PATIENCE_MS) < 0)
		return -errno;
	return poll_fd.revents ? 0 : -ETIMEDOUT;
}

int alone_make(const char *unit, pid_t *ret)
{
	_cleanup_fclose_ FILE *group = open_group(unit);
	long pid;

	while (group && fscanf(group, "%ld", &pid) == 1) {
		int r = pid > 0 && pid != getpid() ? end_process((pid_t)pid) : 0;

		if (r < 0) {
			*ret = (pid_t)pid;
			return r;
		}
	}
	return 0;
}
