/*
 * ListIndexers: a pure read in pages, answered on the queue's thread.
 *
 * A page ends at its size or before it would pass what clients accept as one message, whichever
 * comes first; the token says where the next one begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "model/page_token.h"
#include "rpc/access.h"
#include "rpc/convert.h"
#include "rpc/methods.h"

#define PAGE_SIZE_DEFAULT 50
#define PAGE_SIZE_MAX	  ((size_t)1000)
#define PAGE_BYTES_MAX	  (3584 * 1024) /* clients take 4 MiB */
#define ROW_OVERHEAD	  8		/* tag and length of one row in the reply */

struct page {
	Indexerd__V1__ListIndexersResponse reply;
	size_t size; /* rows asked for */
	size_t bytes;
	char token[PAGE_TOKEN_MAX];
};

static int check(const Indexerd__V1__ListIndexersRequest *request, char *last_id,
		 struct refusal *refusal)
{
	if (request->page_size < 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "PAGE_SIZE_INVALID", "page_size",
			      "page_size must not be negative: %d", (int)request->page_size);
	if (*request->filter)
		return refuse(refusal, CODE_UNIMPLEMENTED, "FIELD_NOT_SERVED", "filter",
			      "filter is not served by this version");
	return page_token_read(request->page_token, request->filter, last_id, refusal);
}

/* Appends a row: 1, 0 where the page has no room for it, or -ENOMEM. */
static int add_row(struct page *page, struct arena *arena, const struct view *view)
{
	Indexerd__V1__Indexer *row = convert_from_view(view, arena);
	size_t bytes;

	if (!row)
		return -ENOMEM;
	bytes = indexerd__v1__indexer__get_packed_size(row) + ROW_OVERHEAD;
	if (page->reply.n_indexers > 0 && page->bytes + bytes > PAGE_BYTES_MAX)
		return 0;
	page->bytes += bytes;
	page->reply.indexers[page->reply.n_indexers++] = row;
	return 1;
}

/* Fills the page with what the caller may see after last_id, and makes the token if more is left.
 */
static int fill(struct page *page, struct call *call, const struct snapshot *snapshot,
		const char *last_id, const char *filter)
{
	for (size_t i = snapshot_after(snapshot, last_id); i < snapshot_size(snapshot); i++) {
		const struct view *view = snapshot_at(snapshot, i);
		int r = 0;

		if (!access_allows(call_caller(call), snapshot, view->definition->id))
			continue;
		if (page->reply.n_indexers < page->size)
			r = add_row(page, call_arena(call), view);
		if (r < 0)
			return r;
		if (r == 0) {
			page_token_make(last_id, filter, page->token);
			page->reply.next_page_token = page->token;
			return 0;
		}
		last_id = view->definition->id;
	}
	return 0;
}

int method_list_indexers(struct call *call, const ProtobufCMessage *message,
			 struct refusal *refusal)
{
	const Indexerd__V1__ListIndexersRequest *request =
		(const Indexerd__V1__ListIndexersRequest *)message;
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot =
		snapshot_box_get(call_core(call)->snapshots);
	struct page page = { .reply = INDEXERD__V1__LIST_INDEXERS_RESPONSE__INIT };
	char last_id[ID_MAX];
	int r;

	r = check(request, last_id, refusal);
	if (r != 0)
		return r;
	page.size = request->page_size == 0 ? PAGE_SIZE_DEFAULT
					    : MIN((size_t)request->page_size, PAGE_SIZE_MAX);
	page.reply.indexers = arena_alloc(call_arena(call), page.size * sizeof(void *));
	if (!page.reply.indexers)
		return -ENOMEM;
	r = fill(&page, call, snapshot, last_id, request->filter);
	if (r < 0)
		return r;
	call_reply(call, &page.reply.base);
	return 0;
}
