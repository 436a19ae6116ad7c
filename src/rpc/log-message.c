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
	TAG_CURSOR = TAG(4, 2),
	TAG_INDEXER = TAG(5, 2),
	TAG_EVENT = TAG(6, 0),
	TAG_LOST = TAG(7, 0),
	TAG_SECONDS = TAG(1, 0), /* of a Timestamp */
	TAG_NANOS = TAG(2, 0),
};

/* All before the content's own bytes, with all numbers at their longest, */
#define HEAD_MAX                                                                                   \
	(2 + 2 + 1 + VARINT_MAX + 2 + 2 + 2 * (1 + VARINT_MAX) + 2 + LOG_CURSOR_SIZE + 1 + 1 +     \
	 VARINT_MAX)
/* and behind them: the indexer's name. */
#define TAIL_MAX (2 + NAME_MAX_SIZE)

static_assert(LOG_CURSOR_SIZE < 0x80 && NAME_MAX_SIZE < 0x80, "a length is one byte on the wire");

static uint8_t *put_varint(uint8_t *p, uint64_t value)
{
	for (; value >= 0x80; value >>= 7)
		*p++ = (uint8_t)(value | 0x80);
	*p++ = (uint8_t)value;
	return p;
}

static size_t put_tail(uint8_t *out, const char *id)
{
	const size_t n_prefix = strlen(NAME_PREFIX), n_id = strlen(id);

	out[0] = TAG_INDEXER;
	out[1] = (uint8_t)(n_prefix + n_id);
	memcpy(out + 2, NAME_PREFIX, n_prefix);
	memcpy(out + 2 + n_prefix, id, n_id);
	return 2 + n_prefix + n_id;
}

static uint8_t *put_cursor(uint8_t *p, const struct log_mark *mark, const char *uid)
{
	*p++ = TAG_CURSOR;
	*p++ = LOG_CURSOR_SIZE;
	log_cursor_format(mark, uid, (char *)p);
	return p + LOG_CURSOR_SIZE; /* the NUL is overwritten */
}

static size_t put_head(uint8_t *out, const struct log_record *record, const char *uid,
		       size_t content_size)
{
	uint8_t *p = out, *length, *time;

	if (record->level != LEVEL_UNKNOWN) {
		*p++ = TAG_LEVEL;
		*p++ = (uint8_t)record->level;
	}
	if (record->event != LOG_LINE) {
		*p++ = TAG_EVENT;
		*p++ = (uint8_t)record->event;
	}
	if (record->lost > 0) {
		*p++ = TAG_LOST;
		p = put_varint(p, record->lost);
	}
	*p++ = TAG_TIME;
	length = p++;
	time = p;
	*p++ = TAG_SECONDS;
	p = put_varint(p, record->time / USEC_PER_SEC);
	*p++ = TAG_NANOS;
	p = put_varint(p, record->time % USEC_PER_SEC * NSEC_PER_USEC);
	*length = (uint8_t)(p - time);
	p = put_cursor(p, &record->mark, uid);
	*p++ = TAG_CONTENT; /* after the time: the order of fields is free */
	p = put_varint(p, content_size);
	return (size_t)(p - out);
}

grpc_slice log_message_pack(const struct log_record *record, const char *uid)
{
	const uint8_t *content = (const uint8_t *)record->content;
	size_t n = MIN(record->content_size, (size_t)LOG_CONTENT_MAX), size = n, n_head, n_tail;
	bool clean = text_valid_prefix(content, n) == n;
	uint8_t head[HEAD_MAX], tail[TAIL_MAX], *p;
	grpc_slice slice;

	if (!clean)
		size = text_clean_size(content, n);
	n_head = put_head(head, record, uid, size);
	n_tail = put_tail(tail, record->id);
	slice = grpc_slice_malloc(n_head + size + n_tail);
	p = GRPC_SLICE_START_PTR(slice);
	memcpy(p, head, n_head);
	p += n_head;
	if (clean) {
		memcpy(p, content, n);
		p += n;
	} else {
		p = text_clean(content, n, p);
	}
	memcpy(p, tail, n_tail);
	return slice;
}
