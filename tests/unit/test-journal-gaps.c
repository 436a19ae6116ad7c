/*
 * Whose gaps are doubted: an indexer that has true ones again and again is believed for a while.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "journal/gaps.h"
#include "tap.h"

#define ONE   "0123456789abcdef0123456789abcdef"
#define OTHER "1123456789abcdef0123456789abcdef"
#define START 1000000

int main(void)
{
	_cleanup_(gaps_freep) struct gaps *gaps = NULL;
	uint64_t now = START;

	is_int(gaps_new(&gaps), 0, "nobody is known");
	ok(gaps_are_doubted(gaps, ONE, now), "each gap is doubted");
	for (uint64_t line = 1; line < GAPS_TRUE_MAX; line++)
		for (int stream = 0; stream < 10; stream++)
			gaps_note_true(gaps, ONE, 7, line, now++);
	ok(gaps_are_doubted(gaps, ONE, now), "many streams that tell of few gaps change nothing");
	gaps_note_true(gaps, ONE, 8, GAPS_TRUE_MAX - 1, now);
	ok(!gaps_are_doubted(gaps, ONE, now),
	   "one more, of another invocation, and they are believed");
	ok(gaps_are_doubted(gaps, OTHER, now), "of this indexer alone");
	ok(!gaps_are_doubted(gaps, ONE, START + GAPS_PERIOD_USEC - 1), "for a while");
	ok(gaps_are_doubted(gaps, ONE, START + GAPS_PERIOD_USEC), "and then it begins anew");
	gaps_note_true(gaps, ONE, 9, 1, START + GAPS_PERIOD_USEC);
	ok(gaps_are_doubted(gaps, ONE, START + GAPS_PERIOD_USEC), "with the first one");
	return tap_done();
}
