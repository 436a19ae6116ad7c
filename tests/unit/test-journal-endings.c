/*
 * What is remembered of invocations that are about to end: of all at once, and of those that have
 * ended for a while.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdint.h>

#include "journal/endings.h"
#include "model/indexer.h"
#include "tap.h"

/* How many of those from `first` on are known to have been asked to stop. */
static unsigned asked(struct endings *endings, uint64_t first, uint64_t n)
{
	unsigned known = 0;

	for (uint64_t i = first; i < first + n; i++) {
		const struct exit_fields *fields = endings_find(endings, i);

		known += fields && fields->asked;
	}
	return known;
}

static void ask(struct endings *endings, uint64_t first, uint64_t n)
{
	for (uint64_t i = first; i < first + n; i++)
		endings_get(endings, i)->asked = true;
}

static void test_many(void)
{
	struct endings *endings;

	is_int(endings_new(INDEXERS_MOST, &endings), 0, "of all indexers");
	ok(!endings_find(endings, 1), "nothing is known");
	ask(endings, 1, INDEXERS_MOST);
	is_int(asked(endings, 1, INDEXERS_MOST), INDEXERS_MOST, "all are asked to stop at once");
	for (uint64_t i = 1; i <= INDEXERS_MOST; i++) {
		endings_end(endings, i);
		endings_end(endings, i);
	}
	is_int(asked(endings, 1, INDEXERS_MOST), ENDINGS_ENDED_MAX, "a few are kept at the end,");
	is_int(asked(endings, INDEXERS_MOST - ENDINGS_ENDED_MAX + 1, ENDINGS_ENDED_MAX),
	       ENDINGS_ENDED_MAX, "the last ones");
	ok(endings_get(endings, INDEXERS_MOST)->asked, "which may be read once more");
	endings_end(endings, INDEXERS_MOST + 1);
	ok(!endings_find(endings, INDEXERS_MOST + 1), "an end alone is nothing to remember");
	ask(endings, INDEXERS_MOST + 1, INDEXERS_MOST + 1);
	is_int(asked(endings, INDEXERS_MOST + 1, INDEXERS_MOST + 1), INDEXERS_MOST,
	       "one more than there can be");
	ok(!endings_find(endings, INDEXERS_MOST + 1), "is one that was forgotten");
	ok(endings_free(endings) == NULL && endings_free(NULL) == NULL, "freed");
}

static void test_one(void)
{
	struct endings *endings;

	is_int(endings_new(1, &endings), 0, "of one indexer");
	ask(endings, 1, 1);
	endings_end(endings, 1);
	ask(endings, 2, 1);
	is_int(asked(endings, 1, 2), 2, "its last invocation is known beside the one before");
	endings_end(endings, 2);
	is_int(asked(endings, 1, 2), 1, "and no other one");
	endings_free(endings);
}

int main(void)
{
	test_many();
	test_one();
	return tap_done();
}
