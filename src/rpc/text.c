/*
 * Checking and mending UTF-8; see text.h. Nearly all text is ASCII: eight bytes are looked at in
 * one step, and only what is not ASCII is decoded.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "model/utf8.h"
#include "rpc/text.h"

static const uint8_t replacement[] = { 0xef, 0xbf, 0xbd }; /* U+FFFD */

/* Whether one of eight bytes is 0 or above 0x7f; never misses one, may rarely be wrong otherwise.
 */
static int is_special(const uint8_t *s)
{
	const uint64_t ones = 0x0101010101010101ULL, tops = 0x8080808080808080ULL;
	uint64_t word;

	memcpy(&word, s, sizeof(word));
	return ((word | (word - ones)) & tops) != 0;
}

size_t text_valid_prefix(const uint8_t *s, size_t n)
{
	size_t i = 0;

	while (i < n) {
		uint32_t c;
		size_t length;

		if (n - i >= 8 && !is_special(s + i)) {
			i += 8;
			continue;
		}
		length = utf8_decode((const char *)s + i, n - i, &c);
		if (length == 0 || c == 0)
			break;
		i += length;
	}
	return i;
}

size_t text_clean_size(const uint8_t *s, size_t n)
{
	size_t size = 0, i = 0;

	while (i < n) {
		size_t good = text_valid_prefix(s + i, n - i);

		size += good;
		i += good;
		if (i < n) {
			size += sizeof(replacement);
			i++;
		}
	}
	return size;
}

uint8_t *text_clean(const uint8_t *s, size_t n, uint8_t *out)
{
	size_t i = 0;

	while (i < n) {
		size_t good = text_valid_prefix(s + i, n - i);

		memcpy(out, s + i, good);
		out += good;
		i += good;
		if (i < n) {
			memcpy(out, replacement, sizeof(replacement));
			out += sizeof(replacement);
			i++;
		}
	}
	return out;
}

size_t text_cut(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);

	if (n <= max)
		return n;
	for (n = max; n > 0 && ((uint8_t)s[n] & 0xc0) == 0x80;)
		n--;
	return n;
}
