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

#define PATIENCE_USEC (5 * USEC_PER_SEC)

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
static int end_process(pid_t pid, uint64_t until)
{
	_cleanup_close_ int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	uint64_t now = now_usec(CLOCK_MONOTONIC);
	uint64_t left = until > now ? until - now : 0;

	if (fd < 0)
		return errno == ESRCH ? 0 : -errno;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	if (poll(&poll_fd, 1, (int)(left / USEC_PER_MSEC)) < 0)
		return -errno;
	return poll_fd.revents ? 0 : -ETIMEDOUT;
}

/* Ends those that the list has. How many, or a negative errno and in *ret the one that goes on. */
static int end_others(const char *unit, uint64_t until, pid_t *ret)
{
	_cleanup_fclose_ FILE *group = open_group(unit);
	int n = 0;
	long pid;

	while (group && fscanf(group, "%ld", &pid) == 1) {
		int r;

		if (pid <= 0 || pid == getpid())
			continue;
		r = end_process((pid_t)pid, until);
		if (r < 0) {
			*ret = (pid_t)pid;
			return r;
		}
		n++;
	}
	return n;
}

int alone_make(const char *unit, pid_t *ret)
{
	uint64_t until = now_usec(CLOCK_MONOTONIC) + PATIENCE_USEC;
	int n;

	/* Before its end, each may have had a child that the list did not have. */
	do
		n = end_others(unit, until, ret);
	while (n > 0);
	return n;
}
