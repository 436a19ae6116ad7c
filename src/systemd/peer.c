/*
 * Which unit a connected peer runs in; see peer.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/socket.h>
#include <systemd/sd-login.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "model/names.h"
#include "systemd/peer.h"

static bool is_indexers(const char *slice)
{
	return streq(slice, INDEXER_SLICE) || slice_is_tree(slice, strlen(slice), NULL);
}

int peer_identify(int fd, uid_t *ret_uid, char ret_id[ID_MAX])
{
	_cleanup_free_ char *unit = NULL, *slice = NULL;
	struct ucred peer;
	socklen_t n = sizeof(peer);
	int r;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) < 0)
		return -errno;
	r = sd_peer_get_unit(fd, &unit);
	if (r < 0)
		return r;
	r = sd_peer_get_slice(fd, &slice);
	if (r < 0)
		return r;
	if (!is_indexers(slice) || !id_from_unit(unit, ret_id))
		return -ENODATA;
	*ret_uid = peer.uid;
	return 0;
}
