/*
 * Files as they were left; see tree.h. It changes the working directory while it runs: how deep a
 * tree is, its author says. No other process of this unit may run meanwhile.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "fetch/link.h"

#define BLOCK_BYTES 512

static void fts_closep(FTS **fts)
{
	if (*fts)
		fts_close(*fts);
}

static FTS *open_walk(const char *path, int options)
{
	char *const paths[] = { (char *)path, NULL };

	return fts_open(paths, FTS_PHYSICAL | FTS_XDEV | options, NULL);
}

int tree_size(const char *path, uint64_t *ret)
{
	_cleanup_(fts_closep) FTS *walk = open_walk(path, 0);
	uint64_t size = 0;
	FTSENT *entry;

	if (!walk)
		return -errno;
	/* It may be changed meanwhile: what is gone counts nothing. */
	while ((errno = 0, entry = fts_read(walk))) {
		const struct stat *st = entry->fts_statp;

		if (entry->fts_info == FTS_DP || entry->fts_info == FTS_NS ||
		    entry->fts_info == FTS_ERR || entry->fts_info == FTS_DNR)
			continue;
		size += TREE_FILE_BYTES +
			(uint64_t)st->st_blocks * BLOCK_BYTES / MAX(st->st_nlink, (nlink_t)1);
	}
	if (errno)
		return -errno;
	*ret = size;
	return 0;
}

struct settling {
	int root; /* the tree's directory */
	bool strict;
	char *problem;
	size_t size;
};

/* A path in words; where it lies below the root of the tree. */
static int reject(const struct settling *settling, const FTSENT *entry, const char *words)
{
	(void)snprintf(settling->problem, settling->size, "%s: %s", entry->fts_path, words);
	return -EBADMSG;
}

/* A link into nothing is left alone, as git has some. */
static int check_link(const struct settling *settling, const FTSENT *entry)
{
	int r = settling->strict ? link_follow(settling->root, entry->fts_path) : 0;

	if (r == LINK_LEAVES)
		return reject(settling, entry, "a link that leads out of the archive");
	return r < 0 ? reject(settling, entry, strerror(-r)) : 0;
}

static int drop(const struct settling *settling, const FTSENT *entry)
{
	if (settling->strict)
		return reject(settling, entry, "neither a file nor a directory nor a link");
	return unlink(entry->fts_accpath) < 0 ? -errno : 0;
}

static int set_mode(const FTSENT *entry, mode_t mode)
{
	if ((entry->fts_statp->st_mode & 07777) == mode)
		return 0;
	return chmod(entry->fts_accpath, mode) < 0 ? -errno : 0;
}

static int settle(const struct settling *settling, const FTSENT *entry)
{
	switch (entry->fts_info) {
	case FTS_D:
		return set_mode(entry, 0755);
	case FTS_DP:
		return 0;
	case FTS_F:
		if (streq(entry->fts_name, ".git") && !settling->strict)
			return unlink(entry->fts_accpath) < 0 ? -errno : 0;
		return set_mode(entry, entry->fts_statp->st_mode & 0111 ? 0755 : 0644);
	case FTS_SL:
	case FTS_SLNONE:
		return check_link(settling, entry);
	case FTS_DEFAULT:
		return drop(settling, entry);
	default:
		return entry->fts_errno ? -entry->fts_errno : -EIO;
	}
}

/* From the root of the tree, which is where we are. */
static int walk_tree(const struct settling *settling)
{
	_cleanup_(fts_closep) FTS *walk = open_walk(".", 0);
	FTSENT *entry;
	int r = 0;

	if (!walk)
		return -errno;
	while (r == 0 && (errno = 0, entry = fts_read(walk)))
		r = settle(settling, entry);
	return r == 0 && errno ? -errno : r;
}

/* The tree's own directory, whatever has become of it. A descriptor or a negative errno. */
static int open_root(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) < 0)
		return -errno;
	if (!S_ISDIR(st.st_mode))
		return -ENOTDIR;
	if (chmod(path, 0755) < 0)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

int tree_settle(const char *path, bool strict, char *problem, size_t size)
{
	_cleanup_close_ int root = open_root(path);
	_cleanup_close_ int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct settling settling = { root, strict, problem, size };
	int r;

	if (root < 0)
		return root;
	if (here < 0 || fchdir(root) < 0)
		return -errno;
	r = walk_tree(&settling);
	if (fchdir(here) < 0 && r == 0)
		r = -errno;
	return r;
}
