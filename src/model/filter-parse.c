/*
 * The parser of filters: AIP-160's grammar, by descent. Each function is one of its rules.
 *
 *	expression	factor { [AND] factor }		"sequence" is its AND without the word
 *	factor		term { OR term }
 *	term		[ NOT | - ] simple
 *	simple		( expression ) | field comparator argument | word
 *	argument	value | ( expression of values )
 *
 * The grammar's functions are recognised and refused: the API has none. It recurses once for each
 * open parenthesis, of which there are FILTER_DEPTH_MAX at most.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/filter-field.h"

struct parser {
	struct filter_lex lex;
	struct filter *filter;
	size_t depth;	/* open parentheses */
	size_t n_words; /* that stand alone */
	/* Inside of an argument's parentheses: what each value there is compared with. */
	const struct filter_subject *subject;
};

/* The children of a group that is being made. */
struct list {
	struct filter_node *first, *last;
};

static int parse_expression(struct parser *p, struct filter_node **ret);

static struct filter_node *new_node(struct parser *p, enum filter_kind kind)
{
	struct filter_node *node;

	assert(p->filter->n_nodes < ELEMENTSOF(p->filter->nodes));
	node = &p->filter->nodes[p->filter->n_nodes++];
	node->kind = kind;
	return node;
}

static int new_term(struct parser *p, const char *at, const struct filter_term *term,
		    struct filter_node **ret)
{
	if (p->filter->n_terms == FILTER_TERMS_MAX)
		return filter_lex_refuse(&p->lex, at,
					 "a filter has at most %d comparisons and words",
					 FILTER_TERMS_MAX);
	p->filter->n_terms++;
	*ret = new_node(p, FILTER_TERM);
	(*ret)->term = *term;
	return 0;
}

/* Appends to the children of a group of that kind; another such group's children become its own. */
static void append(struct list *list, enum filter_kind kind, struct filter_node *node)
{
	struct filter_node *first = node;

	if (node->kind == kind && !node->negated)
		first = node->first;
	if (list->last)
		list->last->next = first;
	else
		list->first = first;
	for (list->last = first; list->last->next;)
		list->last = list->last->next;
}

/* A group of one is that one. */
static struct filter_node *group(struct parser *p, enum filter_kind kind, const struct list *list)
{
	struct filter_node *node = list->first;

	if (list->first != list->last) {
		node = new_node(p, kind);
		node->first = list->first;
	}
	return node;
}

static int parse_parentheses(struct parser *p, struct filter_node **ret)
{
	const char *open = p->lex.at;
	int r;

	if (p->depth == FILTER_DEPTH_MAX)
		return filter_lex_refuse(&p->lex, open, "more than %d open parentheses",
					 FILTER_DEPTH_MAX);
	p->depth++;
	p->lex.at++;
	filter_lex_skip(&p->lex);
	r = parse_expression(p, ret);
	if (r != 0)
		return r;
	/* An expression ends at a parenthesis or at the end. */
	if (*p->lex.at != ')')
		return filter_lex_refuse(&p->lex, open, "this ( is not closed");
	p->lex.at++;
	p->depth--;
	return 0;
}

/* Refuses name(...), which begins at `at`. */
static int check_function(struct parser *p, const char *at)
{
	size_t size = (size_t)(p->lex.at - at);

	if (*p->lex.at != '(')
		return 0;
	return filter_lex_refuse(&p->lex, at, "there is no function '%.*s'",
				 filter_lex_shown(at, size), at);
}

static int parse_value(struct parser *p, const struct filter_subject *subject,
		       struct filter_node **ret)
{
	struct filter_word word;
	struct filter_term term;
	int r;

	if (!filter_lex_at_word(&p->lex, FILTER_WORD_VALUE))
		return filter_lex_expected(&p->lex, "a value");
	r = filter_lex_word(&p->lex, FILTER_WORD_VALUE, &word);
	if (r == 0)
		r = check_function(p, word.at);
	if (r == 0)
		r = filter_field_term(&p->lex, subject, &word, &term);
	if (r == 0)
		r = new_term(p, word.at, &term, ret);
	return r;
}

static int parse_argument(struct parser *p, const struct filter_subject *subject,
			  struct filter_node **ret)
{
	int r;

	filter_lex_skip(&p->lex);
	if (*p->lex.at != '(')
		return parse_value(p, subject, ret);
	p->subject = subject;
	r = parse_parentheses(p, ret);
	p->subject = NULL;
	return r;
}

static int parse_word(struct parser *p, struct filter_node **ret)
{
	struct filter_word word;
	struct filter_term term;
	int r;

	r = filter_lex_word(&p->lex, FILTER_WORD_VALUE, &word);
	if (r == 0)
		r = check_function(p, word.at);
	if (r == 0)
		r = filter_field_word(&p->lex, &word, &term);
	if (r == 0 && p->n_words++ == FILTER_WORDS_MAX)
		r = filter_lex_refuse(&p->lex, word.at, "a filter has at most %d words alone",
				      FILTER_WORDS_MAX);
	if (r == 0)
		r = new_term(p, word.at, &term, ret);
	return r;
}

