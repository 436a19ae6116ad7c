/*
 * SQL of a filter. Ids come in their order because one index that has it is walked: the driver. The
 * plan chooses it, and not SQLite, which might sort all that it finds in another one. So all other
 * columns are written with a +, which keeps SQLite from their indexes.
 *
 * Nothing in the conditions is ever NULL: what is not there is compared as "", or looked for with
 * EXISTS. So NOT is the opposite, as it is in memory.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "registry/filter-sql.h"

#include <errno.h>

#include "common/util.h"

#define PARENT_TEXT(text)                                                                          \
	"coalesce((SELECT " text " FROM indexers AS above WHERE above.key = indexers.parent), '')"

/* The texts that a comparison can be about. A word alone is about several. */
static const char *const texts[] = {
	[FILTER_NAME] = "'" NAME_PREFIX "' || indexers.id",
	[FILTER_SPAWNED_BY] = PARENT_TEXT("'" NAME_PREFIX "' || above.id"),
	[FILTER_RUNTIME] = "+indexers.runtime",
	[FILTER_SCRIPT] = "+indexers.script",
};

static const char *const anywhere[] = {
	"+indexers.id",
	PARENT_TEXT("above.id"),
	"+indexers.runtime",
	"+indexers.script",
};

#define LABELS_OF "SELECT 1 FROM labels WHERE labels.indexer = indexers.key"

struct builder {
	FILE *out;
	struct filter_sql *sql;
	const struct filter_term *driven; /* the comparison that the driver answers, or NULL */
};

/* Each returns the parameter's number. */
static int add_text(struct builder *b, const char *text)
{
	assert(b->sql->n_values < ELEMENTSOF(b->sql->values));
	b->sql->values[b->sql->n_values++] = (struct filter_sql_value){ .text = text };
	return (int)b->sql->n_values;
}

static int add_number(struct builder *b, int64_t number)
{
	assert(b->sql->n_values < ELEMENTSOF(b->sql->values));
	b->sql->values[b->sql->n_values++] = (struct filter_sql_value){ .number = number };
	return (int)b->sql->n_values;
}

static const char *operator_of(enum filter_test test)
{
	static const char *const operators[] = {
		[FILTER_EQUAL] = "=",	 [FILTER_LESS] = "<",
		[FILTER_GREATER] = ">",	 [FILTER_LESS_OR_EQUAL] = "<=",
		[FILTER_PRESENT] = "!=", [FILTER_GREATER_OR_EQUAL] = ">=",
	};

	assert((size_t)test < ELEMENTSOF(operators) && operators[test]);
	return operators[test];
}

/* `parameter` has the term's text. */
static void write_text_test(struct builder *b, enum filter_test test, const char *text,
			    int parameter)
{
	switch (test) {
	case FILTER_BEGINS:
		fprintf(b->out, "substr(%s, 1, length(?%d)) = ?%d", text, parameter, parameter);
		break;
	case FILTER_ENDS:
		fprintf(b->out, "substr(%s, -length(?%d)) = ?%d", text, parameter, parameter);
		break;
	case FILTER_CONTAINS:
		fprintf(b->out, "instr(%s, ?%d) > 0", text, parameter);
		break;
	default:
		fprintf(b->out, "%s %s ?%d", text, operator_of(test), parameter);
	}
}

static void write_label(struct builder *b, const struct filter_term *term)
{
	fprintf(b->out, "EXISTS (" LABELS_OF " AND labels.name = ?%d", add_text(b, term->key));
	if (term->test != FILTER_PRESENT) {
		fputs(" AND ", b->out);
		write_text_test(b, term->test, "+labels.value", add_text(b, term->text));
	}
	fputc(')', b->out);
}

static void write_anywhere(struct builder *b, const struct filter_term *term)
{
	int parameter = add_text(b, term->text);

	for (size_t i = 0; i < ELEMENTSOF(anywhere); i++) {
		write_text_test(b, term->test, anywhere[i], parameter);
		fputs(" OR ", b->out);
	}
	fputs("EXISTS (" LABELS_OF " AND (", b->out);
	write_text_test(b, term->test, "+labels.name", parameter);
	fputs(" OR ", b->out);
	write_text_test(b, term->test, "+labels.value", parameter);
	fputs("))", b->out);
}

/* A time is kept in microseconds, and compared in halves of them. */
static void write_time(struct builder *b, const struct filter_term *term, const char *column)
{
	int64_t number = term->test == FILTER_PRESENT ? 0 : term->number;

	fprintf(b->out, "2 * indexers.%s %s ?%d", column, operator_of(term->test),
		add_number(b, number));
}

