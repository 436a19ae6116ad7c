/*
 * Files as they were left by git, tar or a build: counted, and given the form in which any user can
 * read them and nobody is given more than that.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What each file counts beside its blocks: a disk runs out of those, too. */
#define TREE_FILE_BYTES 512

/* The bytes that a directory and all in it take of the disk. 0 or a negative errno. */
int tree_size(const char *path, uint64_t *ret);

/*
 * Gives directories and programs the mode 0755 and other files 0644. Removes what is no file,
 * directory or link, and each file `.git`, which a submodule has. With `strict`, of an archive, all
 * files stay, and the others and a link that leads out of the tree are a failure: -EBADMSG, and the
 * problem in words. Otherwise 0 or a negative errno.
 */
int tree_settle(const char *path, bool strict, char *problem, size_t size);
