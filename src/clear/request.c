/*
 * Messages between the daemon and indexer-clear; see request.h. Strings with their NULs, one behind
 * the other.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clear/request.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/util.h"

enum { ADDRESS, PASSWORD, ID, TIMEOUT, FIELDS };

int clear_request_pack(const struct clear_request *request, char ret[CLEAR_MESSAGE_MAX])
{
	char timeout[24];
	const char *const fields[FIELDS] = { request->address, request->password, request->id,
					     timeout };
	size_t n = 0;

	(void)snprintf(timeout, sizeof(timeout), "%" PRIu64, request->timeout_usec);
	for (size_t i = 0; i < FIELDS; i++) {
		size_t size = strlen(fields[i]) + 1;

		if (size > CLEAR_MESSAGE_MAX - n)
			return -E2BIG;
		memcpy(ret + n, fields[i], size);
		n += size;
	}
	return (int)n;
}

int clear_request_unpack(const char *message, size_t n, struct clear_request *ret)
{
	const char *fields[FIELDS], *p = message, *end = message + n;

	for (size_t i = 0; i < FIELDS; i++) {
		const char *nul = p < end ? memchr(p, '\0', (size_t)(end - p)) : NULL;

		if (!nul)
			return -EBADMSG;
		fields[i] = p;
		p = nul + 1;
	}
	if (p != end || decimal_read(fields[TIMEOUT], end, &ret->timeout_usec) != end - 1)
		return -EBADMSG;
	ret->address = fields[ADDRESS];
	ret->password = fields[PASSWORD];
	ret->id = fields[ID];
	return 0;
}
