/*
 * A place in the journal: sd_journal's cursor, and what is needed of it to say which of two records
 * comes first. Pure; no thread of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-id128.h>

/* "s=ID;i=N;b=ID;m=N;t=N;x=N" with two ids of 32 digits and four numbers of up to 16. */
#define CURSOR_MAX 160

struct position {
	char cursor[CURSOR_MAX]; /* "" where there is none */
	sd_id128_t seqnum_id;	 /* of the journal file's series of numbers */
	uint64_t seqnum;
	sd_id128_t boot_id;
	uint64_t monotonic; /* microseconds since that boot */
	uint64_t realtime;  /* microseconds since the epoch */
};

/*
 * Reads a cursor. Returns 0 with *ret filled, or -EINVAL where it is not one or has not all the
 * fields named above; fields of other names are passed over.
 */
int position_parse(const char *cursor, struct position *ret);

/*
 * Says which record comes first, in the order in which sd_journal reads them: by number within one
 * series, else by monotonic time within one boot, else by wall clock. Returns less than, equal to
 * or greater than 0 as strcmp() does.
 */
int position_compare(const struct position *a, const struct position *b);

static inline bool position_is_set(const struct position *position)
{
	return position->cursor[0] != '\0';
}
