/*
 * Files of variables; see environment-file.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/environment-file.h"

/* More than the server takes of an environment. */
#define FILE_SIZE_MAX (256 * 1024)

/* A line of n bytes; the words are without the text, which may be a secret. */
static int take_line(char *line, size_t n, const char *path, unsigned number,
		     int (*take)(char *line, void *field), void *field)
{
	int r;

	if (strlen(line) != n) {
		warnx("%s:%u: a NUL byte", path, number);
		return -EINVAL;
	}
	/* Some editors end lines so; anywhere else it is a part of the value. */
	if (n > 0 && line[n - 1] == '\r')
		line[n - 1] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	r = take(line, field);
	if (r == -EINVAL)
		warnx("%s:%u: not KEY=VALUE", path, number);
	return r;
}

static int take_lines(char *text, size_t size, const char *path,
		      int (*take)(char *line, void *field), void *field)
{
	char *end = text + size, *next;
	unsigned number = 0;
	int r = 0;

	for (char *line = text; r == 0 && line < end; line = next) {
		char *newline = memchr(line, '\n', (size_t)(end - line));
		size_t n = (size_t)((newline ? newline : end) - line);

		line[n] = '\0';
		next = line + n + 1;
		r = take_line(line, n, path, ++number, take, field);
	}
	return r;
}

/* What has no end, such as a device, is read no further than the limit. */
static int read_lines(FILE *file, const char *path, int (*take)(char *line, void *field),
		      void *field)
{
	_cleanup_free_ char *text = malloc(FILE_SIZE_MAX + 2);
	size_t size;

	if (!text)
		return -ENOMEM;
	size = fread(text, 1, FILE_SIZE_MAX + 1, file);
	if (ferror(file)) {
		warn("%s", path);
		return -EINVAL;
	}
	if (size > FILE_SIZE_MAX) {
		warnx("%s: larger than %d bytes", path, FILE_SIZE_MAX);
		return -EINVAL;
	}
	return take_lines(text, size, path, take, field);
}

int environment_file_read(const char *path, int (*take)(char *line, void *field), void *field)
{
	_cleanup_fclose_ FILE *file = NULL;

	if (streq(path, "-"))
		return read_lines(stdin, "stdin", take, field);
	file = fopen(path, "re");
	if (!file) {
		warn("%s", path);
		return -EINVAL;
	}
	return read_lines(file, path, take, field);
}
