/*
 * A checkout, or the directory of a fetch that may become one: where it is, and what a fetch has
 * left in it. All of that was written by strangers.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "manager/source.h"

#define RESULT_SIZE_MAX 256

char *checkout_path(const struct manager *manager, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s", manager->config.source.cache_dir, name) < 0 ? NULL : path;
}

char *checkout_tree(const struct manager *manager, const char *name)
{
	char *path;

	return asprintf(&path, "%s/%s/" CHECKOUT_TREE, manager->config.source.cache_dir, name) < 0
		       ? NULL
		       : path;
}

/* A link there would be followed by systemd, to wherever it leads. */
bool checkout_has_tree(const struct manager *manager, const char *name)
{
	_cleanup_free_ char *path = checkout_tree(manager, name);
	struct stat st;

	return path && lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

bool checkout_is_there(const struct manager *manager, const char *key)
{
	return source_key_is_valid(key) && checkout_has_tree(manager, key);
}

/* Reads a small file that a stranger may have written. Its size, or a negative errno. */
static ssize_t read_small(const struct manager *manager, const char *name, const char *file,
			  char *buffer, size_t size)
{
	_cleanup_free_ char *path = NULL;
	_cleanup_close_ int fd = -1;
	struct stat st;
	ssize_t n;

	if (asprintf(&path, "%s/%s/%s", manager->config.source.cache_dir, name, file) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EBADMSG;
	n = read(fd, buffer, size - 1);
	if (n < 0)
		return -errno;
	buffer[n] = '\0';
	return n;
}

int checkout_read_result(const struct manager *manager, const char *request,
			 struct fetch_result *ret)
{
	char text[RESULT_SIZE_MAX], end;
	struct fetch_result result;
	ssize_t n = read_small(manager, request, CHECKOUT_RESULT, text, sizeof(text));

	if (n < 0)
		return (int)n;
	if (sscanf(text, "%64s %64s %" SCNu64 "%c", result.key, result.commit, &result.bytes,
		   &end) != 4 ||
	    end != '\n' || !source_key_is_valid(result.key) || !source_ref_is_commit(result.commit))
		return -EBADMSG;
	*ret = result;
	return 0;
}

void checkout_read_error(const struct manager *manager, const char *request, char *ret, size_t size)
{
	ssize_t n = read_small(manager, request, CHECKOUT_ERROR, ret, size);

	n = MAX(n, 0);
	while (n > 0 && (ret[n - 1] == '\n' || ret[n - 1] == ' '))
		n--;
	ret[n] = '\0';
	/* One line of several, as they are told. */
	for (char *p = ret; (p = strpbrk(p, "\n\r\t")); p++)
		*p = ' ';
}

int checkout_new(const struct manager *manager, const char *request)
{
	_cleanup_free_ char *path = checkout_path(manager, request);

	if (!path)
		return -ENOMEM;
	/*
	 * Its unit's user is not known yet, and nobody else comes through the directory above. What
	 * is built can send a descriptor of it to others all the same: they take nothing away there
	 * and put nothing in the place of what is that user's.
	 */
	if ((mkdir(path, 0700) < 0 && errno != EEXIST) || chmod(path, 01777) < 0)
		return -errno;
	return 0;
}
