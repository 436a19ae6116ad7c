/*
 * The restart back-off: its series, its jitter, and the words for a wait.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/backoff.h"
#include "tap.h"

#define SEC USEC_PER_SEC
#define DAY BACKOFF_MOST_USEC

static void test_defaults(void)
{
	static const struct {
		struct backoff given, filled;
	} rows[] = {
		{ { 0, 0 }, { SEC, 300 * SEC } },
		{ { 2 * SEC, 0 }, { 2 * SEC, 300 * SEC } },
		{ { 0, 9 * SEC }, { SEC, 9 * SEC } },
		{ { 0, SEC / 2 }, { SEC / 2, SEC / 2 } },
		{ { 600 * SEC, 0 }, { 600 * SEC, 600 * SEC } },
		{ { 3, 4 }, { 3, 4 } },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct backoff backoff = rows[i].given;

		backoff_fill(&backoff);
		is_int(backoff.initial, rows[i].filled.initial, "row %zu: the first step", i);
		is_int(backoff.max, rows[i].filled.max, "row %zu: the last step", i);
	}
}

/* Random bits of 0 give the least delay, half a step; those of half a step the most. */
static void test_series(void)
{
	static const struct {
		struct backoff backoff;
		uint32_t n;
		uint64_t step;
	} rows[] = {
		{ { SEC, 300 * SEC }, 0, SEC },
		{ { SEC, 300 * SEC }, 1, SEC },
		{ { SEC, 300 * SEC }, 2, 2 * SEC },
		{ { SEC, 300 * SEC }, 3, 4 * SEC },
		{ { SEC, 300 * SEC }, 9, 256 * SEC },
		{ { SEC, 300 * SEC }, 10, 300 * SEC },
		{ { SEC, 300 * SEC }, 11, 300 * SEC },
		{ { SEC, 300 * SEC }, UINT32_MAX, 300 * SEC },
		{ { SEC, SEC }, 7, SEC },
		{ { SEC / 10, DAY }, 21, DAY },
		{ { DAY, DAY }, UINT32_MAX, DAY },
		/* What is asked of the server is never so; a damaged spec may be. */
		{ { 0, 0 }, 5, SEC / 10 },
		{ { 1, UINT64_MAX }, UINT32_MAX, DAY },
		{ { UINT64_MAX, UINT64_MAX }, 1, DAY },
		{ { 8 * SEC, SEC }, 3, 8 * SEC },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		const struct backoff *backoff = &rows[i].backoff;
		uint64_t half = rows[i].step / 2;

		is_int(backoff_delay(backoff, rows[i].n, 0), half, "row %zu: the least", i);
		is_int(backoff_delay(backoff, rows[i].n, half), 2 * half, "row %zu: the most", i);
		is_int(backoff_delay(backoff, rows[i].n, half + 1), half,
		       "row %zu: and none above it", i);
		ok(backoff_pause(backoff) <= half && backoff_pause(backoff) > 0,
		   "row %zu: systemd's part is a part of it", i);
	}
}

/* A hundred that fail together, over and over: each tenth of the jitter has some of them. */
static void test_jitter(void)
{
	const struct backoff backoff = { SEC, 300 * SEC };
	uint64_t random = 88172645463325252ULL;
	unsigned tenths[10] = { 0 };
	bool within = true;

	for (unsigned i = 0; i < 1000; i++) {
		uint64_t delay;

		random ^= random << 13; /* xorshift64, by G. Marsaglia */
		random ^= random >> 7;
		random ^= random << 17;
		delay = backoff_delay(&backoff, 6, random);
		within &= delay >= 16 * SEC && delay <= 32 * SEC;
		if (within)
			tenths[MIN((delay - 16 * SEC) * 10 / (16 * SEC), (uint64_t)9)]++;
	}
	ok(within, "all are between half a step and a whole one");
	for (size_t i = 0; i < ELEMENTSOF(tenths); i++)
		ok(tenths[i] > 50, "%u of 1000 are in tenth %zu", tenths[i], i);
}

static void test_words(void)
{
	static const struct {
		struct backoff_wait wait;
		uint64_t usec;
		const char *text;
	} rows[] = {
		{ { 6, 1767268800 * SEC },
		  37 * SEC,
		  "Waiting 37 s before try 6, until 2026-01-01T12:00:00Z" },
		{ { 6, 1767268800 * SEC - 1 },
		  36 * SEC + 1,
		  "Waiting 37 s before try 6, until 2026-01-01T12:00:00Z" },
		{ { 2, 1767268800 * SEC + 250000 },
		  SEC / 4,
		  "Waiting 0.2 s before try 2, until 2026-01-01T12:00:00.250000Z" },
		{ { UINT32_MAX, 1767268800 * SEC },
		  DAY,
		  "Waiting 86400 s before try 4294967295, until 2026-01-01T12:00:00Z" },
	};
	static const char *const others[] = {
		"",
		"The program runs.",
		"Waiting",
		"Waiting 37 s before try ",
		"Waiting 37 s before try 6",
		"Waiting 37 s before try 6, until ",
		"Waiting 37 s before try 6, until tomorrow",
		"Waiting 37 s before try 6, until 2026-01-01T12:00:00Z.",
		"Waiting 37 s before try 6, until 0001-01-01T12:00:00Z",
		"Waiting 37 s before try 4294967296, until 2026-01-01T12:00:00Z",
		"Waiting 37 s before try -1, until 2026-01-01T12:00:00Z",
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char text[BACKOFF_TEXT_MAX];
		struct backoff_wait wait = {};

		backoff_describe(&rows[i].wait, rows[i].usec, text);
		is_str(text, rows[i].text, "row %zu: the words", i);
		ok(backoff_read(text, &wait), "row %zu: they are read", i);
		is_int(wait.try, rows[i].wait.try, "row %zu: the try", i);
		ok(wait.until >= rows[i].wait.until && wait.until < rows[i].wait.until + SEC,
		   "row %zu: the time", i);
	}
	for (size_t i = 0; i < ELEMENTSOF(others); i++) {
		struct backoff_wait wait = { .try = 77 };

		ok(!backoff_read(others[i], &wait) && wait.try == 77, "no wait: '%s'", others[i]);
	}
}

int main(void)
{
	test_defaults();
	test_series();
	test_jitter();
	test_words();
	return tap_done();
}
