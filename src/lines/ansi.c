/*
 * Terminal control sequences; see ansi.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <string.h>

#include "lines/ansi.h"

#define ESC '\033'
#define BEL '\a'

/* Counts bytes from p on that lie between two values. */
static size_t span(const char *p, const char *end, unsigned char low, unsigned char high)
{
	const char *begin = p;

	while (p < end && (unsigned char)*p >= low && (unsigned char)*p <= high)
		p++;
	return (size_t)(p - begin);
}

/* ESC ] text BEL, or ESC ] text ESC \: the size with its end, or of the introducer if it has none.
 */
static size_t string_sequence(const char *p, const char *end)
{
	for (const char *q = p + 2; q < end; q++) {
		if (*q == BEL)
			return (size_t)(q + 1 - p);
		if (*q == ESC)
			return (size_t)(q - p) + (q + 1 < end && q[1] == '\\' ? 2 : 0);
	}
	return 2;
}

/* The size of the sequence that begins with the ESC at p. */
static size_t sequence(const char *p, const char *end)
{
	const char *q = p + 1;

	if (q == end)
		return 1;
	switch (*q) {
	case '[':
		q++;
		q += span(q, end, 0x30, 0x3f);
		q += span(q, end, 0x20, 0x2f);
		q += q < end && span(q, q + 1, 0x40, 0x7e);
		break;
	case ']':
	case 'P':
	case 'X':
	case '^':
	case '_':
		return string_sequence(p, end);
	default:
		q += span(q, end, 0x20, 0x2f);
		q += q < end && span(q, q + 1, 0x30, 0x7e);
	}
	return (size_t)(q - p);
}

size_t ansi_strip(char *text, size_t size)
{
	const char *p = memchr(text, ESC, size), *end = text + size;
	char *out;

	if (!p)
		return size;
	out = text + (p - text);
	while (p < end) {
		const char *next;
		size_t n;

		p += sequence(p, end);
		next = memchr(p, ESC, (size_t)(end - p));
		n = (size_t)((next ? next : end) - p);
		memmove(out, p, n);
		out += n;
		p += n;
	}
	/* To be stripped again gives the same. */
	memset(out, ESC, (size_t)(end - out));
	return (size_t)(out - text);
}
