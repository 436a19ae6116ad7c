/*
 * A filter's tree: what the parser builds, and what evaluation, the canonical text and the
 * registry's SQL walk. For them alone; everybody else has filter.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/filter.h"

enum filter_field {
	FILTER_ANYWHERE, /* a word alone */
	FILTER_NAME,
	FILTER_SPAWNED_BY,
	FILTER_RUNTIME,
	FILTER_SCRIPT,
	FILTER_LABEL,  /* one of the map's, by its key */
	FILTER_LABELS, /* the map itself */
	FILTER_STATE,
	FILTER_CREATE_TIME,
	FILTER_UPDATE_TIME,
};

enum filter_test {
	FILTER_EQUAL,
	FILTER_LESS,
	FILTER_LESS_OR_EQUAL,
	FILTER_GREATER,
	FILTER_GREATER_OR_EQUAL,
	FILTER_BEGINS,
	FILTER_ENDS,
	FILTER_CONTAINS,
	FILTER_PRESENT,
};

/* One comparison. Texts compare in byte order, which is that of UTF-8's code points. */
struct filter_term {
	enum filter_field field;
	enum filter_test test;
	const char *key;  /* FILTER_LABEL: the label's key */
	const char *text; /* the value, where the field is a text */
	size_t size;	  /* its bytes */
	int64_t number;	  /* a state; or a time in half microseconds, where an odd number is a time
			     between two microseconds */
};

enum filter_kind {
	FILTER_TERM,
	FILTER_AND, /* of two children or more */
	FILTER_OR,  /* likewise */
};

/*
 * A group has no child of its own kind that is not negated: the tree is as flat as it can be. It is
 * never deeper than parentheses may be nested, with two groups for each pair: what recurses over it
 * has that limit.
 */
struct filter_node {
	enum filter_kind kind;
	bool negated;
	struct filter_term term;
	struct filter_node *first; /* the first child of a group */
	struct filter_node *next;  /* the next child of the same group */
};

/* Every group has two children at least, so there are fewer groups than terms. */
#define FILTER_NODES_MAX (2 * FILTER_TERMS_MAX)

struct filter {
	struct filter_node *root; /* NULL: everything passes */
	char *text;		  /* canonical */
	char *values;		  /* the texts of all terms, end to end */
	size_t n_nodes, n_terms;
	struct filter_node nodes[FILTER_NODES_MAX];
};

/* A name of the API, with or without STATE_ before it; -EINVAL where it is none. */
int filter_state_from_name(const char *name);

/* The name without STATE_. */
const char *filter_state_name(int64_t state);

/* Writes the canonical text into filter->text; 0 or -ENOMEM. */
int filter_write(struct filter *filter);
