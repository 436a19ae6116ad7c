/*
 * The walk over a serialized message; see wire.h.
 *
 * The way down is a chain of frames on the stack. Paths and indexes are worked out only when
 * something is refused, so a good message pays for the walk alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "rpc/text.h"
#include "rpc/wire.h"

#define PATH_SIZE 256

/* A message under way: its bytes and where in them we are. */
struct frame {
	const struct frame *parent;
	const ProtobufCMessageDescriptor *descriptor;
	const uint8_t *begin, *end;
	const uint8_t *at;		       /* the tag of the field under way */
	const ProtobufCFieldDescriptor *field; /* NULL for a field that is not in the descriptor */
};

struct walk {
	struct refusal *refusal;
	size_t elements;
};

static const uint8_t *read_varint(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	uint64_t value = 0;

	for (unsigned shift = 0; p < end && shift < 70; shift += 7, p++) {
		value |= (uint64_t)(*p & 0x7f) << MIN(shift, 63U);
		if (!(*p & 0x80)) {
			*ret = value;
			return p + 1;
		}
	}
	return NULL;
}

const uint8_t *wire_read(const uint8_t *p, const uint8_t *end, struct wire_item *ret)
{
	uint64_t tag, n;

	p = read_varint(p, end, &tag);
	if (!p || tag > UINT32_MAX || tag >> 3 == 0)
		return NULL;
	ret->id = (uint32_t)(tag >> 3);
	ret->type = tag & 7;
	switch (ret->type) {
	case WIRE_VARINT:
		return read_varint(p, end, &n);
	case WIRE_FIXED64:
		return end - p >= 8 ? p + 8 : NULL;
	case WIRE_FIXED32:
		return end - p >= 4 ? p + 4 : NULL;
	case WIRE_LENGTH:
		p = read_varint(p, end, &n);
		if (!p || n > (size_t)(end - p))
			return NULL;
		ret->data = p;
		ret->size = n;
		return p + n;
	}
	return NULL;
}

/* How many fields with the frame's number stand before the one under way. */
static size_t index_of(const struct frame *frame)
{
	struct wire_item item;
	size_t index = 0;

	for (const uint8_t *p = frame->begin; p && p < frame->at;) {
		p = wire_read(p, frame->end, &item);
		index += item.id == frame->field->id;
	}
	return index;
}

/* Writes the path of the field under way, e.g. "indexer.labels[3].value"; "" for the root itself.
 */
static size_t write_path(const struct frame *frame, char *buffer, size_t size)
{
	size_t n = frame->parent ? write_path(frame->parent, buffer, size) : 0;
	int m;

	if (!frame->field || n >= size)
		return n;
	m = snprintf(buffer + n, size - n, "%s%s", n ? "." : "", frame->field->name);
	n += (size_t)m;
	if (n < size && frame->field->label == PROTOBUF_C_LABEL_REPEATED)
		n += (size_t)snprintf(buffer + n, size - n, "[%zu]", index_of(frame));
	return n;
}

static int refuse_field(const struct walk *walk, const struct frame *frame, const char *reason,
			const char *words)
{
	char path[PATH_SIZE] = "";

	write_path(frame, path, sizeof(path));
	return refuse(walk->refusal, CODE_INVALID_ARGUMENT, reason, *path ? path : NULL, "%s %s",
		      *path ? path : "the message", words);
}

static enum wire_type wire_type_of(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return WIRE_FIXED32;
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		return WIRE_FIXED64;
	case PROTOBUF_C_TYPE_STRING:
	case PROTOBUF_C_TYPE_BYTES:
	case PROTOBUF_C_TYPE_MESSAGE:
		return WIRE_LENGTH;
	default:
		return WIRE_VARINT;
	}
}

static int check_text(const struct walk *walk, const struct frame *frame,
		      const struct wire_item *item)
{
	size_t good = text_valid_prefix(item->data, item->size);

	if (good == item->size)
		return 0;
	return refuse_field(walk, frame, "TEXT_INVALID",
			    item->data[good] == 0 ? "contains a NUL" : "is not valid UTF-8");
}

static int check_message(struct walk *walk, const struct frame *parent, unsigned depth,
			 const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
			 size_t size);

static int check_field(struct walk *walk, const struct frame *frame, unsigned depth,
		       const struct wire_item *item)
{
	const ProtobufCFieldDescriptor *field = frame->field;

	if (++walk->elements > WIRE_ELEMENTS_MAX)
		return refuse_field(walk, frame, "MESSAGE_TOO_COMPLEX",
				    "is one field too many: a message has at most 10,000");
	if (!field)
		return 0;
	if (item->type != wire_type_of(field->type)) {
		if (item->type != WIRE_LENGTH || field->label != PROTOBUF_C_LABEL_REPEATED)
			return refuse_field(walk, frame, "MESSAGE_MALFORMED",
					    "has another type on the wire than in the API");
		walk->elements += item->size; /* packed scalars: a byte each at least */
		return 0;
	}
	if (field->type == PROTOBUF_C_TYPE_STRING)
		return check_text(walk, frame, item);
	if (field->type == PROTOBUF_C_TYPE_MESSAGE)
		return check_message(walk, frame, depth + 1, field->descriptor, item->data,
				     item->size);
	return 0;
}

static int check_message(struct walk *walk, const struct frame *parent, unsigned depth,
			 const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
			 size_t size)
{
	struct frame frame = { parent, descriptor, data, data + size, data, NULL };
	const uint8_t *next;

	if (depth > WIRE_DEPTH_MAX)
		return refuse_field(walk, parent, "MESSAGE_TOO_COMPLEX", "is nested too deeply");
	for (; frame.at < frame.end; frame.at = next) {
		struct wire_item item;
		int r;

		frame.field = NULL;
		next = wire_read(frame.at, frame.end, &item);
		if (!next)
			return refuse_field(walk, &frame, "MESSAGE_MALFORMED",
					    "is not a valid protobuf message");
		frame.field = protobuf_c_message_descriptor_get_field(descriptor, item.id);
		r = check_field(walk, &frame, depth, &item);
		if (r != 0)
			return r;
	}
	return 0;
}

int wire_check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t size,
	       struct refusal *refusal)
{
	struct walk walk = { .refusal = refusal };

	return check_message(&walk, NULL, 1, descriptor, data, size);
}
