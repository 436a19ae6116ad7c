/*
 * Pages of the registry under a filter: SQL and memory agree on every filter, over rows and filters
 * that are made at random, the same ones in every run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "registry-helper.h"

#define ROWS	80
#define FILTERS 4000

static struct view *views[ROWS]; /* in the order of ids */

static unsigned below(unsigned n)
{
	static unsigned seed = 1;

	seed = seed * 1103515245 + 12345;
	return (seed >> 8) % n;
}

#define PICK(array) ((array)[below(ELEMENTSOF(array))])

static const char *const keys[] = { "a", "b", "app/part", "Z.z" };
static const char *const values[] = { "",    "x",      "xy",  "y",     "é",  "éa",  "*",   "%",
				      "x_y", "\"q\\'", "-30", "false", "XY", "a b", "日本" };
static const char *const runtimes[] = { "node", "exec", "apibara", "" };
static const char *const scripts[] = { "main.js", "src/main.js", "pool", "é.py" };

static void id_of(unsigned i, char id[ID_MAX])
{
	static const char *const stems[] = { "factory", "pool", "pool-a", "x" };

	snprintf(id, ID_MAX, "%s%02u", stems[i % 4], i);
}

static struct definition *make_definition(unsigned i)
{
	char id[ID_MAX], parent[ID_MAX];
	struct definition *d;

	id_of(i, id);
	id_of(i / 8 * 4, parent);
	d = test_definition(id, i, i >= 8 && below(4) ? parent : NULL);
	for (size_t k = 0; k < ELEMENTSOF(keys); k++)
		if (below(2))
			kv_list_set(&d->labels, keys[k], PICK(values));
	string_set(&d->runtime, PICK(runtimes));
	string_set(&d->script, PICK(scripts));
	d->create_time = 1769860800000000 + below(4);
	d->update_time = below(2);
	return d;
}

static int by_id(const void *a, const void *b)
{
	return strcmp((*(struct view *const *)a)->definition->id,
		      (*(struct view *const *)b)->definition->id);
}

static void make_rows(struct registry *registry)
{
	for (unsigned i = 0; i < ROWS; i++) {
		_cleanup_(definition_unrefp) struct definition *d = make_definition(i);
		struct status status = { .state = (enum state)(1 + below(7)) };

		if (registry_create(registry, d, ROWS, NULL) != 0 ||
		    view_new(d, &status, &views[i]) < 0)
			abort();
	}
	qsort(views, ROWS, sizeof(views[0]), by_id);
}

static void append_quoted(char *text, const char *value, unsigned stars)
{
	char *end = stpcpy(text + strlen(text), stars & 1 ? "\"*" : "\"");

	for (; *value; value++) {
		if (strchr("\"\\*", *value))
			*end++ = '\\';
		*end++ = *value;
	}
	strcpy(end, stars & 2 ? "*\"" : "\"");
}

static void append_name(char *text)
{
	char id[ID_MAX], name[NAME_MAX_SIZE];
	unsigned stars = below(4);

	id_of(below(ROWS + 8), id);
	name_from_id(id, name);
	if (stars & 2)
		name[strlen(NAME_PREFIX) + below(8)] = '\0';
	append_quoted(text, stars & 1 ? name + below(12) : name, stars);
}

static void append_term(char *text)
{
	static const char *const equalities[] = { " = ", " != ", ":" };
	static const char *const orders[] = { " < ", " <= ", " > ", " >= ", " = " };
	static const char *const fields[] = { "runtime", "script" };
	static const char *const names[] = { "name", "spawned_by" };
	static const char *const present[] = { "runtime:*",	  "spawned_by:*",
					       "update_time:*",	  "labels:*",
					       "name:*",	  "spawned_by = ''",
					       "labels:app/part", "status.state:*" };
	static const char *const states[] = { "RUNNING", "FAILED", "STATE_STOPPED" };
	static const char *const times[] = { "2026-01-31T12:00:00.000001Z",
					     "2026-01-31T12:00:00.0000015Z",
					     "1970-01-01T00:00:00.000001Z",
					     "0001-01-01T00:00:00Z" };

	switch (below(9)) {
	case 0:
		sprintf(text + strlen(text), "labels.\"%s\"%s", PICK(keys), PICK(equalities));
		append_quoted(text, PICK(values), below(4));
		break;
	case 1:
		sprintf(text + strlen(text), "labels.\"%s\"%s", PICK(keys), PICK(orders));
		append_quoted(text, PICK(values), 0);
		break;
	case 2:
		sprintf(text + strlen(text), "%s%s", PICK(names), PICK(equalities));
		append_name(text);
		break;
	case 3:
		sprintf(text + strlen(text), "%s%s\"indexers/%.*s\"", PICK(names), orders[below(4)],
			(int)below(3), "pool");
		break;
	case 4:
		sprintf(text + strlen(text), "%s%s", PICK(fields), PICK(equalities));
		append_quoted(text, below(2) ? PICK(runtimes) : PICK(scripts), below(2) * below(4));
		break;
	case 5:
		sprintf(text + strlen(text), "create_time%s%s", PICK(orders), PICK(times));
		break;
	case 6:
		sprintf(text + strlen(text), "status.state%s%s", PICK(equalities), PICK(states));
		break;
	case 7:
		strcat(text, PICK(present));
		break;
	case 8:
		append_quoted(text, values[1 + below(ELEMENTSOF(values) - 1)], 0);
		break;
	}
}