static void write_term(struct builder *b, const struct filter_term *term)
{
	switch (term->field) {
	case FILTER_ANYWHERE:
		write_anywhere(b, term);
		return;
	case FILTER_NAME:
	case FILTER_SPAWNED_BY:
	case FILTER_RUNTIME:
	case FILTER_SCRIPT:
		write_text_test(b, term->test, texts[term->field],
				add_text(b, term->test == FILTER_PRESENT ? "" : term->text));
		return;
	case FILTER_LABEL:
		write_label(b, term);
		return;
	case FILTER_LABELS:
		fputs("EXISTS (" LABELS_OF ")", b->out);
		return;
	case FILTER_CREATE_TIME:
		write_time(b, term, "create_time");
		return;
	case FILTER_UPDATE_TIME:
		write_time(b, term, "update_time");
		return;
	case FILTER_STATE:
		break;
	}
	assert(false);
}

/*
 * Negation goes down to the comparisons, because one of the state has to pass either way. So has
 * the driver's, whose answer the index has given.
 */
static void write_node(struct builder *b, const struct filter_node *node, bool negated)
{
	negated = negated != node->negated;
	if (node->kind == FILTER_TERM) {
		if (node->term.field == FILTER_STATE || &node->term == b->driven) {
			fputc('1', b->out);
			return;
		}
		fputs(negated ? "NOT (" : "(", b->out);
		write_term(b, &node->term);
		fputc(')', b->out);
		return;
	}
	fputc('(', b->out);
	for (const struct filter_node *child = node->first; child; child = child->next) {
		if (child != node->first)
			fputs((node->kind == FILTER_AND) != negated ? " AND " : " OR ", b->out);
		write_node(b, child, negated);
	}
	fputc(')', b->out);
}

/* The value of a label is still to be tested where the index has its key alone. */
static void write_label_driver(struct builder *b, const struct filter_plan *plan)
{
	const struct filter_term *term = plan->term;

	fprintf(b->out,
		"SELECT driver.id FROM labels AS driver"
		" CROSS JOIN indexers ON indexers.key = driver.indexer WHERE driver.name = ?%d",
		add_text(b, term->key));
	if (plan->driver == FILTER_DRIVER_LABEL_VALUE)
		fprintf(b->out, " AND driver.value = ?%d", add_text(b, term->text));
	else if (term->test != FILTER_PRESENT)
		b->driven = NULL;
}

static void write_parent_driver(struct builder *b, const struct filter_term *term)
{
	const char *id = startswith(term->text, NAME_PREFIX);

	if (id)
		fprintf(b->out,
			" WHERE indexers.parent ="
			" (SELECT above.key FROM indexers AS above WHERE above.id = ?%d)",
			add_text(b, id));
	else
		fputs(" WHERE indexers.parent IS NULL", b->out);
}

/* Writes the beginning, up to a condition, and returns the column that is in order. */
static const char *write_driver(struct builder *b, const struct filter_plan *plan)
{
	if (plan->driver == FILTER_DRIVER_LABEL_NAME || plan->driver == FILTER_DRIVER_LABEL_VALUE) {
		write_label_driver(b, plan);
		return "driver.id";
	}
	fputs("SELECT indexers.id FROM indexers", b->out);
	if (plan->driver == FILTER_DRIVER_PARENT)
		write_parent_driver(b, plan->term);
	else if (plan->driver == FILTER_DRIVER_RUNTIME)
		fprintf(b->out, " WHERE indexers.runtime = ?%d", add_text(b, plan->term->text));
	else if (plan->driver == FILTER_DRIVER_SCRIPT)
		fprintf(b->out, " WHERE indexers.script = ?%d", add_text(b, plan->term->text));
	else
		fputs(" WHERE 1", b->out);
	return "indexers.id";
}

static void write_statement(struct builder *b, const struct filter *filter)
{
	const struct filter_plan *plan = &b->sql->plan;
	const char *id = write_driver(b, plan);

	fprintf(b->out, " AND %s %s ?%d", id, plan->low_open ? ">" : ">=", add_text(b, plan->low));
	if (*plan->high)
		fprintf(b->out, " AND %s %s ?%d", id, plan->high_closed ? "<=" : "<",
			add_text(b, plan->high));
	if (filter->root) {
		fputs(" AND ", b->out);
		write_node(b, filter->root, false);
	}
	fprintf(b->out, " ORDER BY %s", id);
}

int filter_sql_make(const struct filter *filter, const char *after, struct filter_sql *ret)
{
	struct builder b = { .sql = ret };
	size_t size;
	bool failed;

	*ret = (struct filter_sql){};
	filter_plan_make(filter, after, &ret->plan);
	b.driven = ret->plan.term;
	b.out = open_memstream(&ret->text, &size);
	if (!b.out)
		return -ENOMEM;
	write_statement(&b, filter);
	failed = ferror(b.out);
	if (fclose(b.out) != 0 || failed) {
		filter_sql_clear(ret);
		return -ENOMEM;
	}
	return 0;
}

void filter_sql_clear(struct filter_sql *sql)
{
	free(sql->text);
	*sql = (struct filter_sql){};
}
