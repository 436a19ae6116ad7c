/*
 * The tries; see tries.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "exec/tries.h"

#define FILE_NAME "tries"
#define NEW_NAME  "tries.new"

#define TEXT_FAILED "failed="
#define TEXT_BEGAN  " began="
#define TEXT_ENDED  " ended="

/* In the text of /proc/self/stat, behind the name: see proc_pid_stat(5). */
#define STAT_START (22 - 2)

void tries_next(struct tries *tries, uint64_t now, uint64_t healthy_usec)
{
	uint64_t end = tries->ended ? MIN(tries->ended, now) : now;
	bool healthy =
		tries->began != 0 && tries->began <= end && end - tries->began >= healthy_usec;

	if (healthy)
		tries->failed = 1;
	else if (tries->failed < UINT32_MAX - 1) /* the number of the try is one more */
		tries->failed++;
	tries->began = tries->ended = 0;
}

bool tries_asked_for(const struct tries *tries, uint64_t process_start, uint64_t pause_usec)
{
	return tries->ended != 0 && process_start >= tries->ended &&
	       process_start - tries->ended < pause_usec;
}

uint64_t tries_process_start(void)
{
	_cleanup_close_ int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	uint64_t per_second = (uint64_t)sysconf(_SC_CLK_TCK), ticks;
	char text[1024];
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	char *p;

	if (n <= 0)
		return 0;
	text[n] = '\0';
	p = strrchr(text, ')'); /* the name may hold anything */
	for (int i = 0; p && i < STAT_START; i++)
		p = strchr(p + 1, ' ');
	if (!p || !decimal_read(p + 1, text + n, &ticks))
		return 0;
	return (ticks + 1) * (USEC_PER_SEC / per_second);
}

size_t tries_write(const struct tries *tries, char text[TRIES_TEXT_MAX])
{
	return (size_t)snprintf(text, TRIES_TEXT_MAX,
				TEXT_FAILED "%" PRIu32 TEXT_BEGAN "%" PRIu64 TEXT_ENDED "%" PRIu64
					    "\n",
				tries->failed, tries->began, tries->ended);
}

bool tries_read(const char *text, size_t size, struct tries *ret)
{
	char copy[TRIES_TEXT_MAX];
	const char *p, *end = copy + size;
	uint64_t failed, began, ended;

	if (size >= sizeof(copy))
		return false;
	memcpy(copy, text, size);
	copy[size] = '\0';
	p = startswith(copy, TEXT_FAILED);
	p = p ? decimal_read(p, end, &failed) : NULL;
	p = p ? startswith(p, TEXT_BEGAN) : NULL;
	p = p ? decimal_read(p, end, &began) : NULL;
	p = p ? startswith(p, TEXT_ENDED) : NULL;
	p = p ? decimal_read(p, end, &ended) : NULL;
	if (!p || end - p != 1 || *p != '\n' || failed >= UINT32_MAX)
		return false;
	*ret = (struct tries){ .failed = (uint32_t)failed, .began = began, .ended = ended };
	return true;
}

int tries_open(const char *directories)
{
	char first[PATH_MAX];
	size_t n = directories ? strcspn(directories, ":") : 0;
	int fd;

	if (n == 0)
		return -ENOENT;
	if (n >= sizeof(first))
		return -ENAMETOOLONG;
	memcpy(first, directories, n);
	first[n] = '\0';
	fd = open(first, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tries_load(int directory, struct tries *ret)
{
	/* A FIFO in its place is not to hold us up, nor a terminal to become ours. */
	_cleanup_close_ int fd = openat(directory, FILE_NAME,
					O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	char text[TRIES_TEXT_MAX];
	struct stat status;
	ssize_t n;

	if (fd < 0)
		return errno == ENOENT ? -ENOENT : -EBADMSG;
	if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode))
		return -EBADMSG;
	n = read(fd, text, sizeof(text));
	return n >= 0 && tries_read(text, (size_t)n, ret) ? 0 : -EBADMSG;
}

int tries_save(int directory, const struct tries *tries)
{
	char text[TRIES_TEXT_MAX];
	size_t size = tries_write(tries, text);
	_cleanup_close_ int fd = -1;
	ssize_t n;

	(void)unlinkat(directory, NEW_NAME, 0);
	fd = openat(directory, NEW_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (fd < 0)
		return -errno;
	n = write(fd, text, size);
	if (n < 0)
		return -errno;
	if ((size_t)n < size)
		return -ENOSPC;
	return renameat(directory, NEW_NAME, directory, FILE_NAME) < 0 ? -errno : 0;
}

void tries_end(int directory)
{
	struct tries tries;

	if (tries_load(directory, &tries) < 0)
		return;
	tries.ended = now_usec(CLOCK_BOOTTIME);
	(void)tries_save(directory, &tries);
}

void tries_forget(int directory)
{
	(void)unlinkat(directory, FILE_NAME, 0);
}
