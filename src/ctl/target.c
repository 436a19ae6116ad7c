/*
 * Where the daemon is, and why it is not reached; see target.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <err.h>
#include <errno.h>
#include <grp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/target.h"

/* The length of a target's scheme, as in "dns:///host:1"; 0 where it has none, as in "host:1". */
static size_t scheme_length(const char *target)
{
	size_t n = strspn(target, "abcdefghijklmnopqrstuvwxyz0123456789+.-");

	if (!isalpha((unsigned char)target[0]) || target[n] != ':' ||
	    target[n + 1 + strspn(target + n + 1, "0123456789")] == '\0')
		return 0;
	return n;
}

/* Whether gRPC has a meaning for it; it would ask the DNS for any other word. */
static bool scheme_is_known(const char *target, size_t length)
{
	static const char *const known[] = { "unix", "unix-abstract", "dns", "ipv4",
					     "ipv6", "vsock",	      "xds" };

	for (size_t i = 0; i < ELEMENTSOF(known); i++)
		if (strlen(known[i]) == length && strncmp(known[i], target, length) == 0)
			return true;
	return false;
}

static int make_target(const char *given, const char *source, char **ret)
{
	size_t scheme = scheme_length(given);
	bool is_path = scheme == 0 && strchr(given, '/');

	if (scheme > 0 && !scheme_is_known(given, scheme)) {
		warnx("%s=%s: there is no scheme '%.*s' here\n"
		      "  Give unix:/PATH or a path for a socket, HOST:PORT for a server.",
		      source, given, (int)scheme, given);
		return -EINVAL;
	}
	return asprintf(ret, "%s%s", is_path ? "unix:" : "", given) < 0 ? -ENOMEM : 0;
}

int target_choose(const char *option, char **ret)
{
	const struct {
		const char *source, *value;
	} candidates[] = {
		{ "--address", option },
		{ "INDEXERD_ADDRESS", getenv("INDEXERD_ADDRESS") },
		{ "INDEXER_RUNNER_ADDRESS", getenv("INDEXER_RUNNER_ADDRESS") },
		{ NULL, DEFAULT_ADDRESS },
	};
	size_t i = 0;

	while (isempty(candidates[i].value))
		i++;
	return make_target(candidates[i].value, candidates[i].source, ret);
}

void target_tell_waiting(void)
{
	if (isatty(STDERR_FILENO))
		warnx("waiting for indexerd...");
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
	case EAGAIN: /* so many wait to be taken */
		warnx("%s: indexerd does not answer\n"
		      "  It may be starting, or fail to start.\n"
		      "  See: systemctl status indexerd.service; journalctl -u indexerd.service\n"
		      "  When it runs, try again.",
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
