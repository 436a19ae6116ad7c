/*
 * Numbered lines of a stream; see line-check.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "line-check.h"

/*
 * A LOST tells how many lines are missing before the next one: of WARNING and ERROR under these
 * levels; under the others of any, and the next one may itself be of a level that is left out.
 */
static bool is_told(const struct line_check *check, long number)
{
	long last = atomic_load(&check->last), missing = 0;

	for (long i = last + 1; i < number; i++)
		missing += line_level(i) >= check->level;
	return check->level <= LEVEL_TRACE || check->level > LEVEL_INFO
		       ? missing == check->lost
		       : missing <= check->lost && check->lost < MAX(number - last, 1);
}

static long next_wanted(const struct line_check *check, long number)
{
	do
		number++;
	while (line_level(number) < check->level);
	return number;
}

void line_check_line(struct line_check *check, long number, enum level level)
{
	long last = atomic_load(&check->last);
	bool is_first = check->lines == 0 && check->begins_late;
	bool is_next = number == next_wanted(check, last) && check->lost == 0;

	if (level != line_level(number) || number <= last ||
	    (!is_next && !is_first && !(check->gaps_allowed && is_told(check, number)))) {
		if (check->wrong++ == 0)
			printf("# level %d: %ld after %ld, %ld lost\n", (int)check->level, number,
			       last, check->lost);
	} else if (!is_next && !is_first) {
		check->gaps++;
	}
	check->lost = 0;
	check->lines++;
	atomic_store(&check->last, number);
}

void line_check_lost(struct line_check *check, long n)
{
	check->lost += n;
	check->lost_in_all += n;
}
