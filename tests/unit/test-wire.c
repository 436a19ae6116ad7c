/*
 * The walk over the wire: what is refused before anything is unpacked, and how it is named.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "common/util.h"
#include "grpc/reflection/v1/reflection.pb-c.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "rpc/text.h"
#include "rpc/wire.h"
#include "tap.h"

/* A message under construction, written by hand. */
struct bytes {
	uint8_t data[128 * 1024];
	size_t n;
};

static struct bytes buffer;

static void put(struct bytes *b, const void *data, size_t n)
{
	memcpy(b->data + b->n, data, n);
	b->n += n;
}

static void put_field(struct bytes *b, uint8_t id, const void *data, size_t n)
{
	const uint8_t head[] = { (uint8_t)(id << 3 | WIRE_LENGTH), (uint8_t)(n & 0x7f) | 0x80,
				 (uint8_t)(n >> 7 & 0x7f) | 0x80, (uint8_t)(n >> 14) };

	put(b, head, sizeof(head));
	put(b, data, n);
}

/* A create request whose indexer has four labels, the last with this value. */
static void make_labels(struct bytes *b, const char *value, size_t size)
{
	static struct bytes indexer, entry;

	indexer.n = 0;
	for (int i = 0; i < 4; i++) {
		entry.n = 0;
		put_field(&entry, 1, "key", 3);
		put_field(&entry, 2, i == 3 ? value : "ok", i == 3 ? size : 2);
		put_field(&indexer, 2, entry.data, entry.n);
	}
	b->n = 0;
	put_field(b, 1, "my-id", 5);
	put_field(b, 2, indexer.data, indexer.n);
}

static const ProtobufCMessageDescriptor *const create =
	&indexerd__v1__create_indexer_request__descriptor;

static void check(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data, size_t n,
		  const char *message, const char *what)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	int r = wire_check(descriptor, data, n, &refusal);

	is_int(r, message ? REFUSED : 0, "%s: %s", what, message ? "refused" : "passes");
	is_str(refusal.message, message, "%s: in these words", what);
	if (message)
		is_int(refusal.code, CODE_INVALID_ARGUMENT, "%s: INVALID_ARGUMENT", what);
}