static void append_expression(char *text, unsigned depth)
{
	static const char *const joints[] = { " ", " AND ", " OR ", " AND " };
	unsigned n = 1 + below(3);

	for (unsigned i = 0; i < n; i++) {
		if (i > 0)
			strcat(text, PICK(joints));
		if (below(5) == 0)
			strcat(text, below(2) ? "-" : "NOT ");
		if (depth > 0 && below(3) == 0) {
			strcat(text, "(");
			append_expression(text, depth - 1);
			strcat(text, ")");
		} else {
			append_term(text);
		}
	}
}

struct page {
	size_t n, size;
	char ids[ROWS][ID_MAX];
};

static int take(const char *id, void *userdata)
{
	struct page *page = userdata;

	strcpy(page->ids[page->n++], id);
	return page->n == page->size;
}

/* Whether the registry's ids after one are, in order, those that pass in memory. */
static bool agree(struct registry *registry, const struct filter *filter, const char *after)
{
	struct page page = { .size = SIZE_MAX };
	size_t at = 0;

	if (registry_list(registry, filter, after, take, &page) != 0)
		return false;
	for (unsigned i = 0; i < ROWS; i++) {
		const char *id = views[i]->definition->id;
		bool listed = at < page.n && streq(page.ids[at], id);
		bool passes = strcmp(id, after) > 0 && filter_matches(filter, views[i]);

		if (listed)
			at++;
		if (passes && !listed)
			return false;
		if (!passes && listed && !filter_reads_status(filter))
			return false;
	}
	return at == page.n;
}

static void test_agreement(struct registry *registry)
{
	size_t disagreed = 0, status = 0, empty = 0;

	for (unsigned i = 0; i < FILTERS; i++) {
		_cleanup_(filter_freep) struct filter *filter = NULL;
		_cleanup_refusal_ struct refusal refusal = {};
		char text[FILTER_SIZE_MAX] = "", after[ID_MAX] = "";
		size_t passed = 0;

		append_expression(text, 2);
		if (below(2))
			id_of(below(ROWS), after);
		if (filter_parse(text, &filter, &refusal) != 0) {
			/* A name that can never be. */
			disagreed += !strstr(refusal.message, "expected a name");
			continue;
		}
		for (unsigned v = 0; v < ROWS; v++)
			passed += filter_matches(filter, views[v]);
		empty += passed == 0;
		status += filter_reads_status(filter);
		if (agree(registry, filter, after))
			continue;
		printf("# after '%s': %s\n", after, text);
		disagreed++;
	}
	printf("# %zu with the status, %zu that let nothing pass\n", status, empty);
	is_int(disagreed, 0, "SQL and memory agree on %d filters", FILTERS);
	ok(status > FILTERS / 10 && empty < FILTERS / 2, "which were worth it");
}

static void test_walk(struct registry *registry)
{
	_cleanup_(filter_freep) struct filter *filter = NULL;
	struct page page = { .size = 1 };
	char after[ID_MAX] = "";
	size_t rows = 0, wrong = 0;

	filter_parse("", &filter, NULL);
	while (page.n = 0, registry_list(registry, filter, after, take, &page) == 1) {
		wrong += !streq(page.ids[0], views[rows++]->definition->id);
		strcpy(after, page.ids[0]);
	}
	ok(rows == ROWS && wrong == 0 && page.n == 0, "pages of one have every row once");
}

int main(void)
{
	struct registry *registry = NULL;

	test_begin();
	registry_open(test_file("pages.db"), &registry);
	make_rows(registry);
	test_agreement(registry);
	test_walk(registry);
	registry_close(registry);
	for (unsigned i = 0; i < ROWS; i++)
		view_unref(views[i]);
	test_end();
	return tap_done();
}
