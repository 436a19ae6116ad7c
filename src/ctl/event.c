/*
 * Changes of indexers as lines; see event.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>

#include "common/util.h"
#include "ctl/block.h"
#include "ctl/event.h"
#include "ctl/output.h"
#include "model/id.h"

static void print_indexer(FILE *file, const Indexerd__V1__Indexer *indexer)
{
	static const Indexerd__V1__Indexer__Status unknown = INDEXERD__V1__INDEXER__STATUS__INIT;
	const Indexerd__V1__Indexer__Status *status = indexer->status ? indexer->status : &unknown;
	const char *state =
		status->state == INDEXERD__V1__STATE__STATE_UNSPECIFIED
			? "-"
			: enum_text(&indexerd__v1__state__descriptor, (int)status->state);
	char name[NAME_MAX_SIZE], pid[24] = "-", block[BLOCK_TEXT_MAX];

	(void)snprintf(name, sizeof(name), "%s", indexer->name);
	if (status->main_pid)
		(void)snprintf(pid, sizeof(pid), "%" PRId64, status->main_pid);
	fprintf(file, " %-24s %-11s %s", clean(name), state, pid);
	block_text(status->progress, block);
	if (status->progress)
		fprintf(file, " %s", block);
}

void event_print(FILE *file, const Indexerd__V1__WatchIndexersResponse *event,
		 const Google__Protobuf__Timestamp *now)
{
	const char *name = enum_text(&indexerd__v1__watch_event__descriptor, (int)event->event);
	char time[TIME_TEXT_MAX];

	format_time(now, time);
	if (event->indexer) {
		fprintf(file, "%s %-8s", time, name);
		print_indexer(file, event->indexer);
	} else {
		fprintf(file, "%s %s", time, name);
	}
	fputc('\n', file);
}
