/*
 * Progress and its text; see progress.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/progress.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "common/util.h"
#include "model/rfc3339.h"

#define CURRENT	 "Block "
#define HEAD	 " of "
#define STARTING " (from "
#define TIME	 "), moved at "
#define STALLED	 ", stalled"

static_assert(sizeof(CURRENT HEAD STARTING TIME STALLED) + 3 * sizeof("18446744073709551615") +
			      RFC3339_MAX <=
		      PROGRESS_TEXT_MAX,
	      "the longest text fits");

void progress_write(const struct progress *progress, char buffer[PROGRESS_TEXT_MAX])
{
	char head[sizeof(HEAD "18446744073709551615")] = "", time[RFC3339_MAX];

	if (progress->head_block > 0)
		(void)snprintf(head, sizeof(head), HEAD "%" PRIu64, progress->head_block);
	rfc3339_write((int64_t)(progress->time - progress->time % USEC_PER_SEC), false, time);
	(void)snprintf(buffer, PROGRESS_TEXT_MAX,
		       CURRENT "%" PRIu64 "%s" STARTING "%" PRIu64 TIME "%s%s",
		       progress->current_block, head, progress->starting_block, time,
		       progress->stalled ? STALLED : "");
}

/* Reads a number behind a prefix and moves *text behind both; false where they are not there. */
static bool take_number(const char **text, const char *prefix, uint64_t *ret)
{
	const char *p = startswith(*text, prefix);

	p = p ? decimal_read(p, p + strlen(p), ret) : NULL;
	if (!p)
		return false;
	*text = p;
	return true;
}

/* Reads a time that goes on to the end or to what makes the text one of a stalled block. */
static int parse_time(const char *text, struct progress *progress)
{
	const char *end = strchrnul(text, ',');
	char buffer[RFC3339_MAX];
	int64_t usec;
	bool beyond;

	if ((size_t)(end - text) >= sizeof(buffer))
		return -EINVAL;
	(void)snprintf(buffer, sizeof(buffer), "%.*s", (int)(end - text), text);
	if (rfc3339_parse(buffer, &usec, &beyond) < 0 || usec <= 0)
		return -EINVAL;
	progress->time = (uint64_t)usec;
	progress->stalled = *end != '\0';
	return 0;
}

int progress_parse(const char *text, struct progress *ret)
{
	struct progress progress = {};
	char again[PROGRESS_TEXT_MAX];
	const char *p = text;

	if (!take_number(&p, CURRENT, &progress.current_block))
		return -EINVAL;
	(void)take_number(&p, HEAD, &progress.head_block);
	if (!take_number(&p, STARTING, &progress.starting_block))
		return -EINVAL;
	p = startswith(p, TIME);
	if (!p || parse_time(p, &progress) < 0)
		return -EINVAL;
	/* Zeros before a number, another zone, what stands behind: there is one way to write it. */
	progress_write(&progress, again);
	if (!streq(again, text))
		return -EINVAL;
	*ret = progress;
	return 0;
}

bool progress_same(const struct progress *a, const struct progress *b)
{
	return a->starting_block == b->starting_block && a->current_block == b->current_block &&
	       a->head_block == b->head_block && a->time == b->time && a->stalled == b->stalled;
}
