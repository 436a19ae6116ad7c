/*
 * Packing of log records; see log-message.h. The tags are indexer_runner.proto's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "rpc/log-message.h"
#include "rpc/text.h"

#define VARINT_MAX    10
#define TAG(id, type) ((id) << 3 | (type))

enum {
	TAG_LEVEL = TAG(1, 0),
	TAG_CONTENT = TAG(2, 2),
	TAG_TIME = TAG(3, 2),
	TAG_INDEXER = TAG(5, 2),
	TAG_SECONDS = TAG(1, 0), /* of a Timestamp */
	TAG_NANOS = TAG(2, 0),
};

/* Level, tag and length of the content, and the time, with all numbers at their longest. */
#define FIXED_MAX (2 + 1 + VARINT_MAX + 2 + 2 * (1 + VARINT_MAX))

static uint8_t *put_varint(uint8_t *p, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*p++ = (uint8_t)(value | 0x80);
	*p++ = (uint8_t)value;
	return p;
}

void log_suffix_make(struct log_suffix *suffix, const char *id)
{
	char name[NAME_MAX_SIZE];
	size_t n;

	name_from_id(id, name);
	n = strlen(name);
	static_assert(NAME_MAX_SIZE < 0x80, "its length is one byte on the wire");
	suffix->bytes[0] = TAG_INDEXER;
	suffix->bytes[1] = (uint8_t)n;
	memcpy(suffix->bytes + 2, name, n);
	suffix->size = 2 + n;
}

/* Everything before the content's own bytes. */
static size_t put_head(uint8_t *out, const struct log_record *record, size_t content_size)
{
	uint8_t *p = out, *length, *time;

	if (record->level != LEVEL_UNKNOWN) {
		*p++ = TAG_LEVEL;
		*p++ = (uint8_t)record->level;
	}
	*p++ = TAG_TIME;
	length = p++;
	time = p;
	*p++ = TAG_SECONDS;
	p = put_varint(p, record->time / USEC_PER_SEC);
	*p++ = TAG_NANOS;
	p = put_varint(p, record->time % USEC_PER_SEC * NSEC_PER_USEC);
	*length = (uint8_t)(p - time);
	*p++ = TAG_CONTENT; /* after the time: the order of fields is free */
	p = put_varint(p, content_size);
	return (size_t)(p - out);
}

grpc_slice log_message_pack(const struct log_record *record, const struct log_suffix *suffix)
{
	const uint8_t *content = (const uint8_t *)record->content;
	size_t n = MIN(record->content_size, (size_t)LOG_CONTENT_MAX), size = n, head;
	bool clean = text_valid_prefix(content, n) == n;
	uint8_t fixed[FIXED_MAX], *p;
	grpc_slice slice;

	if (!clean)
		size = text_clean_size(content, n);
	head = put_head(fixed, record, size);
	slice = grpc_slice_malloc(head + size + suffix->size);
	p = GRPC_SLICE_START_PTR(slice);
	memcpy(p, fixed, head);
	p += head;
	if (clean) {
		memcpy(p, content, n);
		p += n;
	} else {
		p = text_clean(content, n, p);
	}
	memcpy(p, suffix->bytes, suffix->size);
	return slice;
}
