/*
 * Secrets, taken out of lines before anybody sees them: texts that are known, and what stands
 * before the @ of a URL.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#define MASK_SECRETS_MAX 128
/* What is shorter stands in any text. */
#define MASK_SECRET_LEAST 6

/* All zero knows none. The texts are lent. */
struct mask {
	struct {
		const char *text;
		size_t size;
	} secrets[MASK_SECRETS_MAX];
	size_t n;
};

/* Adds a secret, unless it is too short; -E2BIG where there are as many as there can be. */
int mask_add(struct mask *mask, const char *text, size_t size);

/*
 * Writes asterisks over all secrets in a line, whose size stays. Of a URL's user and password both
 * are covered, and so is a user alone at http and https, who may be a token.
 */
void mask_line(const struct mask *mask, char *text, size_t size);