static void test_text(void)
{
	static const struct {
		const char *value;
		size_t n;
		const char *message;
	} rows[] = {
		{ "plain", 5, NULL },
		{ "", 0, NULL },
		{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80", 15, NULL },
		{ "a\0b", 3, "indexer.labels[3].value contains a NUL" },
		{ "\0", 1, "indexer.labels[3].value contains a NUL" },
		{ "long enough for the fast way\0.", 30, "indexer.labels[3].value contains a NUL" },
		{ "\xff", 1, "indexer.labels[3].value is not valid UTF-8" },
		{ "12345678\x80", 9, "indexer.labels[3].value is not valid UTF-8" },
		{ "\xc3", 1, "indexer.labels[3].value is not valid UTF-8" },
		{ "\xc0\x80", 2, "indexer.labels[3].value is not valid UTF-8" },
		{ "\xed\xa0\x80", 3, "indexer.labels[3].value is not valid UTF-8" },
		{ "\xf4\x90\x80\x80", 4, "indexer.labels[3].value is not valid UTF-8" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char what[32];

		snprintf(what, sizeof(what), "label %zu", i);
		make_labels(&buffer, rows[i].value, rows[i].n);
		check(create, buffer.data, buffer.n, rows[i].message, what);
	}
}

static void test_malformed(void)
{
	static const uint8_t field_zero[] = { 0x02, 0x00 };
	static const uint8_t group[] = { 0x0b, 0x0c };
	static const uint8_t too_long[] = { 0x0a, 0x05, 'a' };
	static const uint8_t endless[] = { 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
					   0xff, 0xff, 0xff, 0xff, 0xff, 0x01 };
	static const uint8_t huge[] = { 0x0a, 0xff, 0xff, 0xff, 0xff, 0xff,
					0xff, 0xff, 0xff, 0xff, 0x01, 'a' };
	static const uint8_t number[] = { 0x08, 0x01 };
	static const uint8_t unknown[] = { 0xfa, 0x7f, 0x01, 0xff };
	static const uint8_t nested[] = { 0x12, 0x04, 0x5a, 0x02, 0x08, 0x80 };
	const char *words = "the message is not a valid protobuf message";

	check(create, NULL, 0, NULL, "empty");
	check(create, field_zero, sizeof(field_zero), words, "field number 0");
	check(create, group, sizeof(group), words, "a group");
	check(create, too_long, sizeof(too_long), words, "a length behind the end");
	check(create, endless, sizeof(endless), words, "a varint of 12 bytes");
	check(create, huge, sizeof(huge), words, "a length of 2^63");
	check(create, number, sizeof(number),
	      "indexer_id has another type on the wire than in the API", "a number for a string");
	check(create, unknown, sizeof(unknown), NULL, "an unknown field may hold any bytes");
	check(create, nested, sizeof(nested), "indexer.resources is not a valid protobuf message",
	      "a cut message inside");
}

static void test_limits(void)
{
	static struct bytes many;
	_cleanup_refusal_ struct refusal refusal = { 0 };

	many.n = 0;
	for (int i = 0; i < WIRE_ELEMENTS_MAX; i++)
		put(&many, "\x52\x00", 2); /* args: "" */
	is_int(wire_check(&indexerd__v1__indexer__descriptor, many.data, many.n, &refusal), 0,
	       "10,000 fields pass");
	put(&many, "\x52\x00", 2);
	is_int(wire_check(&indexerd__v1__indexer__descriptor, many.data, many.n, &refusal), REFUSED,
	       "10,001 do not");
	is_str(refusal.reason, "MESSAGE_TOO_COMPLEX", "for this reason");
	is_str(refusal.field, "args[10000]", "and the field is named");
}

/* A message that may hold itself: a reflection response has its request, which ends there. */
static void test_depth(void)
{
	static ProtobufCFieldDescriptor field;
	static ProtobufCMessageDescriptor self;
	static const ProtobufCIntRange ranges[] = { { 1, 0 }, { 0, 1 } };
	static struct bytes inner, outer;

	field = (ProtobufCFieldDescriptor){ .name = "self",
					    .id = 1,
					    .label = PROTOBUF_C_LABEL_NONE,
					    .type = PROTOBUF_C_TYPE_MESSAGE,
					    .descriptor = &self };
	self = (ProtobufCMessageDescriptor){ .magic = PROTOBUF_C__MESSAGE_DESCRIPTOR_MAGIC,
					     .n_fields = 1,
					     .fields = &field,
					     .n_field_ranges = 1,
					     .field_ranges = ranges };
	inner.n = 0;
	for (int depth = 2; depth <= WIRE_DEPTH_MAX + 1; depth++) {
		_cleanup_refusal_ struct refusal refusal = { 0 };
		int want = depth <= WIRE_DEPTH_MAX ? 0 : REFUSED;

		outer.n = 0;
		put_field(&outer, 1, inner.data, inner.n);
		inner = outer;
		if (depth >= WIRE_DEPTH_MAX)
			is_int(wire_check(&self, outer.data, outer.n, &refusal), want,
			       "%d messages inside each other", depth);
	}
}

static void test_clean(void)
{
	static const struct {
		const char *in;
		size_t n;
		const char *out;
	} rows[] = {
		{ "fine", 4, "fine" },
		{ "", 0, "" },
		{ "a\xff", 2, "a\xef\xbf\xbd" },
		{ "\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd" },
		{ "a\0b", 3,
		  "a\xef\xbf\xbd"
		  "b" },
		{ "12345678\xc3\xbc\xfe!", 12, "12345678\xc3\xbc\xef\xbf\xbd!" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const uint8_t *in = (const uint8_t *)rows[i].in;
		char out[64] = "";
		uint8_t *end = text_clean(in, rows[i].n, (uint8_t *)out);

		is_str(out, rows[i].out, "cleaned text %zu", i);
		is_int((long long)text_clean_size(in, rows[i].n), end - (uint8_t *)out,
		       "its size is known beforehand");
	}
	is_int((long long)text_cut("gr\xc3\xbc\xc3\x9f", 3), 2, "a cut is between characters");
	is_int((long long)text_cut("abc", 3), 3, "what fits is not cut");
}

int main(void)
{
	test_text();
	test_malformed();
	test_limits();
	test_depth();
	test_clean();
	return tap_done();
}
