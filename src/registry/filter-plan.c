/*
 * The plan for a filter; see filter-plan.h. It is made of the comparisons that every row of the
 * answer has to pass: those that stand alone, or are joined with AND to all the rest.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/filter-plan.h"

#include "common/util.h"

static void raise_low(struct filter_plan *plan, const char *id, bool open)
{
	int order = strcmp(id, plan->low);

	if (order > 0)
		strcpy(plan->low, id);
	if (order >= 0)
		plan->low_open = open || (order == 0 && plan->low_open);
}

static void lower_high(struct filter_plan *plan, const char *id, bool closed)
{
	int order = *plan->high ? strcmp(id, plan->high) : -1;

	if (order < 0)
		strcpy(plan->high, id);
	if (order <= 0)
		plan->high_closed = closed && (order < 0 || plan->high_closed);
}

/* Between the ids that begin with a text: up to the text with its last byte raised. */
static void narrow_to_prefix(struct filter_plan *plan, const char *prefix)
{
	size_t n = strlen(prefix);
	char behind[ID_MAX];

	if (n == 0 || (unsigned char)prefix[n - 1] >= 0x7f)
		return;
	strcpy(behind, prefix);
	behind[n - 1]++;
	raise_low(plan, prefix, false);
	lower_high(plan, behind, false);
}

/* Narrows the range of ids by a comparison of the name. It is tested in each row all the same. */
static void narrow(struct filter_plan *plan, const struct filter_term *term)
{
	const char *id = startswith(term->text, NAME_PREFIX);

	if (!id || strlen(id) >= ID_MAX)
		return;
	if (term->test == FILTER_BEGINS)
		narrow_to_prefix(plan, id);
	if (term->test == FILTER_EQUAL || term->test == FILTER_GREATER ||
	    term->test == FILTER_GREATER_OR_EQUAL)
		raise_low(plan, id, term->test == FILTER_GREATER);
	if (*id && (term->test == FILTER_EQUAL || term->test == FILTER_LESS ||
		    term->test == FILTER_LESS_OR_EQUAL))
		lower_high(plan, id, term->test != FILTER_LESS);
}

/* The index that a comparison can be answered from, in the order of ids. */
static enum filter_driver driver_of(const struct filter_term *term)
{
	bool equal = term->test == FILTER_EQUAL;

	switch (term->field) {
	case FILTER_RUNTIME:
		return equal ? FILTER_DRIVER_RUNTIME : FILTER_DRIVER_ID;
	case FILTER_SCRIPT:
		return equal ? FILTER_DRIVER_SCRIPT : FILTER_DRIVER_ID;
	case FILTER_SPAWNED_BY:
		return equal ? FILTER_DRIVER_PARENT : FILTER_DRIVER_ID;
	case FILTER_LABEL:
		return equal ? FILTER_DRIVER_LABEL_VALUE : FILTER_DRIVER_LABEL_NAME;
	default:
		return FILTER_DRIVER_ID;
	}
}

/* Takes what one of the comparisons that all rows have to pass tells of where they are. */
static void consider(struct filter_plan *plan, const struct filter_node *node)
{
	enum filter_driver driver;

	if (node->kind != FILTER_TERM || node->negated)
		return;
	if (node->term.field == FILTER_NAME && node->term.test != FILTER_PRESENT)
		narrow(plan, &node->term);
	driver = driver_of(&node->term);
	if (driver > plan->driver) {
		plan->driver = driver;
		plan->term = &node->term;
	}
}

void filter_plan_make(const struct filter *filter, const char *after, struct filter_plan *ret)
{
	const struct filter_node *root = filter->root;

	assert(strlen(after) < ID_MAX);
	*ret = (struct filter_plan){ .driver = FILTER_DRIVER_ID, .low_open = true };
	strcpy(ret->low, after);
	if (!root)
		return;
	consider(ret, root);
	if (root->kind == FILTER_AND && !root->negated)
		for (const struct filter_node *child = root->first; child; child = child->next)
			consider(ret, child);
}
