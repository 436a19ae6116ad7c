/*
 * The line splitter: the lines that come out depend on the bytes alone.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "lines/splitter.h"
#include "tap.h"

/* What came out of a splitter, each line as SIZE, '+' for a piece or ' ', and its bytes. */
struct record {
	char *bytes;
	size_t size, lines;
	FILE *file;
};

static void drain(struct splitter *splitter, struct record *record)
{
	struct log_line line;

	while (splitter_next(splitter, &line)) {
		fprintf(record->file, "%zu%c", line.size, line.continued ? '+' : ' ');
		fwrite(line.text, 1, line.size, record->file);
		record->lines++;
	}
}

/* Feeds the input in chunks of at most `chunk` bytes; 0: of random sizes. */
static struct record split(const char *input, size_t size, size_t chunk)
{
	struct splitter *splitter = calloc(1, sizeof(*splitter));
	struct record record = { 0 };

	record.file = open_memstream(&record.bytes, &record.size);
	for (size_t at = 0; at < size;) {
		size_t room, n = chunk ? chunk : (size_t)random() % 9000 + 1;
		char *into = splitter_room(splitter, &room);

		assert(room > 0);
		n = MIN(MIN(n, room), size - at);
		memcpy(into, input + at, n);
		splitter_fill(splitter, n);
		at += n;
		drain(splitter, &record);
	}
	splitter_end(splitter);
	drain(splitter, &record);
	fclose(record.file);
	free(splitter);
	return record;
}

static void test_small(void)
{
	static const struct {
		const char *input, *want, *name;
	} rows[] = {
		{ "", "", "nothing" },
		{ "a\nbc\n", "1 a2 bc", "two lines" },
		{ "a\nbc", "1 a2 bc", "a last line without newline" },
		{ "a\r\nb\r", "1 a1 b", "a carriage return at the end is dropped" },
		{ "a\rb\n", "3 a\rb", "one inside is kept" },
		{ "\n\na\n", "0 0 1 a", "empty lines are lines" },
		{ "\r\n", "0 ", "only a carriage return" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct record got = split(rows[i].input, strlen(rows[i].input), 1);

		is_str(got.bytes, rows[i].want, "%s", rows[i].name);
		free(got.bytes);
	}
}

static void test_at_once(void)
{
	struct splitter *splitter = calloc(1, sizeof(*splitter));
	struct log_line line;
	size_t room;

	memcpy(splitter_room(splitter, &room), "one\ntwo", 7);
	splitter_fill(splitter, 7);
	ok(splitter_next(splitter, &line) && line.size == 3, "a complete line is not held back");
	ok(!splitter_next(splitter, &line), "an incomplete one is");
	memcpy(splitter_room(splitter, &room), "\n", 1);
	splitter_fill(splitter, 1);
	ok(splitter_next(splitter, &line) && line.size == 3 && memcmp(line.text, "two", 3) == 0,
	   "until its newline comes");
	free(splitter);
}

static void test_long(void)
{
	static const struct {
		size_t length;
		size_t lines;
	} rows[] = {
		{ SPLITTER_LINE_MAX - 1, 1 },	  { SPLITTER_LINE_MAX, 1 },
		{ SPLITTER_LINE_MAX + 1, 2 },	  { 2 * SPLITTER_LINE_MAX, 2 },
		{ 2 * SPLITTER_LINE_MAX + 1, 3 }, { 10 * SPLITTER_LINE_MAX + 7, 11 },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char *input = malloc(rows[i].length + 1);
		struct record got;

		memset(input, 'x', rows[i].length);
		input[rows[i].length] = '\n';
		got = split(input, rows[i].length + 1, 4096);
		is_int(got.lines, rows[i].lines, "a line of %zu bytes", rows[i].length);
		free(got.bytes);
		free(input);
	}
}

static void test_utf8(void)
{
	size_t size = SPLITTER_LINE_MAX * 2;
	char *input = malloc(size);
	struct record got;

	/* One byte, then characters of two: the limit falls into the middle of one. */
	input[0] = 'x';
	for (size_t i = 1; i + 1 < size; i += 2)
		memcpy(input + i, "é", 2);
	input[size - 1] = '\n';
	got = split(input, size, 0);
	ok(startswith(got.bytes, "49151 xé"), "a piece ends between characters");
	free(got.bytes);

	memset(input, 0x80, size);
	got = split(input, size, 0);
	ok(startswith(got.bytes, "49152 "), "bytes that are no text are cut at the limit");
	free(got.bytes);
	free(input);
}

/* Bytes with all that matters: newlines, CR, NUL, UTF-8, and now and then a line beyond the limit.
 */
static size_t make_input(char *input, size_t size)
{
	static const char alphabet[] = "ab \r\n\0\xc3\xa9\xe2\x94\x82\x80\xff";

	for (size_t i = 0; i < size; i++) {
		input[i] = alphabet[(size_t)random() % (sizeof(alphabet) - 1)];
		if (random() % 2000 == 0) {
			size_t n = MIN((size_t)random() % (3 * SPLITTER_LINE_MAX), size - i);

			memset(input + i, random() % 2 ? 'l' : '\xa9', n);
			i += n;
		}
	}
	return size;
}

static void test_any_chunking(void)
{
	static const size_t chunks[] = { 1, 2, 3, 7, 4096, 65536, 0, 0, 0 };
	size_t size = 400000;
	char *input = malloc(size);

	srandom(20231118);
	for (int round = 0; round < 4; round++) {
		struct record whole;

		make_input(input, size);
		whole = split(input, size, size);
		for (size_t i = 0; i < ELEMENTSOF(chunks); i++) {
			struct record got = split(input, size, chunks[i]);

			ok(got.size == whole.size && memcmp(got.bytes, whole.bytes, got.size) == 0,
			   "round %d, chunks of %zu: the same %zu lines", round, chunks[i],
			   whole.lines);
			free(got.bytes);
		}
		free(whole.bytes);
	}
	free(input);
}

int main(void)
{
	test_small();
	test_at_once();
	test_long();
	test_utf8();
	test_any_chunking();
	return tap_done();
}
