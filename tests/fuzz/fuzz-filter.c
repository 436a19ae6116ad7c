/*
 * Fuzz target: filters. What is refused has a column inside of the filter. What parses has a
 * canonical text that means the same, and the registry answers it as the memory does.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>

#include "common/util.h"
#include "model/utf8.h"
#include "../unit/registry-helper.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* In the order of their ids, and a parent before its children. */
static const struct row {
	const char *id, *parent, *runtime, *script, *key, *value;
	uint64_t create_time;
	enum state state;
} rows[] = {
	{ "a", NULL, "node", "main.js", "a", "x", 0, STATE_RUNNING },
	{ "b", "a", "exec", "é*.sh", "b", "", 1, STATE_FAILED },
	{ "pool-1", "a", "", "", "a/b", "prod", 1769860800000000, STATE_STOPPED },
	{ "pool-2", NULL, "node", "x", "a", "*\"\\", 1769860800000001, STATE_DELETING },
};

static struct registry *registry;
static struct view *views[ELEMENTSOF(rows)];

static void make_rows(void)
{
	test_begin();
	atexit(test_end);
	assert(registry_open(test_file("filter.db"), &registry) == 0);
	for (unsigned i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_(definition_unrefp) struct definition *d =
			test_definition(rows[i].id, i, rows[i].parent);
		struct status status = { .state = rows[i].state };

		assert(kv_list_set(&d->labels, rows[i].key, rows[i].value) == 0 &&
		       string_set(&d->runtime, rows[i].runtime) == 0 &&
		       string_set(&d->script, rows[i].script) == 0);
		d->create_time = rows[i].create_time;
		assert(registry_create(registry, d, ELEMENTSOF(rows), NULL) == 0);
		assert(view_new(d, &status, &views[i]) == 0);
	}
}

static size_t count_characters(const char *text)
{
	size_t left = strlen(text), count = 0;
	uint32_t c;

	for (size_t n; left > 0; left -= n, text += n, count++)
		n = MAX(utf8_decode(text, left, &c), (size_t)1);
	return count;
}

static void check_refusal(const char *text, const struct refusal *refusal)
{
	size_t column = 0;

	assert(refusal->code == CODE_INVALID_ARGUMENT && streq(refusal->field, "filter"));
	assert(sscanf(refusal->message, "filter, column %zu: ", &column) == 1);
	assert(column >= 1 && column <= count_characters(text) + 1);
}

/* Collects the rows as bits. */
static int take(const char *id, void *userdata)
{
	for (unsigned i = 0; i < ELEMENTSOF(rows); i++)
		if (streq(id, rows[i].id)) {
			/* In their order, and each one once. */
			assert(*(unsigned *)userdata < 1U << i);
			*(unsigned *)userdata |= 1U << i;
			return 0;
		}
	assert(false);
}

static unsigned passing(const struct filter *filter)
{
	unsigned set = 0;

	for (unsigned i = 0; i < ELEMENTSOF(rows); i++)
		set |= (unsigned)filter_matches(filter, views[i]) << i;
	return set;
}

static void check_filter(const struct filter *filter)
{
	_cleanup_(filter_freep) struct filter *again = NULL;
	_cleanup_refusal_ struct refusal refusal = { 0 };
	const char *text = filter_text(filter);
	unsigned set = passing(filter), listed = 0;

	if (filter_parse(text, &again, &refusal) == 0)
		assert(streq(filter_text(again), text) && passing(again) == set);
	else
		assert(strstr(refusal.message, "a filter has at most") ||
		       strstr(refusal.message, "open parentheses"));
	assert(registry_list(registry, filter, "", take, &listed) == 0);
	assert((listed & set) == set && (listed == set || filter_reads_status(filter)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;
	_cleanup_refusal_ struct refusal refusal = { 0 };
	_cleanup_free_ char *text = strndup((const char *)data, size);
	int r;

	assert(text);
	if (!registry)
		make_rows();
	r = filter_parse(text, &filter, &refusal);
	assert(r == 0 || r == REFUSED);
	if (r == 0)
		check_filter(filter);
	else
		check_refusal(text, &refusal);
	return 0;
}
