/*
 * Where a symbolic link leads; see link.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/link.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/util.h"

/* As the kernel has it (path_resolution(7)). */
#define LINKS_MAX 40

struct walk {
	char at[PATH_MAX]; /* without links; "" for the directory */
	size_t n;
	char rest[PATH_MAX]; /* to be gone yet */
	unsigned links;
};

/* Puts what a link says before the rest. 0, LINK_LEAVES or a negative errno. */
static int take_link(struct walk *walk, const char *target)
{
	char rest[PATH_MAX];

	if (target[0] == '/')
		return LINK_LEAVES;
	if (++walk->links > LINKS_MAX)
		return -ELOOP;
	if ((size_t)snprintf(rest, sizeof(rest), "%s/%s", target, walk->rest) >= sizeof(rest))
		return -ENAMETOOLONG;
	memcpy(walk->rest, rest, sizeof(rest));
	return 0;
}

static int go_up(struct walk *walk)
{
	char *slash = memrchr(walk->at, '/', walk->n);

	if (walk->n == 0)
		return LINK_LEAVES;
	walk->n = slash ? (size_t)(slash - walk->at) : 0;
	walk->at[walk->n] = '\0';
	return 0;
}

/* Goes one name further. 0, LINK_LEAVES or a negative errno, which is -ENOENT where nothing is. */
static int go_down(struct walk *walk, int directory, const char *name, size_t n)
{
	const size_t before = walk->n;
	char target[PATH_MAX];
	ssize_t size;

	if (walk->n + 1 + n >= sizeof(walk->at))
		return -ENAMETOOLONG;
	if (walk->n > 0)
		walk->at[walk->n++] = '/';
	memcpy(walk->at + walk->n, name, n);
	walk->n += n;
	walk->at[walk->n] = '\0';
	size = readlinkat(directory, walk->at, target, sizeof(target) - 1);
	if (size < 0)
		return errno == EINVAL ? 0 : -errno;
	target[size] = '\0';
	walk->n = before;
	walk->at[before] = '\0';
	return take_link(walk, target);
}

int link_follow(int directory, const char *path)
{
	struct walk walk = {};
	int r = 0;

	if ((size_t)snprintf(walk.rest, sizeof(walk.rest), "%s", path) >= sizeof(walk.rest))
		return -ENAMETOOLONG;
	while (r == 0 && *walk.rest) {
		char name[NAME_MAX + 1];
		size_t n = strcspn(walk.rest, "/"), skip = n + strspn(walk.rest + n, "/");

		if (n >= sizeof(name))
			return -ENAMETOOLONG;
		memcpy(name, walk.rest, n);
		name[n] = '\0';
		memmove(walk.rest, walk.rest + skip, strlen(walk.rest + skip) + 1);
		if (streq(name, ".."))
			r = go_up(&walk);
		else if (*name && !streq(name, "."))
			r = go_down(&walk, directory, name, n);
	}
	return r == -ENOENT || r == -ENOTDIR ? 0 : r;
}
