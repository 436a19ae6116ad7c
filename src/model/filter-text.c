/*
 * The canonical text of a filter: one spelling for each tree. It parses into the same tree again,
 * unless its quotes and parentheses have made it pass a limit.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "model/filter-tree.h"
#include "model/rfc3339.h"

/* NULL: written otherwise. */
static const char *const fields[] = {
	[FILTER_ANYWHERE] = NULL,
	[FILTER_NAME] = "name",
	[FILTER_SPAWNED_BY] = "spawned_by",
	[FILTER_RUNTIME] = "runtime",
	[FILTER_SCRIPT] = "script",
	[FILTER_LABEL] = NULL,
	[FILTER_LABELS] = "labels",
	[FILTER_STATE] = "status.state",
	[FILTER_CREATE_TIME] = "create_time",
	[FILTER_UPDATE_TIME] = "update_time",
};

static const char *const operators[] = {
	[FILTER_EQUAL] = " = ",
	[FILTER_LESS] = " < ",
	[FILTER_LESS_OR_EQUAL] = " <= ",
	[FILTER_GREATER] = " > ",
	[FILTER_GREATER_OR_EQUAL] = " >= ",
	[FILTER_BEGINS] = " = ",
	[FILTER_ENDS] = " = ",
	[FILTER_CONTAINS] = " = ",
	[FILTER_PRESENT] = ":*",
};

static void write_quoted(FILE *out, const struct filter_term *term)
{
	enum filter_test test = term->test;
	bool stars = term->field != FILTER_ANYWHERE;

	fputc('"', out);
	if (stars && (test == FILTER_ENDS || test == FILTER_CONTAINS))
		fputc('*', out);
	for (const char *s = term->text; *s; s++) {
		if (strchr("\\\"*", *s))
			fputc('\\', out);
		fputc(*s, out);
	}
	if (stars && (test == FILTER_BEGINS || test == FILTER_CONTAINS))
		fputc('*', out);
	fputc('"', out);
}

static void write_value(FILE *out, const struct filter_term *term)
{
	char time[RFC3339_MAX];

	switch (term->field) {
	case FILTER_STATE:
		fputs(filter_state_name(term->number), out);
		break;
	case FILTER_CREATE_TIME:
	case FILTER_UPDATE_TIME:
		rfc3339_write(term->number >> 1, term->number & 1, time);
		fputs(time, out);
		break;
	default:
		write_quoted(out, term);
	}
}

static void write_term(FILE *out, const struct filter_term *term)
{
	if (term->field == FILTER_LABEL)
		fprintf(out, "labels.\"%s\"", term->key);
	else if (fields[term->field])
		fputs(fields[term->field], out);
	if (term->field != FILTER_ANYWHERE)
		fputs(operators[term->test], out);
	if (term->test != FILTER_PRESENT)
		write_value(out, term);
}

static void write_node(FILE *out, const struct filter_node *node, bool in_group)
{
	bool parentheses = node->kind != FILTER_TERM && (in_group || node->negated);

	if (node->negated)
		fputs("NOT ", out);
	if (node->kind == FILTER_TERM) {
		write_term(out, &node->term);
		return;
	}
	if (parentheses)
		fputc('(', out);
	for (const struct filter_node *child = node->first; child; child = child->next) {
		if (child != node->first)
			fputs(node->kind == FILTER_AND ? " AND " : " OR ", out);
		write_node(out, child, true);
	}
	if (parentheses)
		fputc(')', out);
}

int filter_write(struct filter *filter)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	bool failed;

	if (!out)
		return -ENOMEM;
	if (filter->root)
		write_node(out, filter->root, false);
	failed = ferror(out);
	if (fclose(out) != 0 || failed) {
		free(text);
		return -ENOMEM;
	}
	filter->text = text;
	return 0;
}

const char *filter_text(const struct filter *filter)
{
	return filter->text;
}
