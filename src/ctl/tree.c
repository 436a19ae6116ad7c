/*
 * Indexers as a forest; see tree.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/tree.h"

#define NONE SIZE_MAX

struct node {
	size_t parent, first_child, next_sibling;
};

struct tree {
	Indexerd__V1__Indexer *const *indexers;
	size_t n;
	bool utf8;
	struct node *nodes;
	struct tree_row *rows;
	size_t n_rows;
};

static const char *const pieces[2][4] = {
	{ "|-", "`-", "| ", "  " },
	{ "\u251c\u2500", "\u2514\u2500", "\u2502 ", "  " },
};

static int compare_name(const void *name, const void *indexer)
{
	return strcmp(name, (*(Indexerd__V1__Indexer *const *)indexer)->name);
}

static size_t find(const struct tree *tree, const char *name)
{
	Indexerd__V1__Indexer *const *found =
		bsearch(name, tree->indexers, tree->n, sizeof(*found), compare_name);

	return found ? (size_t)(found - tree->indexers) : NONE;
}

/* Links children to their parents; from the end, so that each list of siblings comes out sorted. */
static void link_nodes(struct tree *tree)
{
	for (size_t i = 0; i < tree->n; i++)
		tree->nodes[i] = (struct node){ NONE, NONE, NONE };
	for (size_t i = tree->n; i-- > 0;) {
		size_t parent = find(tree, tree->indexers[i]->spawned_by);

		if (parent == NONE || parent == i)
			continue;
		tree->nodes[i].parent = parent;
		tree->nodes[i].next_sibling = tree->nodes[parent].first_child;
		tree->nodes[parent].first_child = i;
	}
}

/* Adds the row of a node. `prefix` is what stands in front of its parent's children. */
static int add_row(struct tree *tree, size_t node, const char *prefix, const char *piece)
{
	struct tree_row *row = &tree->rows[tree->n_rows];

	if (asprintf(&row->prefix, "%s%s", prefix, piece) < 0) {
		row->prefix = NULL;
		return -ENOMEM;
	}
	row->indexer = tree->indexers[node];
	tree->n_rows++;
	return 0;
}

/* Adds the rows of a node's descendants. As deep as the tree is, which the server limits. */
static int add_children(struct tree *tree, size_t node, const char *prefix)
{
	const char *const *piece = pieces[tree->utf8];

	for (size_t i = tree->nodes[node].first_child; i != NONE; i = tree->nodes[i].next_sibling) {
		bool last = tree->nodes[i].next_sibling == NONE;
		_cleanup_free_ char *below = NULL;

		if (add_row(tree, i, prefix, piece[last ? 1 : 0]) < 0 ||
		    asprintf(&below, "%s%s", prefix, piece[last ? 3 : 2]) < 0 ||
		    add_children(tree, i, below) < 0)
			return -ENOMEM;
	}
	return 0;
}

int tree_draw(Indexerd__V1__Indexer *const *indexers, size_t n, bool utf8, struct tree_row **ret)
{
	_cleanup_free_ struct node *nodes = calloc(n + 1, sizeof(*nodes));
	struct tree_row *rows = calloc(n + 1, sizeof(*rows));
	struct tree tree = { indexers, n, utf8, nodes, rows, 0 };
	int r = nodes && rows ? 0 : -ENOMEM;

	if (r == 0)
		link_nodes(&tree);
	for (size_t i = 0; i < n && r == 0; i++) {
		if (nodes[i].parent != NONE)
			continue;
		r = add_row(&tree, i, "", "");
		if (r == 0)
			r = add_children(&tree, i, "");
	}
	if (r < 0) {
		tree_free(rows, tree.n_rows);
		return r;
	}
	*ret = rows;
	return 0;
}

struct tree_row *tree_free(struct tree_row *rows, size_t n)
{
	for (size_t i = 0; rows && i < n; i++)
		free(rows[i].prefix);
	free(rows);
	return NULL;
}
