/*
 * Writes numbered lines to the journal as indexer-exec does: by the native protocol, one datagram
 * each, at levels that follow from the number. To be run in a unit with
 * LogExtraFields=INDEXER_UID=.
 *
 *   journal-write FIRST COUNT [MICROSECONDS-BETWEEN]
 *
 * A journald that is not there is waited for, so that nothing is lost while it restarts. It stays
 * until it is ended: whose a line is, journald learns from the process that wrote it, and one that
 * has just been started knows only those that are there.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "journal-lines.h"

static int send_line(int fd, const char *line, size_t size)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX,
					     .sun_path = "/run/systemd/journal/socket" };

	while (sendto(fd, line, size, 0, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		if (errno != ECONNREFUSED && errno != ENOENT && errno != ENOBUFS &&
		    errno != ECONNRESET && errno != EINTR)
			return -errno;
		usleep(1000);
	}
	return 0;
}

int main(int argc, char **argv)
{
	long first = argc > 1 ? atol(argv[1]) : 0, count = argc > 2 ? atol(argv[2]) : 1;
	unsigned between = argc > 3 ? (unsigned)atoi(argv[3]) : 0;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), n, r;
	char text[NUMBERED_LINE_MAX], line[512];

	for (long i = first; fd >= 0 && i < first + count; i++) {
		enum level level = line_level(i);

		(void)line_format(i, text);
		n = snprintf(
			line, sizeof(line),
			"MESSAGE=%s\nPRIORITY=%d\nSYSLOG_IDENTIFIER=test\nINDEXER_STREAM=stdout\n"
			"INDEXER_LINE=%ld\n%s",
			text, priority_from_level(level), i + 1,
			level == LEVEL_TRACE ? "INDEXER_LEVEL=trace\n" : "");
		if (level >= LEVEL_WARNING)
			n += sprintf(line + n, "INDEXER_WARNINGS=%ld\n",
				     line_rank(i, CLASS_WARNING));
		if (level >= LEVEL_ERROR)
			n += sprintf(line + n, "INDEXER_ERRORS=%ld\n", line_rank(i, CLASS_ERROR));
		r = send_line(fd, line, (size_t)n);
		if (r < 0) {
			fprintf(stderr, "journal-write: %s\n", strerror(-r));
			return 1;
		}
		if (between > 0)
			usleep(between);
	}
	return fd < 0 ? 1 : pause();
}
