/*
 * Page tokens of ListIndexers: opaque to a client, and bound to the filter that they were made
 * under.
 *
 * A token is hexadecimal: one byte of version, four of the filter's hash (FNV-1a, 32 bits), the id
 * of the last row given, and four of a hash over all that. It names a position in the order by id,
 * so rows may come and go between pages and each row that stays is seen exactly once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/id.h"

#define PAGE_TOKEN_MAX (2 * (1 + 4 + ID_MAX + 4) + 1) /* bytes, NUL included */

/* Writes the token for "the rows after last_id" under a filter. */
void page_token_make(const char *last_id, const char *filter, char buffer[PAGE_TOKEN_MAX]);

/*
 * Reads a token into last_id; "" is the first page. REFUSED (INVALID_ARGUMENT, PAGE_TOKEN_INVALID)
 * where it is damaged or belongs to another filter.
 */
int page_token_read(const char *token, const char *filter, char last_id[ID_MAX],
		    struct refusal *refusal);
