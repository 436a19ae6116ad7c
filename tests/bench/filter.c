/*
 * What a page under a filter costs inside the server, with 10,000 rows: the last full page against
 * the first, each the median of several walks through all pages. As in ListIndexers, the ids come
 * out of the registry where an index of it leads to them, and out of memory otherwise; a page is
 * full when one more row is found, and includes the parsing of its filter and the packing of its
 * rows.
 *
 * Prints one line of the benchmark's table for each filter. Needs no box.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>

#include "../unit/registry-helper.h"
#include "common/util.h"
#include "model/snapshot.h"
#include "rpc/convert.h"
#include "samples.h"

#define ROWS  10000
#define PAGE  50
#define WALKS 21

static struct registry *registry;
static struct snapshot *snapshot;

struct page {
	struct filter *filter;
	struct arena arena;
	Indexerd__V1__Indexer *rows[PAGE];
	size_t n;
	bool more; /* there is another page */
	char last[ID_MAX];
};

static struct definition *make_definition(unsigned i)
{
	char id[ID_MAX];
	struct definition *d;

	snprintf(id, sizeof(id), "%s-%05u", i % 4 == 1 ? "x" : i == 0 ? "a" : "pool", i);
	d = test_definition(id, i, i % 3 == 1 ? "a-00000" : NULL);
	assert(kv_list_set(&d->labels, "app/part", "pool") == 0);
	assert(kv_list_set(&d->labels, "env", i % 2 ? "prod" : "test") == 0);
	if (i % 5 == 0)
		assert(kv_list_set(&d->labels, "a", i % 500 == 0 ? "rare" : "x") == 0);
	assert(string_set(&d->script, "src/main.js") == 0 && string_set(&d->runtime, "node") == 0);
	return d;
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct view *const *)a)->definition->id,
		      (*(struct view *const *)b)->definition->id);
}

static void make_rows(void)
{
	struct view **views = malloc(ROWS * sizeof(*views));

	assert(views && registry_open(test_file("bench.db"), &registry) == 0);
	for (unsigned i = 0; i < ROWS; i++) {
		_cleanup_(definition_unrefp) struct definition *d = make_definition(i);
		struct status status = { .state = i % 10 ? STATE_RUNNING : STATE_FAILED };

		assert(registry_create(registry, d, ROWS, NULL) == 0);
		assert(view_new(d, &status, &views[i]) == 0);
	}
	qsort(views, ROWS, sizeof(*views), by_id);
	assert(snapshot_new(views, ROWS, &snapshot) == 0);
}

/* Takes a row into the page where it passes; 1 where it would be one too many. */
static int offer(struct page *page, const struct view *view)
{
	if (!filter_matches(page->filter, view))
		return 0;
	page->more = page->n == PAGE;
	if (page->more)
		return 1;
	page->rows[page->n] = convert_from_view(view, NULL, NULL, &page->arena);
	assert(page->rows[page->n]);
	page->n++;
	strcpy(page->last, view->definition->id);
	return 0;
}

static int offer_id(const char *id, void *userdata)
{
	return offer(userdata, snapshot_find(snapshot, id));
}

static void take_from_memory(struct page *page, const char *after)
{
	size_t i = snapshot_after(snapshot, after);

	while (i < snapshot_size(snapshot) && offer(page, snapshot_at(snapshot, i)) == 0)
		i++;
}

static void take_rows(struct page *page)
{
	char after[ID_MAX];

	strcpy(after, page->last);
	if (registry_list_has_index(page->filter) &&
	    registry_list(registry, page->filter, after, offer_id, page) >= 0)
		return;
	page->n = 0; /* of what was too much for the index */
	take_from_memory(page, after);
}

static void pack(struct page *page)
{
	Indexerd__V1__ListIndexersResponse reply = INDEXERD__V1__LIST_INDEXERS_RESPONSE__INIT;
	uint8_t *packed;

	reply.indexers = page->rows;
	reply.n_indexers = page->n;
	packed = malloc(indexerd__v1__list_indexers_response__get_packed_size(&reply) + 1);
	assert(packed);
	indexerd__v1__list_indexers_response__pack(&reply, packed);
	free(packed);
}

/* Makes the page that follows; returns the milliseconds that it took. */
static double next_page(struct page *page, const char *text)
{
	uint64_t begin = now_usec(CLOCK_MONOTONIC);

	assert(filter_parse(text, &page->filter, NULL) == 0);
	page->n = 0;
	page->more = false;
	take_rows(page);
	pack(page);
	arena_clear(&page->arena);
	page->filter = filter_free(page->filter);
	return (double)(now_usec(CLOCK_MONOTONIC) - begin) / USEC_PER_MSEC;
}

static void measure(const char *text)
{
	static struct samples first, last;
	size_t pages = 0; /* full ones */

	first.n = last.n = 0;
	for (size_t walk = 0; walk < WALKS; walk++) {
		struct page page = { .more = true };
		double took, last_took = 0;

		for (pages = 0; page.more; pages += page.n == PAGE) {
			took = next_page(&page, text);
			if (pages == 0)
				samples_add(&first, took);
			if (page.n == PAGE)
				last_took = took;
		}
		samples_add(&last, last_took);
	}
	printf("| ListIndexers of %d rows under `%s`: page %zu against page 1, ms | %.2f | %.2f "
	       "| %.2f | <= 5 |\n",
	       ROWS, text, pages, samples_median(&last), samples_median(&first),
	       samples_median(&last) / samples_median(&first));
}

int main(void)
{
	static const char *const filters[] = {
		"labels.a = \"x\"",
		"spawned_by = \"indexers/a-00000\"",
		"name = \"indexers/x*\"",
		"status.state = RUNNING AND labels:a",
	};

	test_begin();
	make_rows();
	for (size_t i = 0; i < ELEMENTSOF(filters); i++)
		measure(filters[i]);
	snapshot_unref(snapshot);
	registry_close(registry);
	test_end();
	return 0;
}
