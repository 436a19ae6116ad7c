/*
 * Asking journald to write down what it has received; see sync.h. journald answers a call of its
 * varlink interface when it has worked off its sockets: one JSON object and a NUL in each
 * direction.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "journal/stream.h"
#include "journal/sync.h"

/* Of each journald that is asked. */
#define SYNC_LIMIT USEC_PER_SEC

static const char request[] = "{\"method\":\"io.systemd.Journal.Synchronize\",\"parameters\":{}}";

static int connect_journald(const char *log_namespace)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), error;

	if (fd < 0)
		return -errno;
	(void)snprintf(address.sun_path, sizeof(address.sun_path),
		       "/run/systemd/journal%s%s/io.systemd.journal", log_namespace ? "." : "",
		       log_namespace ? log_namespace : "");
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

/* Waits for the NUL that ends the reply; what the reply says does not matter. */
static int wait_reply(int fd, uint64_t until)
{
	char buffer[512];
	ssize_t n;

	for (;;) {
		struct pollfd pollfd = { .fd = fd, .events = POLLIN };
		uint64_t now = now_usec(CLOCK_MONOTONIC);

		if (now >= until)
			return -ETIMEDOUT;
		if (poll(&pollfd, 1, (int)((until - now) / USEC_PER_MSEC) + 1) <= 0)
			continue;
		n = recv(fd, buffer, sizeof(buffer), 0);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (n > 0 && memchr(buffer, '\0', (size_t)n))
			return 0;
	}
}

static int synchronize(const char *log_namespace)
{
	_cleanup_close_ int fd = connect_journald(log_namespace);

	if (fd < 0)
		return fd;
	if (send(fd, request, sizeof(request), MSG_NOSIGNAL) < 0)
		return -errno;
	return wait_reply(fd, now_usec(CLOCK_MONOTONIC) + SYNC_LIMIT);
}

void journal_synchronize(struct journal *journal, uint64_t since)
{
	uint64_t now;

	if (journal->source.directory)
		return;
	/* Many streams finish together when a tree is deleted: one call does for all that wait. */
	pthread_mutex_lock(&journal->sync_lock);
	now = now_usec(CLOCK_MONOTONIC);
	if (journal->synced <= since) {
		(void)synchronize(NULL);
		/* Where the namespace's journald is not there, it wrote down all before it ended.
		 */
		if (journal->source.log_namespace)
			(void)synchronize(journal->source.log_namespace);
		/* One that does not answer is not asked again by each turn of each stream. */
		journal->synced = now;
	}
	pthread_mutex_unlock(&journal->sync_lock);
}
