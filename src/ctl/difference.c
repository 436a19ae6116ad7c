/*
 * Two indexers compared; see difference.h. As JSON they are easily compared by a field's name:
 * default values are absent there, and maps have no order.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/difference.h"
#include "ctl/json.h"

/* An indexer as the server would have made it; `restart` is for its member. */
static Indexerd__V1__Indexer expected_of(const Indexerd__V1__Indexer *asked,
					 const Indexerd__V1__Indexer *got,
					 Indexerd__V1__Restart *restart)
{
	Indexerd__V1__Indexer expected = *asked;

	if (isempty(asked->spawned_by)) /* an indexer's children are its own unasked */
		expected.spawned_by = got->spawned_by;
	if (!isempty(got->spawned_by) && isempty(asked->project_source) &&
	    isempty(asked->project_dir)) {
		expected.project_source = got->project_source;
		expected.project_dir = got->project_dir;
	}
	if (asked->restart)
		*restart = *asked->restart;
	if (restart->policy == INDEXERD__V1__POLICY__POLICY_UNSPECIFIED)
		restart->policy = INDEXERD__V1__POLICY__POLICY_ALWAYS;
	expected.restart = restart;
	return expected;
}

static bool is_same(const json_t *a, const json_t *b, const char *field)
{
	const char *path = field ? startswith(field, "indexer.") : NULL;
	const json_t *x, *y;

	if (!path)
		return true;
	x = json_member(a, path);
	y = json_member(b, path);
	return x == y || json_equal(x, y); /* both are NULL where both have the default */
}

int difference_options(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got,
		       const struct option_table *options, char **ret)
{
	Indexerd__V1__Restart restart = INDEXERD__V1__RESTART__INIT;
	Indexerd__V1__Indexer expected = expected_of(asked, got, &restart);
	_cleanup_(json_decrefp) json_t *a = NULL, *b = NULL;
	_cleanup_free_ char *text = strdup("");
	int r = json_from_message(&expected.base, &a);

	if (r == 0)
		r = json_from_message(&got->base, &b);
	for (size_t i = 0; i < options->n && r == 0; i++) {
		char *longer;

		if (is_same(a, b, options->rows[i].field))
			continue;
		if (!text || asprintf(&longer, "%s%s--%s", text, *text ? ", " : "",
				      options->rows[i].name) < 0)
			return -ENOMEM;
		free(text);
		text = longer;
	}
	if (r < 0)
		return r;
	if (!text)
		return -ENOMEM;
	*ret = TAKE(text);
	return 0;
}
