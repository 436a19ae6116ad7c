/*
 * What a helper itself has to say; see complaint.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/journal-socket.h"
#include "common/util.h"
#include "lines/complaint.h"

/* For each of the two datagrams, and for the wait behind them. */
#define LIMIT_SEC 5

int complaint_send(const char *path, int priority, const char *identifier, const char *text)
{
	static const struct timeval limit = { .tv_sec = LIMIT_SEC };
	_cleanup_close_ int fd = journal_socket_connect(path);
	_cleanup_free_ char *entry = NULL;
	int n;

	if (fd < 0)
		return fd;
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) < 0)
		return -errno;
	n = asprintf(&entry, "PRIORITY=%d\nSYSLOG_IDENTIFIER=%s\nMESSAGE=%s\n", priority,
		     identifier, text);
	if (n < 0)
		return -ENOMEM;
	if (send(fd, entry, (size_t)n, MSG_NOSIGNAL) < 0)
		return -errno;
	if (send(fd, NULL, 0, MSG_NOSIGNAL) >= 0)
		(void)journal_socket_settle(fd, LIMIT_SEC * USEC_PER_SEC);
	return 0;
}
