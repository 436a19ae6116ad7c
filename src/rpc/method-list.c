/*
 * ListIndexers: a read in pages.
 *
 * Rows come out of the snapshot, on the queue's thread. Small pages under a filter that an index of
 * the registry answers are made on the main loop's thread: the ids come from the index, for a
 * bounded time, and the snapshot has the last word on each of them, since it knows the status and
 * is what Get shows.
 *
 * A page ends at its size or before it would pass what clients accept as one message, whichever
 * comes first; the token says where the next one begins.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "manager/manager.h"
#include "model/filter.h"
#include "model/page_token.h"
#include "rpc/access.h"
#include "rpc/methods.h"

#define PAGE_SIZE_DEFAULT 50
#define PAGE_SIZE_MAX	  ((size_t)1000)
#define INDEXED_PAGE_MAX  ((size_t)100) /* the main loop makes no larger ones */
#define PAGE_BYTES_MAX	  (3584 * 1024) /* clients take 4 MiB */
#define ROW_OVERHEAD	  8		/* tag and length of one row in the reply */

/* A page in the making, in the call's arena. */
struct page {
	struct call *call;
	struct filter *filter;
	struct snapshot *snapshot;
	Indexerd__V1__ListIndexersResponse reply;
	size_t size; /* rows asked for */
	size_t bytes;
	char last_id[ID_MAX]; /* of the last row given, here or on the page before */
	char token[PAGE_TOKEN_MAX];
};

static void page_clear(struct page *page)
{
	page->filter = filter_free(page->filter);
	page->snapshot = snapshot_unref(page->snapshot);
}

/* Appends a row: 1, 0 where the page has no room for it, or -ENOMEM. */
static int add_row(struct page *page, const struct view *view)
{
	Indexerd__V1__Indexer *row = method_message(page->call, view);
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

/* Takes a view that is to be on the page: 0, or 1 where it is full and its token made, or -ENOMEM.
 */
static int offer(struct page *page, const struct view *view)
{
	int r = 0;

	if (!filter_matches(page->filter, view) ||
	    !access_allows(call_caller(page->call), page->snapshot, view->definition->id))
		return 0;
	if (page->reply.n_indexers < page->size)
		r = add_row(page, view);
	if (r < 0)
		return r;
	if (r > 0) {
		strcpy(page->last_id, view->definition->id);
		return 0;
	}
	page_token_make(page->last_id, filter_text(page->filter), page->token);
	page->reply.next_page_token = page->token;
	return 1;
}

static int fill_from_snapshot(struct page *page)
{
	size_t i = snapshot_after(page->snapshot, page->last_id);
	int r = 0;

	for (; r == 0 && i < snapshot_size(page->snapshot); i++)
		r = offer(page, snapshot_at(page->snapshot, i));
	return r < 0 ? r : 0;
}

static int on_id(const char *id, void *userdata)
{
	struct page *page = userdata;
	const struct view *view = snapshot_find(page->snapshot, id);

	return view ? offer(page, view) : 0;
}

/* Sends the page, or what went wrong with it. */
static void answer(struct page *page, int r)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };

	if (r < 0)
		call_answer(page->call, r, &refusal);
	else
		call_reply(page->call, &page->reply.base);
	page_clear(page);
}

static void fill_on_loop(struct call *call)
{
	struct page *page = call_userdata(call);
	char first_id[ID_MAX];
	int r;

	strcpy(first_id, page->last_id);
	page->snapshot = snapshot_box_get(call_core(call)->snapshots);
	r = manager_list(call_core(call)->manager, page->filter, first_id, on_id, page);
	if (r < 0) { /* it was too much for the index, or the disk fails: the snapshot knows all */
		page->reply.n_indexers = page->bytes = 0;
		strcpy(page->last_id, first_id);
		r = fill_from_snapshot(page);
	}
	answer(page, r);
	call_unref(call);
}

static int read_request(const Indexerd__V1__ListIndexersRequest *request, struct page *page,
			struct refusal *refusal)
{
	int r;

	if (request->page_size < 0)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "PAGE_SIZE_INVALID", "page_size",
			      "page_size must not be negative: %d", (int)request->page_size);
	page->size = request->page_size == 0 ? PAGE_SIZE_DEFAULT
					     : MIN((size_t)request->page_size, PAGE_SIZE_MAX);
	r = filter_parse(request->filter, &page->filter, refusal);
	r = r != 0 ? r
		   : page_token_read(request->page_token, filter_text(page->filter), page->last_id,
				     refusal);
	if (r != 0)
		return r;
	page->reply.indexers = arena_alloc(call_arena(page->call), page->size * sizeof(void *));
	return page->reply.indexers ? 0 : -ENOMEM;
}

int method_list_indexers(struct call *call, const ProtobufCMessage *message,
			 struct refusal *refusal)
{
	struct page *page = arena_alloc(call_arena(call), sizeof(*page));
	int r;

	if (!page)
		return -ENOMEM;
	*page = (struct page){ .call = call, .reply = INDEXERD__V1__LIST_INDEXERS_RESPONSE__INIT };
	r = read_request((const Indexerd__V1__ListIndexersRequest *)message, page, refusal);
	if (r != 0) {
		page_clear(page);
		return r;
	}
	if (page->size <= INDEXED_PAGE_MAX && manager_list_has_index(page->filter)) {
		call_set_userdata(call, page);
		call_to_loop(call, fill_on_loop);
		return 0;
	}
	page->snapshot = snapshot_box_get(call_core(call)->snapshots);
	answer(page, fill_from_snapshot(page));
	return 0;
}
