/*
 * Fuzz target: page tokens. After the first byte the input is two texts with a NUL between them: a
 * filter and a token as a client sends it ('T'), or a filter and an id of which a token is made and
 * then damaged ('M'; two bytes before the texts say where and how).
 *
 * What is read must be the one spelling of what it says, and no token survives another digit,
 * another length or another filter, unless that has the same token.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/page_token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Reads a token; checks what a refusal says, and that it leaves no trace. */
static int read_token(const char *token, const char *filter, char id[ID_MAX])
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	char before[ID_MAX];
	int r;

	memcpy(before, id, ID_MAX);
	r = page_token_read(token, filter, id, &refusal);
	assert(r == 0 || r == REFUSED);
	if (r == 0)
		return 0;
	assert(refusal.code == CODE_INVALID_ARGUMENT && streq(refusal.field, "page_token"));
	assert(memcmp(before, id, ID_MAX) == 0);
	return REFUSED;
}

static void try_token(const char *filter, const char *token)
{
	char id[ID_MAX] = "untouched", again[PAGE_TOKEN_MAX];

	if (read_token(token, filter, id) == REFUSED)
		return;
	if (!*token) {
		assert(!*id);
		return;
	}
	assert(id_valid(id));
	page_token_make(id, filter, again);
	assert(streq(again, token));
}

static void try_damage(const char *filter, const char *id, uint8_t where, uint8_t how)
{
	char token[PAGE_TOKEN_MAX + 1], other[PAGE_TOKEN_MAX], text[ID_MAX] = "";
	size_t n, at;

	if (!id_valid(id))
		return;
	page_token_make(id, filter, token);
	assert(read_token(token, filter, text) == 0 && streq(text, id));
	page_token_make(id, "", other);
	assert((read_token(token, "", text) == 0) == streq(other, token));

	n = strlen(token);
	at = where % n;
	token[n] = (char)how; /* one longer, unless it is the NUL */
	token[n + 1] = '\0';
	assert((read_token(token, filter, text) == 0) == (how == 0));
	token[n] = '\0';
	token[at] ^= (char)how;
	assert((read_token(token, filter, text) == 0) == (how == 0 || !*token));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t head = size > 0 && data[0] == 'M' ? 3 : 1, n;
	char *text;

	if (size < head)
		return 0;
	n = size - head;
	text = calloc(1, n + 2);
	assert(text);
	memcpy(text, data + head, n);
	if (head == 1)
		try_token(text, text + strlen(text) + 1);
	else
		try_damage(text, text + strlen(text) + 1, data[1], data[2]);
	free(text);
	return 0;
}
