/*
 * The restart back-off; see backoff.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/backoff.h"

#include <inttypes.h>
#include <stdio.h>

#include "model/rfc3339.h"

/* systemd's part of a delay at most: it is the one part whose end nobody is told beforehand. */
#define PAUSE_MOST_USEC (500 * USEC_PER_MSEC)

/* From this length on, a wait and its end are told in whole seconds. */
#define ROUNDED_USEC (10 * USEC_PER_SEC)

#define TEXT_BEGIN "Waiting "
#define TEXT_TRY   " before try "
#define TEXT_UNTIL ", until "

void backoff_fill(struct backoff *backoff)
{
	if (backoff->initial == 0 && backoff->max == 0)
		*backoff = (struct backoff){ BACKOFF_INITIAL_USEC, BACKOFF_MAX_USEC };
	else if (backoff->initial == 0)
		backoff->initial = MIN((uint64_t)BACKOFF_INITIAL_USEC, backoff->max);
	else if (backoff->max == 0)
		backoff->max = MAX((uint64_t)BACKOFF_MAX_USEC, backoff->initial);
}

static uint64_t within_bounds(uint64_t usec)
{
	return MIN(MAX(usec, (uint64_t)BACKOFF_LEAST_USEC), (uint64_t)BACKOFF_MOST_USEC);
}

/* 2^(n - 1) times the initial back-off, which needs no more than 20 doublings to be too much. */
static uint64_t step_of(const struct backoff *backoff, uint32_t n)
{
	uint64_t initial = within_bounds(backoff->initial), max = within_bounds(backoff->max);
	uint32_t doublings = MIN(n > 0 ? n - 1 : 0, 20U);

	return MIN(initial << doublings, MAX(max, initial));
}

uint64_t backoff_delay(const struct backoff *backoff, uint32_t n, uint64_t random)
{
	uint64_t half = step_of(backoff, n) / 2;

	return half + random % (half + 1);
}

uint64_t backoff_pause(const struct backoff *backoff)
{
	return MIN(within_bounds(backoff->initial) / 2, (uint64_t)PAUSE_MOST_USEC);
}

/* Rounded up: who comes at the time that is told is not too early. */
static uint64_t in_seconds(uint64_t usec)
{
	return (usec + USEC_PER_SEC - 1) / USEC_PER_SEC;
}

void backoff_describe(const struct backoff_wait *wait, uint64_t usec, char text[BACKOFF_TEXT_MAX])
{
	char until[RFC3339_MAX], length[32];

	if (usec >= ROUNDED_USEC) {
		(void)snprintf(length, sizeof(length), "%" PRIu64, in_seconds(usec));
		rfc3339_write((int64_t)(in_seconds(wait->until) * USEC_PER_SEC), false, until);
	} else {
		(void)snprintf(length, sizeof(length), "%u.%u", (unsigned)(usec / USEC_PER_SEC),
			       (unsigned)(usec % USEC_PER_SEC / (100 * USEC_PER_MSEC)));
		rfc3339_write((int64_t)wait->until, false, until);
	}
	(void)snprintf(text, BACKOFF_TEXT_MAX,
		       TEXT_BEGIN "%s s" TEXT_TRY "%" PRIu32 TEXT_UNTIL "%s", length, wait->try,
		       until);
}

bool backoff_read(const char *text, struct backoff_wait *ret)
{
	const char *p = startswith(text, TEXT_BEGIN), *end = text + strlen(text);
	uint64_t try;
	int64_t until;
	bool beyond;

	p = p ? strstr(p, TEXT_TRY) : NULL;
	p = p ? decimal_read(p + strlen(TEXT_TRY), end, &try) : NULL;
	p = p ? startswith(p, TEXT_UNTIL) : NULL;
	if (!p || try > UINT32_MAX || rfc3339_parse(p, &until, &beyond) < 0 || until < 0)
		return false;
	*ret = (struct backoff_wait){ .try = (uint32_t)try, .until = (uint64_t)until };
	return true;
}
