/*
 * The wire walked before anything is unpacked.
 *
 * protobuf-c trusts its input: it checks no UTF-8, cuts strings at a NUL, follows nesting until the
 * stack ends, and may use 45 times the message's size in memory. So a request is first walked by
 * its descriptor, and only one that passes is unpacked.
 *
 * Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

#include "model/refusal.h"

#define WIRE_DEPTH_MAX	  16	/* messages inside each other */
#define WIRE_ELEMENTS_MAX 10000 /* fields on the wire, all levels together */

enum wire_type {
	WIRE_VARINT = 0,
	WIRE_FIXED64 = 1,
	WIRE_LENGTH = 2,
	WIRE_FIXED32 = 5, /* 3 and 4 are groups, which proto3 does not have */
};

/* One field as it stands on the wire. */
struct wire_item {
	uint32_t id;
	enum wire_type type;
	const uint8_t *data; /* of WIRE_LENGTH: the payload */
	size_t size;
};

/* Reads one field and returns what follows it, or NULL where the bytes are no field. */
const uint8_t *wire_read(const uint8_t *p, const uint8_t *end, struct wire_item *ret);

/*
 * Checks a serialized message. REFUSED (INVALID_ARGUMENT; MESSAGE_MALFORMED, MESSAGE_TOO_COMPLEX or
 * TEXT_INVALID) names the field's path, e.g. "indexer.labels[3].value is not valid UTF-8".
 */
int wire_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
	       struct refusal *refusal);
