/*
 * Times as people and programs write them: RFC 3339, such as 2026-01-31T12:00:00.5+02:00.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* Bytes of what rfc3339_write() writes, NUL included. */
#define RFC3339_MAX sizeof("2026-01-31T12:00:00.1234565Z")

/*
 * Reads a text that is one time and nothing else, into microseconds since the epoch; *ret_beyond
 * tells whether the time lies beyond them by less than a microsecond. -EINVAL where it is no time,
 * -ERANGE where it is not in the years 1 to 9999 of UTC; then the outputs are untouched.
 */
int rfc3339_parse(const char *text, int64_t *ret, bool *ret_beyond);

/*
 * Writes a time that rfc3339_parse() has read, in UTC: with six digits behind the second or with
 * none, and with a seventh one where it lies beyond them.
 */
void rfc3339_write(int64_t usec, bool beyond, char buffer[RFC3339_MAX]);
