/*
 * A place in the journal: what sd_journal's cursor says, which tells which of two records comes
 * first, and is enough to seek it. Pure; no thread of its own.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-id128.h>

/* "s=ID;i=N;b=ID;m=N;t=N" with two ids of 32 digits and three numbers of up to 16. */
#define POSITION_TEXT_MAX 160

struct position {
	bool is_set;
	sd_id128_t seqnum_id; /* of the journal file's series of numbers; null where not known */
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
 * Writes a cursor that sd_journal_seek_cursor() takes. The hash of the record, which sd_journal
 * adds, is not needed for that.
 */
void position_format(const struct position *position, char text[POSITION_TEXT_MAX]);

/*
 * Says which record comes first, in the order in which sd_journal reads them: by number within one
 * series, else by monotonic time within one boot, else by wall clock. Returns less than, equal to
 * or greater than 0 as strcmp() does.
 */
int position_compare(const struct position *a, const struct position *b);

/* Whether journald took both of them in at one moment. */
bool position_same_moment(const struct position *a, const struct position *b);
