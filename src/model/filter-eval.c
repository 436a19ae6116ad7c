/*
 * A filter asked about a view. Nothing is allocated; the way down the tree is no longer than
 * parentheses can be nested.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "model/filter-tree.h"

/* Whether a value that is so much less (-1) or greater (1) than the term's passes its test. */
static bool order_matches(enum filter_test test, int order)
{
	switch (test) {
	case FILTER_EQUAL:
		return order == 0;
	case FILTER_LESS:
		return order < 0;
	case FILTER_LESS_OR_EQUAL:
		return order <= 0;
	case FILTER_GREATER:
		return order > 0;
	case FILTER_GREATER_OR_EQUAL:
		return order >= 0;
	case FILTER_BEGINS:
	case FILTER_ENDS:
	case FILTER_CONTAINS:
	case FILTER_PRESENT:
		break;
	}
	assert(false);
}

static bool text_matches(const struct filter_term *term, const char *text)
{
	size_t n;

	switch (term->test) {
	case FILTER_BEGINS:
		return strncmp(text, term->text, term->size) == 0;
	case FILTER_ENDS:
		n = strlen(text);
		return n >= term->size && streq(text + n - term->size, term->text);
	case FILTER_CONTAINS:
		return strstr(text, term->text) != NULL;
	case FILTER_PRESENT:
		return *text != '\0';
	default:
		return order_matches(term->test, strcmp(text, term->text));
	}
}

static bool number_matches(const struct filter_term *term, int64_t number)
{
	if (term->test == FILTER_PRESENT)
		return number != 0;
	return order_matches(term->test, (number > term->number) - (number < term->number));
}

/* The API's name of an id; no parent has the name "". */
static bool name_matches(const struct filter_term *term, const char *id)
{
	char name[NAME_MAX_SIZE] = "";

	if (id)
		name_from_id(id, name);
	return text_matches(term, name);
}

static bool label_matches(const struct filter_term *term, const struct kv_list *labels)
{
	const char *value = kv_list_get(labels, term->key);

	return value && (term->test == FILTER_PRESENT || text_matches(term, value));
}

static bool anywhere_matches(const struct filter_term *term, const struct definition *definition)
{
	const char *parent = definition->spawned_by;

	if (text_matches(term, definition->id) || (parent && text_matches(term, parent)) ||
	    text_matches(term, definition->runtime) || text_matches(term, definition->script))
		return true;
	for (size_t i = 0; i < definition->labels.n; i++)
		if (text_matches(term, definition->labels.items[i].key) ||
		    text_matches(term, definition->labels.items[i].value))
			return true;
	return false;
}

/* A time in the term's unit. */
static int64_t half_microseconds(uint64_t usec)
{
	return (int64_t)(2 * usec);
}

static bool term_matches(const struct filter_term *term, const struct view *view)
{
	const struct definition *definition = view->definition;

	switch (term->field) {
	case FILTER_ANYWHERE:
		return anywhere_matches(term, definition);
	case FILTER_NAME:
		return name_matches(term, definition->id);
	case FILTER_SPAWNED_BY:
		return name_matches(term, definition->spawned_by);
	case FILTER_RUNTIME:
		return text_matches(term, definition->runtime);
	case FILTER_SCRIPT:
		return text_matches(term, definition->script);
	case FILTER_LABEL:
		return label_matches(term, &definition->labels);
	case FILTER_LABELS:
		return definition->labels.n > 0;
	case FILTER_STATE:
		return number_matches(term, view->status.state);
	case FILTER_CREATE_TIME:
		return number_matches(term, half_microseconds(definition->create_time));
	case FILTER_UPDATE_TIME:
		return number_matches(term, half_microseconds(definition->update_time));
	}
	assert(false);
}

static bool node_matches(const struct filter_node *node, const struct view *view)
{
	bool result;

	if (node->kind == FILTER_TERM) {
		result = term_matches(&node->term, view);
	} else {
		/* The answer of one child that settles it. */
		bool settles = node->kind == FILTER_OR;

		result = !settles;
		for (const struct filter_node *child = node->first; child && result != settles;
		     child = child->next)
			result = node_matches(child, view);
	}
	return result != node->negated;
}

bool filter_matches(const struct filter *filter, const struct view *view)
{
	return !filter->root || node_matches(filter->root, view);
}

bool filter_reads_status(const struct filter *filter)
{
	for (size_t i = 0; i < filter->n_nodes; i++)
		if (filter->nodes[i].kind == FILTER_TERM &&
		    filter->nodes[i].term.field == FILTER_STATE)
			return true;
	return false;
}
