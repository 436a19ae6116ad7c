/*
 * Reads the text of a file in systemd's ini style (systemd.syntax(7)) entry by entry, in place.
 *
 * Sections, KEY=VALUE, comments on lines of their own that begin with # or ;, and a backslash at
 * the end of a line that joins the next one to it with a blank. A value is given as it stands,
 * without the blanks around it: quotes and # in it are the business of whoever reads it.
 *
 * Why not libeconf: it keeps the first of two entries with one key and drops the other without a
 * word, takes the quotes off a value, ends it at a #, and skips a line without a key. A runtime's
 * command must arrive as it was written, and what is not understood must be refused with its line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#include "runtime/complaint.h"

struct ini {
	char *next;	     /* what is still to be read; NULL at the end */
	const char *section; /* the present one, or NULL before the first */
	unsigned line;	     /* of what was read last, from 1 */
};

/* One assignment; the strings point into the text. The key is NULL at the end of the file. */
struct ini_entry {
	const char *section;
	const char *key;
	const char *value;
	unsigned line;
	unsigned column; /* of the value's first byte, from 1 */
};

/*
 * Begins to read a text of `size` bytes followed by a NUL; it is changed, and must outlive the
 * reader and its entries. MALFORMED where the text holds a NUL byte.
 */
int ini_begin(struct ini *ini, char *text, size_t size, struct complaint *complaint);

/* Reads the next entry; 0, or MALFORMED with line and column. */
int ini_next(struct ini *ini, struct ini_entry *ret, struct complaint *complaint);
