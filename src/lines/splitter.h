/*
 * Lines out of a stream of bytes, without copying: a buffer to read into, and lines that lie in it.
 *
 * Which lines come out depends on the bytes alone, never on how many of them came at once.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "lines/format.h"

/* A longer line comes in pieces of at most so many bytes; journald's own limit (LineMax=). */
#define SPLITTER_LINE_MAX    (48 * 1024)
#define SPLITTER_BUFFER_SIZE (64 * 1024)

/* All zero is a new one. Its fields are for splitter.c alone; it is in the open to be put on no
 * heap. */
struct splitter {
	size_t start, scanned,
		end;	/* offsets of what is not given out, not looked at, not filled */
	bool continued; /* what is next is a further piece of a line */
	bool ended;
	char buffer[SPLITTER_BUFFER_SIZE];
};

/*
 * Where to put the next bytes, and how many there is room for (never 0 once splitter_next() has
 * returned false). Lines that were given out are no longer valid.
 */
char *splitter_room(struct splitter *splitter, size_t *ret_size);

/* `size` bytes were put there. */
void splitter_fill(struct splitter *splitter, size_t size);

/* No more bytes will come: what is left is the last line. */
void splitter_end(struct splitter *splitter);

/* A place in the stream that splitter_rewind() can go back to, until splitter_room(). */
struct splitter_mark {
	size_t start;
	bool continued;
};

struct splitter_mark splitter_mark(const struct splitter *splitter);
/* Forgets what it holds. */
void splitter_clear(struct splitter *splitter);
void splitter_rewind(struct splitter *splitter, struct splitter_mark mark);

/*
 * The next line, without its newline and a carriage return before it; it may be empty. Sets text,
 * size and continued of *ret, whose text is lent until splitter_room(). Returns false where none is
 * complete.
 */
bool splitter_next(struct splitter *splitter, struct log_line *ret);
