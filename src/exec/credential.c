/*
 * The credentials that variables name; see credential.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "common/cleanup.h"
#include "common/read.h"
#include "common/util.h"
#include "exec/credential.h"
#include "model/secret.h"

/* systemd leaves out one that it does not find. */
static int failed(int error, const char **ret_problem)
{
	*ret_problem = error == -ENOENT ? "this server has none of that name, in /etc/credstore, "
					  "/etc/credstore.encrypted or elsewhere"
					: strerror(-error);
	return error;
}

static int open_file(const char *directory, const char *name, char **ret_path)
{
	char *path;
	int fd;

	if (asprintf(&path, "%s/%s", directory, name) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0) {
		free(path);
		return -errno;
	}
	*ret_path = path;
	return fd;
}

int credential_file(const char *directory, const char *name, char **ret, const char **ret_problem)
{
	_cleanup_close_ int fd = open_file(directory, name, ret);

	return fd < 0 ? failed(fd, ret_problem) : 0;
}

int credential_value(const char *directory, const char *name, char **ret, const char **ret_problem)
{
	_cleanup_free_ char *path = NULL, *value = malloc(CREDENTIAL_VALUE_MAX + 2);
	_cleanup_close_ int fd = -1;
	ssize_t n;

	if (!value)
		return failed(-ENOMEM, ret_problem);
	fd = open_file(directory, name, &path);
	if (fd < 0)
		return failed(fd, ret_problem);
	n = read_all(fd, value, CREDENTIAL_VALUE_MAX + 2);
	if (n < 0)
		return failed((int)n, ret_problem);
	if (n > 0 && value[n - 1] == '\n')
		n--;
	if (n > CREDENTIAL_VALUE_MAX) {
		*ret_problem = "it is longer than 64 KiB, which only a file can be: "
			       "credential-file:";
		return -E2BIG;
	}
	if (memchr(value, '\0', (size_t)n)) {
		*ret_problem = "it has a NUL byte, which only a file can have: credential-file:";
		return -EINVAL;
	}
	value[n] = '\0';
	*ret = TAKE(value);
	return 0;
}
