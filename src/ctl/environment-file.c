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

/* A line without its end; the words are without the text, which may be a secret. */
static int take_line(char *line, size_t n, const char *path, unsigned number,
		     int (*take)(char *line, void *field), void *field)
{
	int r;

	if (strlen(line) != n) {
		warnx("%s:%u: a NUL byte", path, number);
		return -EINVAL;
	}
	if (n > 0 && line[n - 1] == '\n')
		line[--n] = '\0';
	/* Some editors end lines so; anywhere else it is a part of the value. */
	if (n > 0 && line[n - 1] == '\r')
		line[--n] = '\0';
	if (line[0] == '\0' || line[0] == '#')
		return 0;
	r = take(line, field);
	if (r == -EINVAL)
		warnx("%s:%u: not KEY=VALUE", path, number);
	return r;
}

static int read_lines(FILE *file, const char *path, int (*take)(char *line, void *field),
		      void *field)
{
	_cleanup_free_ char *line = NULL;
	size_t size = 0, total = 0;
	unsigned number = 0;
	ssize_t n;
	int r = 0;

	while (r == 0 && (n = getline(&line, &size, file)) >= 0) {
		total += (size_t)n;
		if (total > FILE_SIZE_MAX) {
			warnx("%s: larger than %d bytes", path, FILE_SIZE_MAX);
			return -EINVAL;
		}
		r = take_line(line, (size_t)n, path, ++number, take, field);
	}
	if (r == 0 && ferror(file)) {
		warn("%s", path);
		r = -EINVAL;
	}
	return r;
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
