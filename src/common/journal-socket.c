/*
 * journald's native socket; see journal-socket.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/journal-socket.h"
#include "common/util.h"

#define STEP_USEC     500ULL
#define STEP_USEC_MAX (20 * USEC_PER_MSEC)

int journal_socket_connect(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int r;

	assert(strlen(path) < sizeof(address.sun_path));
	if (fd < 0)
		return -errno;
	strcpy(address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	r = fd;
	fd = -1;
	return r;
}

bool journal_socket_settle(int fd, uint64_t limit_usec)
{
	uint64_t end = now_usec(CLOCK_MONOTONIC) + limit_usec, step = STEP_USEC;
	int unread;

	/* journald has taken all when no more of this socket's bytes are on their way. */
	while (ioctl(fd, SIOCOUTQ, &unread) == 0 && unread > 0) {
		const struct timespec pause = { .tv_nsec = (long)(step * NSEC_PER_USEC) };

		if (now_usec(CLOCK_MONOTONIC) >= end)
			return false;
		(void)nanosleep(&pause, NULL);
		step = MIN(step * 2, STEP_USEC_MAX);
	}
	return true;
}
