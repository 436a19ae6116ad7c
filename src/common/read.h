/*
 * Reading a small file whole.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <errno.h>
#include <unistd.h>

/* Reads up to `size` bytes; returns how many there were, or a negative errno. */
static inline ssize_t read_all(int fd, char *buffer, size_t size)
{
	size_t n = 0;

	while (n < size) {
		ssize_t r = read(fd, buffer + n, size - n);

		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0)
			break;
		n += r > 0 ? (size_t)r : 0;
	}
	return (ssize_t)n;
}
