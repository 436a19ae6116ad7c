/*
 * Admission of calls; see admit.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "rpc/admit.h"
#include "rpc/methods.h"

/* Longer paths are cut where they are named. */
#define PATH_SHOWN_MAX ((size_t)256)

static int check_access(const struct caller *caller, struct refusal *refusal)
{
	if (caller->rights != RIGHTS_NONE)
		return 0;
	return refuse(refusal, CODE_PERMISSION_DENIED, "ACCESS_DENIED", NULL,
		      "%s has no access: %s", caller->words, caller->why);
}

/*
 * gRPC refuses long metadata itself only from a peer that has acknowledged its settings; until then
 * a peer may send what HTTP/2 allows.
 */
static int check_metadata(size_t bytes, struct refusal *refusal)
{
	if (bytes <= METADATA_SIZE_MAX)
		return 0;
	return refuse(refusal, CODE_RESOURCE_EXHAUSTED, "METADATA_TOO_LARGE", NULL,
		      "the call's metadata has %zu bytes, and %d are allowed", bytes,
		      METADATA_SIZE_MAX);
}

static int find_method(grpc_slice path, const struct method **ret, struct refusal *refusal)
{
	const char *bytes = (const char *)GRPC_SLICE_START_PTR(path);
	size_t n = GRPC_SLICE_LENGTH(path);
	const struct method *method = method_find(bytes, n);

	if (!method || !method->run)
		return refuse(refusal, CODE_UNIMPLEMENTED, "METHOD_NOT_SERVED", NULL,
			      "%.*s is not served by this version of indexerd",
			      (int)MIN(n, PATH_SHOWN_MAX), bytes);
	*ret = method;
	return 0;
}

static int check_rights(const struct caller *caller, const struct method *method,
			struct refusal *refusal)
{
	if (caller->rights == RIGHTS_FULL || method->only_reads)
		return 0;
	return refuse(refusal, CODE_PERMISSION_DENIED, "READ_ONLY", NULL,
		      "%s may only read, %s; %s changes something", caller->words, caller->why,
		      method->path);
}

int admit(struct face *face, grpc_slice path, size_t metadata_bytes, const struct method **ret,
	  struct refusal *refusal)
{
	const struct caller *caller = face_caller(face);
	const struct method *method = NULL;
	int r = check_access(caller, refusal);

	r = r != 0 ? r : check_metadata(metadata_bytes, refusal);
	r = r != 0 ? r : find_method(path, &method, refusal);
	r = r != 0 ? r : check_rights(caller, method, refusal);
	r = r != 0 ? r : face_enter(face, method->is_stream, refusal);
	if (r == 0)
		*ret = method;
	return r;
}
