/*
 * RFC 3339, read strictly; see rfc3339.h.
 *
 * No state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/rfc3339.h"

#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "common/util.h"

#define SECONDS_MIN (-62135596800LL) /* the first second of the year 1 */
#define SECONDS_MAX 253402300799LL   /* the last one of the year 9999 */

/* Reads exactly n digits and moves *text behind them; -1 where there are fewer. */
static int scan_digits(const char **text, int n)
{
	int value = 0;

	for (int i = 0; i < n; i++, (*text)++) {
		if (**text < '0' || **text > '9')
			return -1;
		value = value * 10 + (**text - '0');
	}
	return value;
}

static bool skip(const char **text, const char *one_of)
{
	if (**text == '\0' || !strchr(one_of, **text))
		return false;
	(*text)++;
	return true;
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (leap && month == 2);
}

/* Date and time of day as if they were UTC. A leap second is no moment of CLOCK_REALTIME. */
static int scan_seconds(const char **text, int64_t *ret)
{
	int year, month, day, hour, minute, second;
	struct tm tm = {};

	if ((year = scan_digits(text, 4)) < 0 || !skip(text, "-") ||
	    (month = scan_digits(text, 2)) < 1 || month > 12 || !skip(text, "-") ||
	    (day = scan_digits(text, 2)) < 1 || day > days_in_month(year, month) ||
	    !skip(text, "Tt") || (hour = scan_digits(text, 2)) < 0 || hour > 23 ||
	    !skip(text, ":") || (minute = scan_digits(text, 2)) < 0 || minute > 59 ||
	    !skip(text, ":") || (second = scan_digits(text, 2)) < 0 || second > 59)
		return -EINVAL;
	tm.tm_year = year - 1900;
	tm.tm_mon = month - 1;
	tm.tm_mday = day;
	tm.tm_hour = hour;
	tm.tm_min = minute;
	tm.tm_sec = second;
	*ret = timegm(&tm);
	return 0;
}

/* A fraction of a second, if there is one. */
static int scan_fraction(const char **text, int64_t *ret, bool *ret_beyond)
{
	int64_t place = USEC_PER_SEC, value = 0;
	bool beyond = false;
	int digit;

	if (skip(text, ".")) {
		if ((digit = scan_digits(text, 1)) < 0)
			return -EINVAL;
		do {
			place /= 10;
			value += digit * place;
			beyond = beyond || (place == 0 && digit > 0);
		} while (**text >= '0' && **text <= '9' && (digit = scan_digits(text, 1)) >= 0);
	}
	*ret = value;
	*ret_beyond = beyond;
	return 0;
}

/* "Z", or hours and minutes; in seconds east of Greenwich. */
static int scan_offset(const char **text, int *ret)
{
	int sign = **text == '-' ? -1 : 1, hours, minutes;

	if (skip(text, "Zz")) {
		*ret = 0;
		return 0;
	}
	if (!skip(text, "+-") || (hours = scan_digits(text, 2)) < 0 || hours > 23 ||
	    !skip(text, ":") || (minutes = scan_digits(text, 2)) < 0 || minutes > 59)
		return -EINVAL;
	*ret = sign * (hours * 3600 + minutes * 60);
	return 0;
}

int rfc3339_parse(const char *text, int64_t *ret, bool *ret_beyond)
{
	int64_t seconds, fraction;
	bool beyond;
	int offset;

	if (scan_seconds(&text, &seconds) < 0 || scan_fraction(&text, &fraction, &beyond) < 0 ||
	    scan_offset(&text, &offset) < 0 || *text)
		return -EINVAL;
	seconds -= offset;
	if (seconds < SECONDS_MIN || seconds > SECONDS_MAX)
		return -ERANGE;
	*ret = seconds * (int64_t)USEC_PER_SEC + fraction;
	*ret_beyond = beyond;
	return 0;
}

void rfc3339_write(int64_t usec, bool beyond, char buffer[RFC3339_MAX])
{
	int64_t fraction = usec % (int64_t)USEC_PER_SEC;
	char digits[sizeof(".1234565")] = "";
	time_t seconds;
	struct tm tm;

	if (fraction < 0)
		fraction += USEC_PER_SEC;
	seconds = (time_t)((usec - fraction) / (int64_t)USEC_PER_SEC);
	assert(seconds >= SECONDS_MIN && seconds <= SECONDS_MAX);
	gmtime_r(&seconds, &tm);
	if (fraction > 0 || beyond)
		snprintf(digits, sizeof(digits), ".%06u%s", (unsigned)fraction % 1000000,
			 beyond ? "5" : "");
	/* strftime() writes a year below 1000 without zeros. */
	snprintf(buffer, RFC3339_MAX, "%04u", (unsigned)(tm.tm_year + 1900) % 10000);
	strftime(buffer + 4, RFC3339_MAX - 4, "-%m-%dT%H:%M:%S", &tm);
	strcat(strcat(buffer, digits), "Z");
}
