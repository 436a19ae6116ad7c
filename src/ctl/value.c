/*
 * The values of options; see value.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/value.h"
#include "model/rfc3339.h"

#define SPAN_MAX ((uint64_t)INT64_MAX) /* microseconds; what others calculate with */

/* Reads digits only, and moves *text behind them. */
static int scan_uint(const char **text, uint64_t max, uint64_t *ret)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!isdigit((unsigned char)*p))
		return -EINVAL;
	for (; isdigit((unsigned char)*p); p++) {
		uint64_t digit = (uint64_t)(*p - '0');

		if (value > (max - digit) / 10)
			return -EINVAL;
		value = value * 10 + digit;
	}
	*text = p;
	*ret = value;
	return 0;
}

int parse_uint(const char *text, uint64_t max, uint64_t *ret)
{
	uint64_t value;
	int r = scan_uint(&text, max, &value);

	if (r < 0 || *text)
		return -EINVAL;
	*ret = value;
	return 0;
}

int parse_size(const char *text, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	const char *suffix;
	uint64_t value;
	unsigned shift = 0;
	int r = scan_uint(&text, UINT64_MAX, &value);

	if (r < 0)
		return r;
	if (*text) {
		suffix = strchr(suffixes, *text);
		if (!suffix || text[1])
			return -EINVAL;
		shift = 10 * ((unsigned)(suffix - suffixes) + 1);
	}
	if (value == 0 || value > UINT64_MAX >> shift)
		return -EINVAL;
	*ret = value << shift;
	return 0;
}

int parse_percent(const char *text, uint32_t *ret)
{
	uint64_t value;
	int r = scan_uint(&text, UINT32_MAX, &value);

	if (r < 0 || value == 0 || !(streq(text, "") || streq(text, "%")))
		return -EINVAL;
	*ret = (uint32_t)value;
	return 0;
}

/* A fraction such as ".25" of one unit, in whole parts of it: never more digits than are exact. */
static int scan_fraction(const char **text, uint64_t unit, uint64_t *ret)
{
	uint64_t place = unit, value = 0;
	const char *p = *text;

	if (*p == '.') {
		if (!isdigit((unsigned char)*++p))
			return -EINVAL;
		for (; isdigit((unsigned char)*p); p++) {
			place /= 10;
			value += (uint64_t)(*p - '0') * place;
		}
	}
	*text = p;
	*ret = value;
	return 0;
}

int parse_span(const char *text, uint64_t *ret)
{
	static const struct {
		const char *name;
		uint64_t usec;
	} units[] = {
		{ "", USEC_PER_SEC },	      { "s", USEC_PER_SEC },
		{ "sec", USEC_PER_SEC },      { "ms", USEC_PER_MSEC },
		{ "m", 60 * USEC_PER_SEC },   { "min", 60 * USEC_PER_SEC },
		{ "h", 3600 * USEC_PER_SEC }, { "d", 86400 * USEC_PER_SEC },
	};
	uint64_t whole, millionths;

	if (scan_uint(&text, UINT32_MAX, &whole) < 0 ||
	    scan_fraction(&text, USEC_PER_SEC, &millionths) < 0)
		return -EINVAL;
	for (size_t i = 0; i < ELEMENTSOF(units); i++) {
		if (!streq(text, units[i].name))
			continue;
		if (whole >= SPAN_MAX / units[i].usec)
			return -EINVAL;
		*ret = whole * units[i].usec + millionths * units[i].usec / USEC_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

/* The C library turns the 31st of February into March; a person who writes it has made a mistake.
 */
static int seconds_of(struct tm *tm, time_t *ret)
{
	struct tm asked = *tm;
	time_t seconds = mktime(tm);

	if (tm->tm_mday != asked.tm_mday || tm->tm_mon != asked.tm_mon || asked.tm_sec > 59 ||
	    asked.tm_min > 59 || asked.tm_hour > 23 || seconds < 0)
		return -EINVAL;
	*ret = seconds;
	return 0;
}

static int parse_local(const char *text, uint64_t *ret)
{
	static const char *const formats[] = { "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d" };

	for (size_t i = 0; i < ELEMENTSOF(formats); i++) {
		struct tm tm = { .tm_isdst = -1 };
		const char *rest = strptime(text, formats[i], &tm);
		time_t seconds;

		if (!rest || *rest)
			continue;
		if (seconds_of(&tm, &seconds) < 0)
			return -EINVAL;
		*ret = (uint64_t)seconds * USEC_PER_SEC;
		return 0;
	}
	return -EINVAL;
}

/* What lies beyond the microsecond is left out. */
static int parse_universal(const char *text, uint64_t *ret)
{
	int64_t usec;
	bool beyond;

	if (rfc3339_parse(text, &usec, &beyond) < 0 || usec < 0)
		return -EINVAL;
	*ret = (uint64_t)usec;
	return 0;
}

int parse_time(const char *text, uint64_t now, uint64_t *ret)
{
	uint64_t value;

	switch (text[0]) {
	case '-':
		if (parse_span(text + 1, &value) < 0 || value > now)
			return -EINVAL;
		*ret = now - value;
		return 0;
	case '@':
		if (parse_uint(text + 1, INT32_MAX * 64LL, &value) < 0)
			return -EINVAL;
		*ret = value * USEC_PER_SEC;
		return 0;
	}
	return parse_local(text, ret) == 0 ? 0 : parse_universal(text, ret);
}

int parse_key_value(const char *text, struct kv_list *list)
{
	_cleanup_free_ char *key = NULL;
	const char *equals = strchr(text, '=');

	if (!equals || equals == text)
		return -EINVAL;
	key = strndup(text, (size_t)(equals - text));
	if (!key)
		return -ENOMEM;
	return kv_list_set(list, key, equals + 1);
}

int string_list_append(struct string_list *list, char *item)
{
	char **items = reallocarray(list->items, list->n + 1, sizeof(*items));

	if (!items)
		return -ENOMEM;
	list->items = items;
	list->items[list->n++] = item;
	return 0;
}

void string_list_clear(struct string_list *list)
{
	free(list->items);
	*list = (struct string_list){ 0 };
}
