/*
 * Lines out of a stream of bytes; see splitter.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "lines/splitter.h"

static_assert(SPLITTER_BUFFER_SIZE > SPLITTER_LINE_MAX, "a line and the byte behind it must fit");

char *splitter_room(struct splitter *splitter, size_t *ret_size)
{
	if (splitter->start > 0) {
		memmove(splitter->buffer, splitter->buffer + splitter->start,
			splitter->end - splitter->start);
		splitter->end -= splitter->start;
		splitter->scanned -= splitter->start;
		splitter->start = 0;
	}
	*ret_size = sizeof(splitter->buffer) - splitter->end;
	return splitter->buffer + splitter->end;
}

void splitter_fill(struct splitter *splitter, size_t size)
{
	assert(size <= sizeof(splitter->buffer) - splitter->end);
	splitter->end += size;
}

void splitter_end(struct splitter *splitter)
{
	splitter->ended = true;
}

struct splitter_mark splitter_mark(const struct splitter *splitter)
{
	return (struct splitter_mark){ splitter->start, splitter->continued };
}

void splitter_clear(struct splitter *splitter)
{
	splitter->start = splitter->scanned = splitter->end = 0;
	splitter->continued = false;
}

void splitter_rewind(struct splitter *splitter, struct splitter_mark mark)
{
	splitter->start = splitter->scanned = mark.start;
	splitter->continued = mark.continued;
}

/* Gives out `size` bytes, and goes `skip` bytes further. */
static void give(struct splitter *splitter, size_t size, size_t skip, bool more,
		 struct log_line *ret)
{
	char *text = splitter->buffer + splitter->start;

	splitter->start += size + skip;
	splitter->scanned = splitter->start;
	if (!more && size > 0 && text[size - 1] == '\r')
		size--;
	ret->text = text;
	ret->size = size;
	ret->continued = splitter->continued;
	splitter->continued = more;
}

/* Where to cut an overlong line: not inside of a UTF-8 character, where it is text. */
static size_t cut(const char *text)
{
	size_t n = SPLITTER_LINE_MAX;

	for (int i = 0; i < 3 && ((unsigned char)text[n] & 0xc0) == 0x80; i++)
		n--;
	return ((unsigned char)text[n] & 0xc0) == 0x80 ? SPLITTER_LINE_MAX : n;
}

bool splitter_next(struct splitter *splitter, struct log_line *ret)
{
	char *text = splitter->buffer + splitter->start;
	size_t held = splitter->end - splitter->start;
	size_t seen = splitter->scanned - splitter->start;
	/* A newline that comes later ends a line that is too long anyway. */
	size_t limit = MIN(held, (size_t)SPLITTER_LINE_MAX + 1);
	char *newline = memchr(text + seen, '\n', limit - seen);

	if (newline) {
		give(splitter, (size_t)(newline - text), 1, false, ret);
		return true;
	}
	if (held > SPLITTER_LINE_MAX) {
		give(splitter, cut(text), 0, true, ret);
		return true;
	}
	if (splitter->ended && held > 0) {
		give(splitter, held, 0, false, ret);
		return true;
	}
	splitter->scanned = splitter->end;
	return false;
}
