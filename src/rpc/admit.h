/*
 * What is judged of a call before anything of it is received: who calls, what, and whether it is
 * one too many.
 *
 * Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/slice.h>

#include "model/refusal.h"
#include "rpc/face.h"

struct method;

/* Names and values of a call's metadata, 32 bytes more for each pair as HTTP/2 counts them. */
#define METADATA_SIZE_MAX (16 * 1024)

/*
 * Finds the method of a path and counts the call of the face's caller. On success face_leave() is
 * owed. REFUSED: PERMISSION_DENIED (ACCESS_DENIED, READ_ONLY), RESOURCE_EXHAUSTED
 * (METADATA_TOO_LARGE, and those of face_enter()), UNIMPLEMENTED (METHOD_NOT_SERVED).
 */
int admit(struct face *face, grpc_slice path, size_t metadata_bytes, const struct method **ret,
	  struct refusal *refusal);
