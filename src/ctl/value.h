/*
 * The values of options: text on the command line into numbers, times and lists.
 *
 * Each parser returns 0 or -EINVAL (or -ENOMEM) and leaves *ret alone on failure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "model/kv.h"

/* Arguments that are given more than once, in their order; the strings are lent. */
struct string_list {
	char **items;
	size_t n;
};

/* A whole number of at most `max`; no sign, no spaces. */
int parse_uint(const char *text, uint64_t max, uint64_t *ret);

/* Bytes, with K, M, G or T for powers of 1024: "512M". 0 is refused: it means "no limit" on the
 * wire. */
int parse_size(const char *text, uint64_t *ret);

/* Processor share in percent of one processor, with or without the sign: "50", "150%". Not 0. */
int parse_percent(const char *text, uint32_t *ret);

/* A span of time in microseconds: "30", "1.5", "10min", "2h". A number alone is seconds. */
int parse_span(const char *text, uint64_t *ret);

/*
 * A moment, in microseconds since the epoch. `now` is the present in the same unit. One of
 *
 *	2026-01-01T12:00:00Z, 2026-01-01T12:00:00.5+02:00	RFC 3339
 *	2026-01-01, 2026-01-01 12:00, 2026-01-01 12:00:30	local time
 *	-10min							so long ago
 *	@1767268800						seconds since the epoch
 */
int parse_time(const char *text, uint64_t now, uint64_t *ret);

/* "KEY=VALUE" into the list; the key is not empty, the value may be. The last value of a key wins.
 */
int parse_key_value(const char *text, struct kv_list *list);

/* Appends a lent string. */
int string_list_append(struct string_list *list, char *item);
void string_list_clear(struct string_list *list);
