/*
 * An indexer's block in a word; see block.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <inttypes.h>
#include <stdio.h>

#include "ctl/block.h"

void block_text(const Indexerd__V1__Progress *progress, char buffer[BLOCK_TEXT_MAX])
{
	const char *mark = progress && progress->stalled ? " (stalled)" : "";

	if (!progress)
		(void)snprintf(buffer, BLOCK_TEXT_MAX, "-");
	else if (progress->head_block)
		(void)snprintf(buffer, BLOCK_TEXT_MAX, "%" PRIu64 "/%" PRIu64 "%s",
			       progress->current_block, progress->head_block, mark);
	else
		(void)snprintf(buffer, BLOCK_TEXT_MAX, "%" PRIu64 "%s", progress->current_block,
			       mark);
}
