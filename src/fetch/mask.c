/*
 * Secrets, taken out of lines; see mask.h. Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/mask.h"

#include <errno.h>
#include <stdbool.h>

#include "common/util.h"

#define SLASHES "://"

int mask_add(struct mask *mask, const char *text, size_t size)
{
	if (size < MASK_SECRET_LEAST)
		return 0;
	if (mask->n == MASK_SECRETS_MAX)
		return -E2BIG;
	mask->secrets[mask->n].text = text;
	mask->secrets[mask->n++].size = size;
	return 0;
}

static bool ends_authority(char c)
{
	return (unsigned char)c <= ' ' || strchr("/'\"<>?#", c);
}

/* A user of ssh is no secret, and helps. */
static bool is_secret(const char *scheme_end, const char *line, const char *user, size_t size)
{
	return memchr(user, ':', size) ||
	       (scheme_end - line >= 4 && !memcmp(scheme_end - 4, "http", 4)) ||
	       (scheme_end - line >= 5 && !memcmp(scheme_end - 5, "https", 5));
}

static void mask_urls(char *text, size_t size)
{
	char *end = text + size, *p = text, *colon;

	while ((colon = memmem(p, (size_t)(end - p), SLASHES, strlen(SLASHES)))) {
		char *user = colon + strlen(SLASHES), *at;

		for (p = user; p < end && !ends_authority(*p); p++)
			;
		at = memrchr(user, '@', (size_t)(p - user));
		if (at && is_secret(colon, text, user, (size_t)(at - user)))
			memset(user, '*', (size_t)(at - user));
	}
}

void mask_line(const struct mask *mask, char *text, size_t size)
{
	for (size_t i = 0; i < mask->n; i++) {
		const size_t n = mask->secrets[i].size;
		char *p = text;

		while ((p = memmem(p, size - (size_t)(p - text), mask->secrets[i].text, n))) {
			memset(p, '*', n);
			p += n;
		}
	}
	mask_urls(text, size);
}
