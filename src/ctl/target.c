/*
 * Where the daemon is, and why it is not reached; see target.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <err.h>
#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/target.h"

const char *target_choose(const char *option)
{
	const char *const candidates[] = { option, getenv("INDEXERD_ADDRESS"),
					   getenv("INDEXER_RUNNER_ADDRESS"), DEFAULT_ADDRESS };
	size_t i = 0;

	while (isempty(candidates[i]))
		i++;
	return candidates[i];
}

/* The path in "unix:PATH" or "unix:///PATH", or NULL. */
static const char *socket_path(const char *address)
{
	const char *path = startswith(address, "unix:");

	if (path && startswith(path, "//"))
		path += 2;
	return path;
}

/* 0 where somebody listens, or a negative errno. */
static int try_connect(const char *path)
{
	struct sockaddr_un socket_address = { .sun_family = AF_UNIX };
	_cleanup_close_ int fd = -1;

	if (strlen(path) >= sizeof(socket_address.sun_path))
		return -ENAMETOOLONG;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	strcpy(socket_address.sun_path, path);
	if (connect(fd, (struct sockaddr *)&socket_address, sizeof(socket_address)) < 0)
		return -errno;
	return 0;
}

/* The group that may connect, as the socket itself has it. */
static const char *group_of(const char *path)
{
	struct stat st;
	struct group *group;

	if (stat(path, &st) < 0 || st.st_gid == 0) /* nobody is to join root's */
		return "indexerd";
	group = getgrgid(st.st_gid);
	return group ? group->gr_name : "indexerd";
}

bool target_explain(const char *address)
{
	const char *path = socket_path(address), *group;
	int r;

	if (!path)
		return false;
	r = try_connect(path);
	switch (-r) {
	case 0:
		warnx("%s: the connection was taken and closed without an answer\n"
		      "  See: systemctl status indexerd.service; journalctl -u indexerd.service",
		      path);
		break;
	case ENOENT:
		warnx("%s: no such socket\n"
		      "  Is indexerd installed, and its socket started?\n"
		      "  Try: systemctl enable --now indexerd.socket",
		      path);
		break;
	case EACCES:
	case EPERM:
		group = group_of(path);
		warnx("%s: permission denied\n"
		      "  Members of the group %s may connect.\n"
		      "  Try: sudo usermod -aG %s $USER, and log in again",
		      path, group, group);
		break;
	case ECONNREFUSED:
		warnx("%s: nobody listens on this socket\n"
		      "  Try: systemctl restart indexerd.socket",
		      path);
		break;
	default:
		warnx("%s: %s\n  See: systemctl status indexerd.socket", path, strerror(-r));
		break;
	}
	return true;
}
