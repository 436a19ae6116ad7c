/*
 * Where an indexer's state lies; see state-directory.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "systemd/state-directory.h"

/* systemd.exec(5): with DynamicUser= the first has the directory, the second a link to it. */
static const char *const parents[] = { "/var/lib/private", "/var/lib" };

void state_directory_from_id(const char *id, char buffer[STATE_DIRECTORY_MAX])
{
	(void)snprintf(buffer, STATE_DIRECTORY_MAX, STATE_DIRECTORY_TOP "/%s", id);
}

bool state_directory_exists(const char *id)
{
	char directory[STATE_DIRECTORY_MAX];

	state_directory_from_id(id, directory);
	for (size_t i = 0; i < ELEMENTSOF(parents); i++) {
		char path[sizeof("/var/lib/private/") + STATE_DIRECTORY_MAX];
		struct stat st;

		(void)snprintf(path, sizeof(path), "%s/%s", parents[i], directory);
		if (lstat(path, &st) >= 0)
			return true;
	}
	return false;
}

int state_directories_sync(void)
{
	for (size_t i = 0; i < ELEMENTSOF(parents); i++) {
		char path[sizeof("/var/lib/private/" STATE_DIRECTORY_TOP)];
		_cleanup_close_ int fd = -1;

		(void)snprintf(path, sizeof(path), "%s/" STATE_DIRECTORY_TOP, parents[i]);
		fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0 || fsync(fd) < 0)
			return -errno;
	}
	return 0;
}
