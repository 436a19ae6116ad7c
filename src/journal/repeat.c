/*
 * Repeated records of a deletion; see repeat.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/log.h"
#include "common/util.h"
#include "journal/access.h"
#include "journal/field.h"
#include "journal/notice.h"
#include "journal/repeat.h"
#include "journal/step.h"
#include "model/id.h"
#include "model/names.h"

#define NUMBER_MAX 24

struct repeat_finder {
	const char *directory; /* lent */
	sd_journal *j;	       /* NULL while nothing is asked */
};

int repeat_finder_new(const char *directory, struct repeat_finder **ret)
{
	struct repeat_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return -ENOMEM;
	finder->directory = directory;
	*ret = finder;
	return 0;
}

void repeat_finder_rest(struct repeat_finder *finder)
{
	sd_journal_close(finder->j);
	finder->j = NULL;
}

struct repeat_finder *repeat_finder_free(struct repeat_finder *finder)
{
	if (!finder)
		return NULL;
	repeat_finder_rest(finder);
	free(finder);
	return NULL;
}

/* Opens the journal, or has it take notice of new files. */
static int refresh(struct repeat_finder *finder)
{
	int r;

	if (finder->j) {
		r = sd_journal_process(finder->j);
		return MIN(r, 0);
	}
	/* The daemon's records are in the default namespace. */
	r = journal_open(finder->directory, 0, &finder->j);
	/* With its watches, by which it notices files; without, it still has those of now. */
	if (r >= 0)
		(void)sd_journal_get_fd(finder->j);
	return r;
}

static int add_match(sd_journal *j, const char *name, const char *value)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s=%s", name, value);
	return sd_journal_add_match(j, text, 0);
}

/* Where the first record of the deletion is. 1, 0 where there is none, or a negative errno. */
static int find_first(struct repeat_finder *finder, const char *uid, const char *created,
		      struct position *ret)
{
	_cleanup_free_ char *cursor = NULL;
	int r = refresh(finder);

	if (r < 0)
		return r;
	sd_journal_flush_matches(finder->j);
	r = notice_match(finder->j);
	r = r < 0 ? r : add_match(finder->j, INDEXER_FIELD_UID, uid);
	/* Few records have it, so that the indexer's lines need not be gone through. */
	r = r < 0 ? r : add_match(finder->j, NOTICE_FIELD_CREATED, created);
	r = r < 0 ? r : sd_journal_seek_head(finder->j);
	r = r < 0 ? r : journal_next(finder->j);
	if (r == -ENOTRECOVERABLE)
		repeat_finder_rest(finder);
	if (r <= 0)
		return r;
	r = sd_journal_get_cursor(finder->j, &cursor);
	r = r < 0 ? r : position_parse(cursor, ret);
	return r < 0 ? r : 1;
}

bool repeat_find(struct repeat_finder *finder, sd_journal *j, const char *uid,
		 const struct position *at)
{
	char again[sizeof("1")], created[NUMBER_MAX];
	struct position first;
	int r;

	if (!field_get(j, NOTICE_FIELD_AGAIN, again, sizeof(again)) ||
	    !field_get(j, NOTICE_FIELD_CREATED, created, sizeof(created)))
		return false;
	r = find_first(finder, uid, created, &first);
	if (r < 0)
		log_warning("whether a deletion is in the journal twice cannot be found out: %s",
			    strerror(-r));
	return r > 0 && position_compare(&first, at) < 0;
}
