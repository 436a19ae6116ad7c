/*
 * What the parsers of log formats share: names and numbers of levels, times, beginnings of lines.
 * All of it looks at bytes between two pointers, changes and allocates nothing.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/level.h"

/* Times by which shapes of heads are told apart. */
enum stamp {
	STAMP_ANY,   /* a date and a time, or a time alone */
	STAMP_T,     /* with a T between them, RFC 3339, or seconds since the start: "0.123s" */
	STAMP_SLASH, /* a date with slashes, as Go's package log writes it */
};

bool scan_begins(const char *p, const char *end, const char *prefix);
bool scan_begins_with_one_of(const char *p, const char *end, const char *const *prefixes, size_t n);

/* The first byte from p on that is no space. */
const char *scan_spaces(const char *p, const char *end);

/* The closing quote of the string whose first byte is at p, a backslash escaping one; or NULL. */
const char *scan_string_end(const char *p, const char *end);

/* The level of a word, case ignored ("warn", "CRITICAL", slog's "DEBUG-4"), or UNKNOWN. */
enum level scan_level(const char *word, size_t size);

/* The level of a number: syslog's 0 to 7, or pino's and bunyan's from 10 (trace) to 60 (fatal). */
enum level scan_level_number(unsigned long number);

/* Whether a key of a structured record, case ignored, is one that holds its level. */
bool scan_is_level_key(const char *key, size_t size);

/*
 * The level of a line that begins with a time, alone or in brackets, and has a level among the
 * `words` words behind it: a whole word but for punctuation around it. The first of these may be in
 * any case, further ones have capitals. UNKNOWN where it has no such time or level.
 */
enum level scan_stamped(const char *p, const char *end, enum stamp stamp, unsigned words);

/* The level of a line that begins with it, in capitals, alone or in brackets; otherwise UNKNOWN. */
enum level scan_leading(const char *p, const char *end);
