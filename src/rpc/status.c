/*
 * Error details; see status.h. Everything is built in an arena and packed once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <string.h>

#include "common/log.h"
#include "common/util.h"
#include "google/protobuf/any.pb-c.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "rpc/arena.h"
#include "rpc/status.h"
#include "rpc/text.h"

#define TYPE_PREFIX	"type.googleapis.com/"
#define RESOURCE_TYPE	"indexerd.v1/Indexer"
#define DETAILS_MAX	5
#define FIELD_SIZE_MAX	256
#define DESCRIPTION_MAX 256 /* bytes; the message itself carries the whole text */

/* The details under construction. */
struct details {
	struct arena arena;
	Google__Protobuf__Any *list[DETAILS_MAX];
	size_t n;
};

static char *cut_copy(struct details *details, const char *s, size_t max)
{
	size_t n = text_cut(s, max);
	char *copy = arena_alloc(&details->arena, n + 1);

	return copy ? memcpy(copy, s, n) : NULL;
}

/* Packs a message into an Any and appends it. */
static int add(struct details *details, const ProtobufCMessage *message)
{
	const char *name = message->descriptor->name;
	Google__Protobuf__Any *any = arena_alloc(&details->arena, sizeof(*any));
	char *url = arena_alloc(&details->arena, sizeof(TYPE_PREFIX) + strlen(name));
	size_t size = protobuf_c_message_get_packed_size(message);
	uint8_t *data = arena_alloc(&details->arena, size);

	if (!any || !url || !data)
		return -ENOMEM;
	assert(details->n < DETAILS_MAX);
	google__protobuf__any__init(any);
	any->type_url = strcat(strcpy(url, TYPE_PREFIX), name);
	any->value = (ProtobufCBinaryData){ protobuf_c_message_pack(message, data), data };
	details->list[details->n++] = any;
	return 0;
}

static int add_error_info(struct details *details, const struct refusal *refusal)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry *entries[] = { &entry };

	info.reason = (char *)refusal->reason;
	info.domain = (char *)ERROR_DOMAIN;
	if (refusal->field) {
		entry.key = (char *)"field";
		entry.value = cut_copy(details, refusal->field, FIELD_SIZE_MAX);
		if (!entry.value)
			return -ENOMEM;
		info.metadata = entries;
		info.n_metadata = 1;
	}
	return add(details, &info.base);
}

static int add_bad_request(struct details *details, const struct refusal *refusal)
{
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = { &violation };
	Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;

	if (!refusal->field)
		return 0;
	violation.field = cut_copy(details, refusal->field, FIELD_SIZE_MAX);
	violation.description = cut_copy(details, refusal->message, DESCRIPTION_MAX);
	if (!violation.field || !violation.description)
		return -ENOMEM;
	request.field_violations = violations;
	request.n_field_violations = 1;
	return add(details, &request.base);
}

static int add_resource_info(struct details *details, const struct refusal *refusal)
{
	Google__Rpc__ResourceInfo info = GOOGLE__RPC__RESOURCE_INFO__INIT;

	if (!refusal->resource)
		return 0;
	info.resource_type = (char *)RESOURCE_TYPE;
	info.resource_name = cut_copy(details, refusal->resource, FIELD_SIZE_MAX);
	if (!info.resource_name)
		return -ENOMEM;
	return add(details, &info.base);
}

static int add_quota_failure(struct details *details, const struct refusal *refusal)
{
	Google__Rpc__QuotaFailure__Violation violation =
		GOOGLE__RPC__QUOTA_FAILURE__VIOLATION__INIT;
	Google__Rpc__QuotaFailure__Violation *violations[] = { &violation };
	Google__Rpc__QuotaFailure failure = GOOGLE__RPC__QUOTA_FAILURE__INIT;
	const char *subject = refusal->subject	  ? refusal->subject
			      : refusal->resource ? refusal->resource
						  : ERROR_DOMAIN;

	if (refusal->code != CODE_RESOURCE_EXHAUSTED)
		return 0;
	violation.subject = cut_copy(details, subject, FIELD_SIZE_MAX);
	violation.description = cut_copy(details, refusal->message, DESCRIPTION_MAX);
	if (!violation.subject || !violation.description)
		return -ENOMEM;
	failure.violations = violations;
	failure.n_violations = 1;
	return add(details, &failure.base);
}

static int add_retry_info(struct details *details, const struct refusal *refusal)
{
	Google__Protobuf__Duration delay = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Rpc__RetryInfo info = GOOGLE__RPC__RETRY_INFO__INIT;

	if (refusal->retry_after_usec == 0)
		return 0;
	delay.seconds = (int64_t)(refusal->retry_after_usec / USEC_PER_SEC);
	delay.nanos = (int32_t)(refusal->retry_after_usec % USEC_PER_SEC * NSEC_PER_USEC);
	info.retry_delay = &delay;
	return add(details, &info.base);
}

static int pack(struct details *details, const struct refusal *refusal, grpc_slice *ret)
{
	static int (*const adders[])(struct details *, const struct refusal *) = {
		add_error_info,	   add_bad_request, add_resource_info,
		add_quota_failure, add_retry_info,
	};
	Google__Rpc__Status status = GOOGLE__RPC__STATUS__INIT;
	grpc_slice slice;

	static_assert(ELEMENTSOF(adders) == DETAILS_MAX, "each adds one detail at most");
	for (size_t i = 0; i < ELEMENTSOF(adders); i++) {
		int r = adders[i](details, refusal);

		if (r < 0)
			return r;
	}
	status.code = (int32_t)refusal->code;
	status.message = refusal->message;
	status.details = details->list;
	status.n_details = details->n;
	slice = grpc_slice_malloc(google__rpc__status__get_packed_size(&status));
	google__rpc__status__pack(&status, GRPC_SLICE_START_PTR(slice));
	*ret = slice;
	return 0;
}

int status_details(const struct refusal *refusal, grpc_slice *ret)
{
	struct details details = { 0 };
	int r = pack(&details, refusal, ret);

	arena_clear(&details.arena);
	return r;
}

int status_from_errno(int error, const char *method, struct refusal *refusal)
{
	log_error("%s: %s", method, strerrordesc_np(-error));
	if (error == -ENOMEM)
		return error;
	return refuse(refusal, CODE_INTERNAL, "INTERNAL", NULL,
		      "indexerd could not do this: %s; see its journal (journalctl -u indexerd)",
		      strerrordesc_np(-error));
}