/* A comparison, or a word alone. */
static int parse_restriction(struct parser *p, struct filter_node **ret)
{
	const char *begin = p->lex.at;
	char *free = p->lex.free;
	struct filter_operator operator;
	struct filter_subject subject;
	struct filter_member member;
	int r;

	r = filter_lex_member(&p->lex, &member);
	if (r == 0)
		r = check_function(p, begin);
	if (r == 0)
		r = filter_lex_operator(&p->lex, &operator);
	if (r != 0)
		return r;
	if (!operator.at && filter_field_begins(&member))
		return filter_lex_expected(&p->lex, "a comparison such as = VALUE");
	if (!operator.at) {
		filter_lex_back(&p->lex, begin, free);
		return parse_word(p, ret);
	}
	r = filter_field_find(&p->lex, &member, &operator, & subject);
	if (r == 0)
		r = parse_argument(p, &subject, ret);
	if (r == 0 && operator.negated)
		(*ret)->negated = !(*ret)->negated;
	return r;
}

static int parse_simple(struct parser *p, const char *expected, struct filter_node **ret)
{
	if (*p->lex.at == '(')
		return parse_parentheses(p, ret);
	if (p->subject)
		return parse_value(p, p->subject, ret);
	if (!filter_lex_at_word(&p->lex, FILTER_WORD_NAME))
		return filter_lex_expected(&p->lex, expected);
	return parse_restriction(p, ret);
}

static int parse_term(struct parser *p, struct filter_node **ret)
{
	bool negated;
	int r;

	r = filter_lex_keyword(&p->lex, "NOT", &negated);
	if (r != 0)
		return r;
	if (!negated && *p->lex.at == '-') {
		negated = true;
		p->lex.at++;
	}
	r = parse_simple(p, negated ? "a field, a word or (" : "a field, a word, NOT, - or (", ret);
	if (r != 0)
		return r;
	if (negated)
		(*ret)->negated = !(*ret)->negated;
	if (*p->lex.at && !strchr(" \t\r\n)", *p->lex.at))
		return filter_lex_expected(&p->lex, "a blank, ) or the end");
	filter_lex_skip(&p->lex);
	return 0;
}

static int parse_factor(struct parser *p, struct filter_node **ret)
{
	struct list list = {};
	bool more = true;

	while (more) {
		struct filter_node *node;
		int r = parse_term(p, &node);

		if (r == 0)
			r = filter_lex_keyword(&p->lex, "OR", &more);
		if (r != 0)
			return r;
		append(&list, FILTER_OR, node);
	}
	*ret = group(p, FILTER_OR, &list);
	return 0;
}

static int parse_expression(struct parser *p, struct filter_node **ret)
{
	struct list list = {};
	bool more = true;

	while (more) {
		struct filter_node *node;
		int r = parse_factor(p, &node);

		if (r == 0)
			r = filter_lex_keyword(&p->lex, "AND", &more);
		if (r != 0)
			return r;
		append(&list, FILTER_AND, node);
		more = more || (*p->lex.at && *p->lex.at != ')');
	}
	*ret = group(p, FILTER_AND, &list);
	return 0;
}

static int parse(struct parser *p)
{
	int r;

	r = filter_lex_check(&p->lex);
	if (r != 0)
		return r;
	filter_lex_skip(&p->lex);
	if (*p->lex.at == '\0')
		return 0;
	r = parse_expression(p, &p->filter->root);
	if (r == 0 && *p->lex.at)
		r = filter_lex_refuse(&p->lex, p->lex.at, "this ) was not opened");
	return r;
}

int filter_parse(const char *text, struct filter **ret, struct refusal *refusal)
{
	_cleanup_(filter_freep) struct filter *filter = calloc(1, sizeof(*filter));
	/* Each word has a NUL for what separates it from the next one, and the last one has one. */
	size_t size = strnlen(text, FILTER_SIZE_MAX) + 2;
	struct parser p;
	int r;

	if (!filter || !(filter->values = malloc(size)))
		return -ENOMEM;
	p = (struct parser){
		.lex = { .text = text, .at = text, .free = filter->values, .refusal = refusal },
		.filter = filter,
	};
	r = parse(&p);
	if (r != 0)
		return r;
	assert(p.lex.free <= filter->values + size);
	r = filter_write(filter);
	if (r < 0)
		return r;
	*ret = TAKE(filter);
	return 0;
}

struct filter *filter_free(struct filter *filter)
{
	if (!filter)
		return NULL;
	free(filter->text);
	free(filter->values);
	free(filter);
	return NULL;
}
