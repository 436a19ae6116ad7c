/*
 * Page tokens: a position in the order by id, bound to a filter and sealed against damage.
 *
 * The seal is a hash without a secret: it finds accidents, not forgers, who would win nothing but a
 * page that they may ask for anyway. No state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/page_token.h"

#include <errno.h>
#include <string.h>

#include "common/util.h"

#define VERSION	   1
#define HASH_SIZE  4
#define FRAME_SIZE (1 + HASH_SIZE + HASH_SIZE) /* all but the id */
#define BYTES_MAX  (FRAME_SIZE + ID_MAX - 1)

static void hash_put(const void *data, size_t n, unsigned char out[HASH_SIZE])
{
	const unsigned char *bytes = data;
	uint32_t hash = 0x811c9dc5;

	for (size_t i = 0; i < n; i++)
		hash = (hash ^ bytes[i]) * 0x01000193;
	for (size_t i = 0; i < HASH_SIZE; i++)
		out[i] = (unsigned char)(hash >> (8 * (HASH_SIZE - 1 - i)));
}

static void filter_hash_put(const char *filter, unsigned char out[HASH_SIZE])
{
	if (!filter)
		filter = "";
	hash_put(filter, strlen(filter), out);
}

void page_token_make(const char *last_id, const char *filter, char buffer[PAGE_TOKEN_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char bytes[BYTES_MAX] = { VERSION };
	size_t n_id = strlen(last_id), n = 1 + HASH_SIZE + n_id;

	assert(id_valid(last_id));
	filter_hash_put(filter, bytes + 1);
	memcpy(bytes + 1 + HASH_SIZE, last_id, n_id);
	hash_put(bytes, n, bytes + n);
	n += HASH_SIZE;
	for (size_t i = 0; i < n; i++) {
		buffer[2 * i] = digits[bytes[i] >> 4];
		buffer[2 * i + 1] = digits[bytes[i] & 15];
	}
	buffer[2 * n] = '\0';
}

/* Lower case only: one position has one spelling. */
static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -EINVAL;
}

/* Returns the number of bytes, or -EINVAL. */
static int hex_decode(const char *text, unsigned char out[BYTES_MAX])
{
	size_t n = strnlen(text, PAGE_TOKEN_MAX);

	if (n % 2 || n / 2 > BYTES_MAX)
		return -EINVAL;
	for (size_t i = 0; i < n / 2; i++) {
		int high = hex_digit(text[2 * i]), low = hex_digit(text[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		out[i] = (unsigned char)(high << 4 | low);
	}
	return (int)(n / 2);
}

/* Takes a token apart; -EINVAL where it is not one of ours, with no word about the filter yet. */
static int token_parse(const char *token, unsigned char filter_hash[HASH_SIZE], char id[ID_MAX])
{
	unsigned char bytes[BYTES_MAX], seal[HASH_SIZE];
	char text[ID_MAX] = "";
	int n = hex_decode(token, bytes);

	if (n <= FRAME_SIZE || bytes[0] != VERSION)
		return -EINVAL;
	hash_put(bytes, (size_t)n - HASH_SIZE, seal);
	if (memcmp(seal, bytes + n - HASH_SIZE, HASH_SIZE) != 0)
		return -EINVAL;
	memcpy(text, bytes + 1 + HASH_SIZE, (size_t)n - FRAME_SIZE);
	if (!id_valid(text) || strlen(text) != (size_t)n - FRAME_SIZE)
		return -EINVAL;
	memcpy(filter_hash, bytes + 1, HASH_SIZE);
	memcpy(id, text, ID_MAX);
	return 0;
}

int page_token_read(const char *token, const char *filter, char last_id[ID_MAX],
		    struct refusal *refusal)
{
	unsigned char want[HASH_SIZE], got[HASH_SIZE];
	char id[ID_MAX];

	if (isempty(token)) {
		last_id[0] = '\0';
		return 0;
	}
	if (token_parse(token, got, id) < 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token",
			      "page_token: '%.*s' is not a token of this server", PAGE_TOKEN_MAX,
			      token);
	filter_hash_put(filter, want);
	if (memcmp(want, got, HASH_SIZE) != 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "PAGE_TOKEN_INVALID", "page_token",
			      "page_token: '%s' belongs to another filter; begin again without a "
			      "token",
			      token);
	memcpy(last_id, id, ID_MAX);
	return 0;
}
