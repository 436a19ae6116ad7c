/*
 * indexerctl list: all indexers that the caller may see, as a table, a tree or a document.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>

#include "common/util.h"
#include "ctl/block.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/tree.h"
#include "ctl/verb.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/id.h"

#define PAGE_SIZE 500

struct list_config {
	bool tree;
	const char *filter;
};

static const struct option_row list_options[] = {
	{ "tree", 0, NULL, take_flag, offsetof(struct list_config, tree), NULL,
	  "show who has spawned whom" },
	{ "filter", 0, "EXPR", take_string, offsetof(struct list_config, filter), NULL,
	  "only indexers that this is true of, e.g. 'labels.team = \"red\"'", "filter" },
};

/* All pages as one answer. */
struct listing {
	Indexerd__V1__Indexer **indexers; /* owned */
	size_t n;
};

static void listing_clear(struct listing *listing)
{
	for (size_t i = 0; i < listing->n; i++)
		indexerd__v1__indexer__free_unpacked(listing->indexers[i], NULL);
	free(listing->indexers);
}

/* Takes a page's indexers over. */
static int listing_add(struct listing *listing, Indexerd__V1__ListIndexersResponse *page)
{
	Indexerd__V1__Indexer **indexers;

	if (page->n_indexers == 0)
		return 0;
	indexers =
		reallocarray(listing->indexers, listing->n + page->n_indexers, sizeof(*indexers));
	if (!indexers)
		return -ENOMEM;
	listing->indexers = indexers;
	for (size_t i = 0; i < page->n_indexers; i++)
		listing->indexers[listing->n++] = page->indexers[i];
	page->n_indexers = 0;
	return 0;
}

/* Asks for page after page. 0, an exit code or a negative errno. */
static int fetch(struct ctl *ctl, const char *filter, struct listing *listing)
{
	_cleanup_free_ char *token = strdup("");
	Indexerd__V1__ListIndexersRequest request = INDEXERD__V1__LIST_INDEXERS_REQUEST__INIT;

	request.page_size = PAGE_SIZE;
	request.filter = (char *)(filter ? filter : "");
	for (;;) {
		_cleanup_message_ ProtobufCMessage *answer = NULL;
		Indexerd__V1__ListIndexersResponse *page;
		int r;

		if (!token)
			return -ENOMEM;
		request.page_token = token;
		r = ctl_call(ctl, "ListIndexers", &request.base, TIMEOUT_READ, &answer);
		if (r != 0)
			return r;
		page = (Indexerd__V1__ListIndexersResponse *)answer;
		if (listing_add(listing, page) < 0)
			return -ENOMEM;
		if (isempty(page->next_page_token))
			return 0;
		if (streq(page->next_page_token, token))
			return -EBADMSG; /* this would never end */
		free(token);
		token = strdup(page->next_page_token);
	}
}

static int print_listing_json(const struct listing *listing)
{
	_cleanup_(json_decrefp) json_t *array = json_array(), *document = NULL;

	for (size_t i = 0; i < listing->n; i++) {
		json_t *json;
		int r = json_from_message(&listing->indexers[i]->base, &json);

		if (r < 0)
			return r;
		if (json_array_append_new(array, json) < 0)
			return -ENOMEM;
	}
	document = json_pack("{s:O}", "indexers", array);
	if (!document)
		return -ENOMEM;
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	return flush_stdout();
}

/* Since when it is in its state, as far as one can tell. */
static const Google__Protobuf__Timestamp *since_of(const Indexerd__V1__Indexer__Status *status)
{
	if (status->main_pid == 0 && status->last_exit)
		return status->last_exit->time;
	return status->start_time;
}

static int add_indexer(struct table *table, const char *prefix,
		       const Indexerd__V1__Indexer *indexer, bool with_parent)
{
	static const Indexerd__V1__Indexer__Status unknown = INDEXERD__V1__INDEXER__STATUS__INIT;
	const Indexerd__V1__Indexer__Status *status = indexer->status ? indexer->status : &unknown;
	const char *state = enum_text(&indexerd__v1__state__descriptor, (int)status->state);
	char since[TIME_TEXT_MAX], block[BLOCK_TEXT_MAX];
	int r;

	format_time(since_of(status), since);
	block_text(status->progress, block);
	r = table_addf(table, "%s%s", prefix, indexer->name);
	if (r == 0)
		r = table_addf(table, "%s", state);
	if (r == 0)
		r = table_addf(table, "%s", isempty(indexer->runtime) ? "-" : indexer->runtime);
	if (r == 0)
		r = status->main_pid ? table_addf(table, "%" PRId64, status->main_pid)
				     : table_addf(table, "-");
	if (r == 0)
		r = table_addf(table, "%" PRId32, status->restart_count);
	if (r == 0)
		r = table_addf(table, "%s", since);
	if (r == 0)
		r = table_addf(table, "%s", block);
	if (r == 0 && with_parent)
		r = table_addf(table, "%s",
			       isempty(indexer->spawned_by) ? "-" : indexer->spawned_by);
	return r;
}

static const char *const titles[] = { "NAME",	  "STATE", "RUNTIME", "PID",
				      "RESTARTS", "SINCE", "BLOCK",   "SPAWNED-BY" };

static int print_listing(const struct listing *listing)
{
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(titles, ELEMENTSOF(titles), &table);

	for (size_t i = 0; i < listing->n && r == 0; i++)
		r = add_indexer(table, "", listing->indexers[i], true);
	if (r < 0)
		return r;
	table_print(table, stdout);
	return flush_stdout();
}

/* The tree shows the parent itself, so its column is left out. */
static int print_tree(const struct listing *listing)
{
	_cleanup_(table_freep) struct table *table = NULL;
	struct tree_row *rows;
	int r = table_new(titles, ELEMENTSOF(titles) - 1, &table);

	if (r == 0)
		r = tree_draw(listing->indexers, listing->n, locale_is_utf8(), &rows);
	if (r < 0)
		return r;
	for (size_t i = 0; i < listing->n && rows[i].indexer && r == 0; i++)
		r = add_indexer(table, rows[i].prefix, rows[i].indexer, false);
	tree_free(rows, listing->n);
	if (r < 0)
		return r;
	table_print(table, stdout);
	return flush_stdout();
}

static int run_list(struct ctl *ctl, void *userdata, char **operands __attribute__((unused)))
{
	const struct list_config *config = userdata;
	_cleanup_(listing_clear) struct listing listing = { 0 };
	int r = fetch(ctl, config->filter, &listing);

	if (r != 0)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return print_listing_json(&listing);
	return config->tree ? print_tree(&listing) : print_listing(&listing);
}

const struct verb verb_list = {
	.name = "list",
	.operands = "",
	.summary = "List indexers",
	.options = list_options,
	.n_options = ELEMENTSOF(list_options),
	.config_size = sizeof(struct list_config),
	.run = run_list,
};
