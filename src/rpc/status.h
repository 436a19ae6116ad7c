/*
 * Refusals as gRPC carries them: a status code, a message, and `grpc-status-details-bin` with the
 * details of AIP-193.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <grpc/slice.h>

#include "model/refusal.h"

#define ERROR_DOMAIN	   "indexerd"
#define STATUS_DETAILS_KEY "grpc-status-details-bin"

/*
 * Packs a google.rpc.Status: ErrorInfo always; BadRequest where the refusal names a field,
 * ResourceInfo where an indexer, RetryInfo where a time to try again; QuotaFailure with
 * RESOURCE_EXHAUSTED. Clients on gRPC core lose an error whose message and details pass 6 KB
 * together as they stand on the wire, so long texts are cut. The caller owns *ret. 0 or -ENOMEM.
 */
int status_details(const struct refusal *refusal, grpc_slice *ret);

/*
 * Turns a negative errno into the refusal that a client is told, INTERNAL, and logs it. Returns
 * REFUSED, or -ENOMEM where there are no words, since there is no memory.
 */
int status_from_errno(int error, const char *method, struct refusal *refusal);
