/*
 * The files that hand a spec to indexer-exec: read by PID 1 as it starts a unit, also where this
 * daemon is away; so they stay until the next run has begun, or the indexer is deleted. Each run
 * has its own: what systemd restarts never gets what was meant for another run. Only root reads
 * them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/log.h"
#include "manager/private.h"

char *credential_path(const char *directory, const char *uid, uint64_t run)
{
	char *path;

	return asprintf(&path, "%s/%s.%" PRIu64, directory, uid, run) < 0 ? NULL : path;
}

static int write_all(int fd, const uint8_t *data, size_t size)
{
	while (size > 0) {
		ssize_t n = write(fd, data, size);

		if (n < 0)
			return -errno;
		data += n;
		size -= (size_t)n;
	}
	return 0;
}

/* Opens the file; a directory that somebody has removed is made again. */
static int open_new(const char *directory, const char *path)
{
	int flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW;
	int fd = open(path, flags, 0600);

	if (fd < 0 && errno == ENOENT && mkdir(directory, 0700) >= 0)
		fd = open(path, flags, 0600);
	return fd < 0 ? -errno : fd;
}

int credential_write(const char *directory, const char *uid, uint64_t run, const void *data,
		     size_t size)
{
	_cleanup_free_ char *path = credential_path(directory, uid, run), *temporary = NULL;
	_cleanup_close_ int fd = -1;
	int r;

	if (!path || asprintf(&temporary, "%s.new", path) < 0)
		return -ENOMEM;
	fd = open_new(directory, temporary);
	if (fd < 0)
		return fd;
	r = write_all(fd, data, size);
	if (r >= 0 && rename(temporary, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlink(temporary);
	return r;
}

void credential_remove(const char *directory, const char *uid, uint64_t run)
{
	_cleanup_free_ char *path = credential_path(directory, uid, run);

	if (path && unlink(path) < 0 && errno != ENOENT)
		log_warning("%s cannot be removed: %m", path);
}

/* Splits "UID.RUN"; false where the name is none of ours. */
static bool parse_name(const char *name, char uid[ID128_TEXT_MAX], uint64_t *run)
{
	const char *dot = strchr(name, '.');
	char *end;

	if (!dot || dot - name != ID128_TEXT_MAX - 1)
		return false;
	memcpy(uid, name, ID128_TEXT_MAX - 1);
	uid[ID128_TEXT_MAX - 1] = '\0';
	*run = strtoull(dot + 1, &end, 10);
	return end != dot + 1 && *end == '\0';
}

static bool is_needed(const struct manager *manager, const char *name)
{
	char uid[ID128_TEXT_MAX];
	uint64_t run;

	if (!parse_name(name, uid, &run))
		return false;
	for (size_t i = 0; i < manager->n_entries; i++) {
		const struct registry_row *row = &manager->entries[i]->row;

		if (streq(row->fetch, uid)) /* the order of a fetch, which has one run */
			return true;
		if (streq(row->definition->uid, uid))
			return run == row->started_run || run == row->run;
	}
	return false;
}

void credentials_sweep(const struct manager *manager)
{
	DIR *directory = opendir(manager->config.credentials_dir);
	const struct dirent *file;

	if (!directory)
		return; /* nothing was ever written */
	while ((file = readdir(directory)))
		if (file->d_name[0] != '.' && !is_needed(manager, file->d_name) &&
		    unlinkat(dirfd(directory), file->d_name, 0) < 0)
			log_warning("%s/%s cannot be removed: %m", manager->config.credentials_dir,
				    file->d_name);
	closedir(directory);
}
