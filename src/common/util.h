/*
 * The few words that every layer needs and that C does not have.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#define ELEMENTSOF(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b)                                                                                  \
	({                                                                                         \
		__auto_type min_a_ = (a);                                                          \
		__auto_type min_b_ = (b);                                                          \
		min_a_ < min_b_ ? min_a_ : min_b_;                                                 \
	})
#define MAX(a, b)                                                                                  \
	({                                                                                         \
		__auto_type max_a_ = (a);                                                          \
		__auto_type max_b_ = (b);                                                          \
		max_a_ > max_b_ ? max_a_ : max_b_;                                                 \
	})

#define USEC_PER_SEC  1000000ULL
#define USEC_PER_MSEC 1000ULL
#define NSEC_PER_USEC 1000ULL

/* The structure of a type, whose member the pointer points to. */
#define CONTAINER_OF(pointer, type, member)                                                        \
	((type *)(void *)((char *)(pointer)-offsetof(type, member)))

/* A uid, an invocation id or a boot id in text: 32 hexadecimal digits and the NUL. */
#define ID128_TEXT_MAX 33

static inline bool streq(const char *a, const char *b)
{
	return strcmp(a, b) == 0;
}

/* The same of texts that may be NULL: two of these are equal, too. */
static inline bool streq_null(const char *a, const char *b)
{
	return a && b ? streq(a, b) : a == b;
}

/* True for NULL and for "". */
static inline bool isempty(const char *s)
{
	return !s || !*s;
}

/* Returns what follows the prefix in s, or NULL. */
static inline const char *startswith(const char *s, const char *prefix)
{
	size_t n = strlen(prefix);

	return strncmp(s, prefix, n) == 0 ? s + n : NULL;
}

/*
 * Reads decimal digits, without a sign, at p. Returns what follows them, or NULL where there are
 * none, or more than 64 bits hold; then *ret is untouched.
 */
static inline const char *decimal_read(const char *p, const char *end, uint64_t *ret)
{
	const char *begin = p;
	uint64_t n = 0;

	for (; p < end && *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
			return NULL;
	if (p == begin)
		return NULL;
	*ret = n;
	return p;
}

/* A number for a table: FNV-1a. */
static inline uint32_t text_hash(const char *s)
{
	uint32_t hash = 2166136261U;

	for (; *s; s++)
		hash = (hash ^ (unsigned char)*s) * 16777619U;
	return hash;
}

/* The time of clock, in microseconds. */
static inline uint64_t now_usec(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * USEC_PER_SEC + (uint64_t)ts.tv_nsec / NSEC_PER_USEC;
}
