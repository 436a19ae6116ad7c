/*
 * Cursors; see cursor.h. Of one size, so that each position has one spelling: the bytes below in
 * base64url, numbers with the highest byte first.
 *
 *	1 version and flags		16 id of the series	6 number in the series
 *	16 id of the boot		6 monotonic time	7 wall clock
 *	8 invocation			3 * 6 numbers of lines	4 hash of the uid	5 seal
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "journal/cursor.h"

#define VERSION	       0x20
#define VERSION_TREE   0x40 /* of a recursive stream */
#define VERSION_MASK   0xe0
#define FLAG_INCLUSIVE 0x01
#define FLAG_ENDED     0x02
#define FLAG_KNOWN     0x04 /* and the two above: one for each class */
#define UID_HASH_SIZE  4
#define SEAL_SIZE      5
#define BYTES	       (LOG_CURSOR_SIZE / 4 * 3)
#define SEALED	       (BYTES - SEAL_SIZE)

static_assert(1 + 16 + 6 + 16 + 6 + 7 + 8 + CLASS_N * 6 + UID_HASH_SIZE == SEALED, "all fits");

#define ID_DIGITS	  32
#define INVOCATION_DIGITS 16

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

uint64_t log_invocation(const char *id, size_t size)
{
	uint64_t value = 0;

	if (size != ID_DIGITS)
		return 0;
	for (size_t i = 0; i < INVOCATION_DIGITS; i++) {
		char c = id[i];

		if (!isxdigit((unsigned char)c))
			return 0;
		value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
	}
	return value;
}

static uint64_t hash(const void *data, size_t n)
{
	const uint8_t *bytes = data;
	uint64_t value = 0xcbf29ce484222325; /* FNV-1a */

	for (size_t i = 0; i < n; i++)
		value = (value ^ bytes[i]) * 0x100000001b3;
	return value ^ value >> 32; /* its low bits know little of the last bytes */
}

static uint8_t *put_number(uint8_t *p, uint64_t value, size_t size)
{
	for (size_t i = size; i > 0; i--, value >>= 8)
		p[i - 1] = (uint8_t)value;
	return p + size;
}

static uint8_t *put_id(uint8_t *p, sd_id128_t id)
{
	memcpy(p, id.bytes, sizeof(id.bytes));
	return p + sizeof(id.bytes);
}

static const uint8_t *get_number(const uint8_t *p, uint64_t *value, size_t size)
{
	*value = 0;
	for (size_t i = 0; i < size; i++)
		*value = *value << 8 | p[i];
	return p + size;
}

static const uint8_t *get_id(const uint8_t *p, sd_id128_t *id)
{
	memcpy(id->bytes, p, sizeof(id->bytes));
	return p + sizeof(id->bytes);
}

static void encode(const uint8_t bytes[BYTES], char text[LOG_CURSOR_SIZE + 1])
{
	for (size_t i = 0; i < BYTES; i += 3) {
		uint32_t group =
			(uint32_t)bytes[i] << 16 | (uint32_t)bytes[i + 1] << 8 | bytes[i + 2];

		*text++ = digits[group >> 18];
		*text++ = digits[group >> 12 & 63];
		*text++ = digits[group >> 6 & 63];
		*text++ = digits[group & 63];
	}
	*text = '\0';
}

static int decode(const char *text, uint8_t bytes[BYTES])
{
	if (strnlen(text, LOG_CURSOR_SIZE + 1) != LOG_CURSOR_SIZE)
		return -EINVAL;
	for (size_t i = 0; i < BYTES; i += 3) {
		uint32_t group = 0;

		for (size_t k = 0; k < 4; k++) {
			const char *digit = strchr(digits, *text++);

			if (!digit)
				return -EINVAL;
			group = group << 6 | (uint32_t)(digit - digits);
		}
		put_number(bytes + i, group, 3);
	}
	return 0;
}

void log_cursor_format(const struct log_mark *mark, const char *uid, char text[LOG_CURSOR_SIZE + 1])
{
	const struct log_numbers *numbers = &mark->numbers;
	uint8_t bytes[BYTES], *p = bytes;

	*p = (uint8_t)((mark->recursive ? VERSION_TREE : VERSION) |
		       (mark->inclusive ? FLAG_INCLUSIVE : 0) | (numbers->ended ? FLAG_ENDED : 0));
	for (int i = 0; i < CLASS_N; i++)
		*p |= (uint8_t)(numbers->known[i] ? FLAG_KNOWN << i : 0);
	p++;
	p = put_id(p, mark->at.seqnum_id);
	p = put_number(p, mark->at.seqnum, 6);
	p = put_id(p, mark->at.boot_id);
	p = put_number(p, mark->at.monotonic, 6);
	p = put_number(p, mark->at.realtime, 7);
	p = put_number(p, numbers->invocation, 8);
	for (int i = 0; i < CLASS_N; i++)
		p = put_number(p, numbers->last.n[i], 6);
	p = put_number(p, hash(uid, strlen(uid)), UID_HASH_SIZE);
	(void)put_number(p, hash(bytes, SEALED), SEAL_SIZE);
	encode(bytes, text);
}

int log_cursor_parse(const char *text, const char *uid, struct log_mark *ret)
{
	struct log_mark mark = { .at.is_set = true };
	struct log_numbers *numbers = &mark.numbers;
	uint8_t bytes[BYTES], check[SEAL_SIZE];
	const uint8_t *p = bytes + 1;

	if (decode(text, bytes) < 0)
		return -EINVAL;
	(void)put_number(check, hash(bytes, SEALED), SEAL_SIZE);
	mark.recursive = (bytes[0] & VERSION_MASK) == VERSION_TREE;
	if ((!mark.recursive && (bytes[0] & VERSION_MASK) != VERSION) ||
	    memcmp(check, bytes + SEALED, SEAL_SIZE) != 0)
		return -EINVAL;
	(void)put_number(check, hash(uid, strlen(uid)), UID_HASH_SIZE);
	if (memcmp(check, bytes + SEALED - UID_HASH_SIZE, UID_HASH_SIZE) != 0)
		return -EXDEV;
	mark.inclusive = bytes[0] & FLAG_INCLUSIVE;
	numbers->ended = bytes[0] & FLAG_ENDED;
	p = get_id(p, &mark.at.seqnum_id);
	p = get_number(p, &mark.at.seqnum, 6);
	p = get_id(p, &mark.at.boot_id);
	p = get_number(p, &mark.at.monotonic, 6);
	p = get_number(p, &mark.at.realtime, 7);
	p = get_number(p, &numbers->invocation, 8);
	for (int i = 0; i < CLASS_N; i++) {
		p = get_number(p, &numbers->last.n[i], 6);
		numbers->known[i] = bytes[0] & FLAG_KNOWN << i;
	}
	*ret = mark;
	return 0;
}
