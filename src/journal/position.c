/*
 * A place in the journal; see position.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "journal/position.h"

#define NUMBER_DIGITS 16
#define ID_DIGITS     32

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

static int parse_number(const char *s, size_t n, void *field)
{
	uint64_t value = 0;

	if (n < 1 || n > NUMBER_DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		int digit = hex_digit(s[i]);

		if (digit < 0)
			return -EINVAL;
		value = value << 4 | (uint64_t)digit;
	}
	*(uint64_t *)field = value;
	return 0;
}

static int parse_id(const char *s, size_t n, void *field)
{
	sd_id128_t id;

	if (n != ID_DIGITS)
		return -EINVAL;
	for (size_t i = 0; i < ID_DIGITS / 2; i++) {
		int high = hex_digit(s[2 * i]), low = hex_digit(s[2 * i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		id.bytes[i] = (uint8_t)(high << 4 | low);
	}
	*(sd_id128_t *)field = id;
	return 0;
}

static const struct cursor_field {
	char name;
	int (*parse)(const char *s, size_t n, void *field);
	size_t offset;
} fields[] = {
	{ 's', parse_id, offsetof(struct position, seqnum_id) },
	{ 'i', parse_number, offsetof(struct position, seqnum) },
	{ 'b', parse_id, offsetof(struct position, boot_id) },
	{ 'm', parse_number, offsetof(struct position, monotonic) },
	{ 't', parse_number, offsetof(struct position, realtime) },
};
#define ALL_FIELDS ((1U << ELEMENTSOF(fields)) - 1)

/* Parses one "c=value" of n bytes into the position and marks it as seen. */
static int parse_field(const char *s, size_t n, struct position *position, unsigned *seen)
{
	if (n < 2 || s[1] != '=')
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTSOF(fields); i++)
		if (fields[i].name == s[0]) {
			*seen |= 1U << i;
			return fields[i].parse(s + 2, n - 2, (char *)position + fields[i].offset);
		}
	return 0;
}

int position_parse(const char *cursor, struct position *ret)
{
	struct position position = { .is_set = true };
	unsigned seen = 0;

	for (const char *s = cursor;; s++) {
		size_t n = strcspn(s, ";");
		int r = parse_field(s, n, &position, &seen);

		if (r < 0)
			return r;
		s += n;
		if (!*s)
			break;
	}
	if (seen != ALL_FIELDS)
		return -EINVAL;
	*ret = position;
	return 0;
}

void position_format(const struct position *position, char text[POSITION_TEXT_MAX])
{
	char seqnum_id[SD_ID128_STRING_MAX], boot_id[SD_ID128_STRING_MAX];
	int n = 0;

	if (!sd_id128_is_null(position->seqnum_id))
		n = snprintf(text, POSITION_TEXT_MAX, "s=%s;i=%" PRIx64 ";",
			     sd_id128_to_string(position->seqnum_id, seqnum_id), position->seqnum);
	(void)snprintf(text + n, POSITION_TEXT_MAX - (size_t)n, "b=%s;m=%" PRIx64 ";t=%" PRIx64,
		       sd_id128_to_string(position->boot_id, boot_id), position->monotonic,
		       position->realtime);
}

static int compare(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

int position_compare(const struct position *a, const struct position *b)
{
	if (sd_id128_equal(a->seqnum_id, b->seqnum_id) && !sd_id128_is_null(a->seqnum_id))
		return compare(a->seqnum, b->seqnum);
	if (sd_id128_equal(a->boot_id, b->boot_id) && a->monotonic != b->monotonic)
		return compare(a->monotonic, b->monotonic);
	return compare(a->realtime, b->realtime);
}

bool position_same_moment(const struct position *a, const struct position *b)
{
	return a->monotonic == b->monotonic && sd_id128_equal(a->boot_id, b->boot_id);
}
