/*
 * What streams remember of the members of their trees: as many as there can be, within the memory
 * of all streams; and what is said of one that may have been forgotten.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "journal/counts.h"
#include "tap.h"

static struct count *get(struct counts *counts, unsigned i, bool *is_new)
{
	char uid[ID128_TEXT_MAX];

	(void)snprintf(uid, sizeof(uid), "%032x", i);
	return counts_get(counts, uid, is_new);
}

/* Meets the members from `first` on; how many of them it calls new. */
static unsigned meet(struct counts *counts, unsigned first, unsigned n)
{
	unsigned met = 0;

	for (unsigned i = first; i < first + n; i++) {
		bool is_new;
		struct count *count = get(counts, i, &is_new);

		met += is_new;
		count->given.numbers =
			(struct log_numbers){ .invocation = i + 1, .known = { true } };
	}
	return met;
}

/* How many of them are remembered. None becomes so by the question where `n` are kept. */
static unsigned kept(struct counts *counts, unsigned first, unsigned n)
{
	unsigned found = 0;
	bool is_new;

	for (unsigned i = first; i < first + n; i++)
		found += get(counts, i, &is_new)->given.numbers.invocation == i + 1;
	return found;
}

static void test_forgotten(atomic_size_t *memory)
{
	struct counts *counts;
	struct count *count;
	bool is_new;

	is_int(counts_new(memory, &counts), 0, "of one stream");
	is_int(meet(counts, 0, COUNTS_MAX), COUNTS_MAX, "all members are new once");
	is_int(kept(counts, 0, COUNTS_MAX), COUNTS_MAX, "so many are remembered");
	is_int((long long)*memory, (long long)(COUNTS_MAX * COUNT_MEMORY), "and counted");
	counts_drop(counts, "00000000000000000000000000000007");
	counts_drop(counts, "00000000000000000000000000000007");
	is_int((long long)*memory, (long long)((COUNTS_MAX - 1) * COUNT_MEMORY), "but for one");
	ok(get(counts, 7, &is_new)->given.numbers.invocation == 0 && is_new,
	   "one that was dropped is new again");
	ok(get(counts, 0, &is_new)->given.numbers.invocation == 1 && !is_new, "one is met again");
	count = get(counts, COUNTS_MAX, &is_new);
	ok(count && !is_new && !count->given.numbers.known[CLASS_ALL],
	   "one more may have been here before: its numbers are not known");
	is_int(kept(counts, 0, 1), 1, "the one that was met last is still there");
	count = get(counts, 1, &is_new);
	ok(count && !is_new && count->given.numbers.invocation == 0 &&
		   !count->given.numbers.known[CLASS_ALL],
	   "the one that was not met for the longest is forgotten, and not new");
	ok(counts_free(counts) == NULL && counts_free(NULL) == NULL, "freed");
	is_int((long long)*memory, 0, "with all memory");
}

static void test_memory(atomic_size_t *memory)
{
	struct counts *big, *small;

	is_int(counts_new(memory, &big) < 0 || counts_new(memory, &small) < 0, 0, "two streams");
	meet(small, 0, 1);
	*memory += COUNTS_MEMORY_MAX - 101 * COUNT_MEMORY; /* other streams */
	is_int(meet(big, 0, 100), 100, "one fills the memory");
	is_int(meet(big, 100, 1), 0, "and forgets for each new one another");
	is_int(kept(big, 1, 100), 100, "of its own");
	is_int(kept(small, 0, 1), 1, "not of others");
	is_int(meet(small, 1, COUNTS_LEAST - 1), COUNTS_LEAST - 1, "which have room for a few");
	is_int(kept(small, 0, COUNTS_LEAST), COUNTS_LEAST, "that they keep");
	is_int(meet(small, COUNTS_LEAST, 1), 0, "and no more");
	counts_free(big);
	counts_free(small);
	is_int((long long)*memory, (long long)(COUNTS_MEMORY_MAX - 101 * COUNT_MEMORY),
	       "what they took is free");
}

int main(void)
{
	atomic_size_t memory = 0;

	test_forgotten(&memory);
	test_memory(&memory);
	return tap_done();
}
