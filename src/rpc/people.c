/*
 * Users behind a socket; see people.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <pwd.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "rpc/people.h"

#define PASSWD_PATH "/etc/passwd"

/*
 * A local user's name, or NULL. Not by getpwuid(), which may ask a directory over the network and
 * wait for it; a message without the name is good enough.
 */
static char *local_name(uid_t uid)
{
	_cleanup_fclose_ FILE *f = fopen(PASSWD_PATH, "re");
	char buffer[1024];
	struct passwd entry, *found;

	while (f && fgetpwent_r(f, &entry, buffer, sizeof(buffer), &found) == 0)
		if (entry.pw_uid == uid)
			return strdup(entry.pw_name);
	return NULL;
}

/* The main group and, behind it, the supplementary ones. The caller frees *ret. */
static int read_groups(int fd, gid_t gid, gid_t **ret, size_t *ret_n)
{
	_cleanup_free_ gid_t *groups = NULL;
	socklen_t size = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size) < 0 && errno != ERANGE)
		return -errno;
	groups = malloc(sizeof(*groups) + size);
	if (!groups)
		return -ENOMEM;
	groups[0] = gid;
	if (size > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, groups + 1, &size) < 0)
		return -errno;
	*ret = TAKE(groups);
	*ret_n = 1 + size / sizeof(**ret);
	return 0;
}

int people_identify(int fd, const struct rights_rules *rules, struct caller *ret)
{
	_cleanup_free_ gid_t *groups = NULL;
	_cleanup_free_ char *name = NULL;
	struct credentials credentials;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	credentials.uid = peer.uid;
	r = read_groups(fd, peer.gid, &groups, &credentials.n_groups);
	if (r < 0)
		return r;
	credentials.groups = groups;
	caller_from_user(peer.uid, NULL, ret);
	rights_of_user(rules, &credentials, ret);
	if (ret->rights != RIGHTS_FULL) { /* it will be told so, by its name */
		name = local_name(peer.uid);
		caller_from_user(peer.uid, name, ret);
		rights_of_user(rules, &credentials, ret);
	}
	return 0;
}
