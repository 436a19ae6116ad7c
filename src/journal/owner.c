/*
 * Whose an event of a unit is; see owner.h.
 *
 * The record of a deletion (notice.h) has the time of the creation, too. So the first one of an id
 * that follows an event tells whether the event is between the two, and it is there as long as the
 * event is: the journal's older records go first.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <systemd/sd-journal.h>

#include "journal/access.h"
#include "journal/field.h"
#include "journal/notice.h"
#include "journal/owner.h"
#include "journal/step.h"
#include "model/names.h"

#define NUMBER_MAX 24

/* What was found out is kept for the last few ids: an invocation has several events. */
#define SPANS 16

/* Who had an id from one time to another; nobody of ours where the lineage is "". */
struct span {
	uint64_t from, until;
	struct kin kin;
};

struct owner_finder {
	struct family *family;
	const char *directory; /* lent */
	bool search;
	sd_journal *j; /* NULL until something is searched */
	unsigned next;
	struct span *spans[SPANS];
};

int owner_finder_new(const char *directory, struct family *family, bool search,
		     struct owner_finder **ret)
{
	struct owner_finder *finder = calloc(1, sizeof(*finder));

	if (!finder)
		return -ENOMEM;
	finder->family = family;
	finder->search = search;
	finder->directory = directory;
	*ret = finder;
	return 0;
}

struct owner_finder *owner_finder_free(struct owner_finder *finder)
{
	if (!finder)
		return NULL;
	for (size_t i = 0; i < SPANS; i++)
		free(finder->spans[i]);
	sd_journal_close(finder->j);
	free(finder);
	return NULL;
}

static int match(sd_journal *j, const char *id)
{
	char text[sizeof(INDEXER_FIELD_ID "=") + ID_MAX];
	int r = notice_match(j);

	(void)snprintf(text, sizeof(text), INDEXER_FIELD_ID "=%s", id);
	return r < 0 ? r : sd_journal_add_match(j, text, 0);
}

/* The current record's deletion. */
static bool read_deletion(sd_journal *j, const char *id, struct span *span)
{
	char created[NUMBER_MAX], lineage[LINEAGE_MAX];

	if (!field_get(j, NOTICE_FIELD_CREATED, created, sizeof(created)) ||
	    !field_get(j, INDEXER_FIELD_LINEAGE, lineage, sizeof(lineage)) ||
	    !lineage_parse(lineage, strlen(lineage), span->kin.lineage) ||
	    sd_journal_get_realtime_usec(j, &span->until) < 0)
		return false;
	strcpy(span->kin.id, id);
	span->kin.created = span->from = strtoull(created, NULL, 10);
	return true;
}

/* Finds the id's first deletion that is not before the time. 1, 0 or a negative errno. */
static int find_deletion(struct owner_finder *finder, const char *id, uint64_t time,
			 struct span *span)
{
	/* The daemon's records are in the default namespace. */
	int r = finder->j ? 0 : journal_open(finder->directory, 0, &finder->j);

	if (r < 0)
		return r;
	sd_journal_flush_matches(finder->j);
	r = match(finder->j, id);
	r = r < 0 ? r : sd_journal_seek_realtime_usec(finder->j, time);
	/* A seek may end before its time where there are several files. */
	while (r >= 0 && (r = journal_next(finder->j)) > 0)
		if (read_deletion(finder->j, id, span) && span->until >= time)
			return 1;
	if (r == -ENOTRECOVERABLE) {
		sd_journal_close(finder->j);
		finder->j = NULL;
	}
	return MIN(r, 0);
}

/* Asks the journal, and keeps the answer. NULL where it cannot be asked. */
static const struct span *search(struct owner_finder *finder, const char *id, uint64_t time)
{
	struct span *span = calloc(1, sizeof(*span));
	uint64_t now = now_usec(CLOCK_REALTIME);
	int r = span ? find_deletion(finder, id, time, span) : -ENOMEM;

	if (r < 0) {
		free(span);
		return NULL;
	}
	if (r == 0 || span->from > time) {
		/* Somebody else's unit had the name then. */
		*span = (struct span){ .from = time, .until = r == 0 ? now : span->from - 1 };
		strcpy(span->kin.id, id);
	}
	free(finder->spans[finder->next]);
	finder->spans[finder->next] = span;
	finder->next = (finder->next + 1) % SPANS;
	return span;
}

static const struct span *find_span(const struct owner_finder *finder, const char *id,
				    uint64_t time)
{
	for (size_t i = 0; i < SPANS; i++) {
		const struct span *span = finder->spans[i];

		if (span && streq(span->kin.id, id) && span->from <= time && time <= span->until)
			return span;
	}
	return NULL;
}

bool owner_find(struct owner_finder *finder, const char *id, uint64_t time, struct kin *ret)
{
	const struct span *span;

	if (family_find(finder->family, id, time, ret))
		return true;
	if (!finder->search)
		return false;
	span = find_span(finder, id, time);
	if (!span)
		span = search(finder, id, time);
	if (!span || isempty(span->kin.lineage))
		return false;
	*ret = span->kin;
	return true;
}
