/*
 * What a page under a filter costs, with 10,000 rows: in memory, as queue threads answer it, and
 * out of the registry. For each filter a line: its pages of 50 rows, and the milliseconds of the
 * first one, the last full one and the longest one, each the median of several walks. A page
 * includes the parsing of its filter.
 *
 * Not part of the run in a box; `make tests/bench/filter && tests/bench/filter`.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>

#include "../unit/registry-helper.h"
#include "common/util.h"
#include "model/snapshot.h"
#include "samples.h"

#define ROWS  10000
#define PAGE  50
#define WALKS 21

static struct registry *registry;
static struct snapshot *snapshot;

struct page {
	const struct filter *filter;
	size_t n;
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

/* Takes a row into the page; 1 where it is full. */
static int take(const char *id, void *userdata)
{
	struct page *page = userdata;

	if (filter_reads_status(page->filter) &&
	    !filter_matches(page->filter, snapshot_find(snapshot, id)))
		return 0;
	strcpy(page->last, id);
	return ++page->n == PAGE;
}

static void page_of_registry(struct page *page)
{
	char after[ID_MAX];

	strcpy(after, page->last);
	assert(registry_list(registry, page->filter, after, take, page) >= 0);
}

static void page_of_memory(struct page *page)
{
	for (size_t i = snapshot_after(snapshot, page->last);
	     i < snapshot_size(snapshot) && page->n < PAGE; i++) {
		const struct view *view = snapshot_at(snapshot, i);

		if (filter_matches(page->filter, view)) {
			strcpy(page->last, view->definition->id);
			page->n++;
		}
	}
}

static void measure(const char *text, void (*take_page)(struct page *page), const char *where)
{
	static struct samples first, last, longest;
	size_t pages = 0;

	first.n = last.n = longest.n = 0;
	for (size_t walk = 0; walk < WALKS; walk++) {
		struct page page = { .n = PAGE };
		double most = 0, full = 0;

		for (pages = 0; page.n == PAGE; pages++) {
			uint64_t begin = now_usec(CLOCK_MONOTONIC);
			struct filter *filter = NULL;
			double took;

			assert(filter_parse(text, &filter, NULL) == 0);
			page.filter = filter;
			page.n = 0;
			take_page(&page);
			filter_free(filter);
			took = (double)(now_usec(CLOCK_MONOTONIC) - begin) / 1000;
			most = MAX(most, took);
			if (pages == 0)
				samples_add(&first, took);
			if (pages == 0 || page.n == PAGE)
				full = took;
		}
		samples_add(&last, full);
		samples_add(&longest, most);
	}
	printf("%-9s %4zu pages  first %6.3f  last %6.3f  longest %6.3f ms  %s\n", where, pages,
	       samples_median(&first), samples_median(&last), samples_median(&longest), text);
}

int main(void)
{
	static const char *const filters[] = {
		"",
		"labels.a = \"x\"",
		"labels.a = \"rare\"",
		"labels.a = \"none\"",
		"spawned_by = \"indexers/a-00000\"",
		"name = \"indexers/x*\"",
		"status.state = RUNNING AND labels:a",
		"status.state = STOPPED AND labels:a",
		"runtime != node OR -labels.env = (prod OR test)",
		"nowhere",
	};

	test_begin();
	make_rows();
	for (size_t i = 0; i < ELEMENTSOF(filters); i++) {
		measure(filters[i], page_of_memory, "memory");
		measure(filters[i], page_of_registry, "registry");
	}
	snapshot_unref(snapshot);
	registry_close(registry);
	test_end();
	return 0;
}
