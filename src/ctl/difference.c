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
#include "model/backoff.h"
#include "model/secret.h"

/* A restart with what it points to; it must not be moved. */
struct full_restart {
	Indexerd__V1__Restart restart;
	Google__Protobuf__Duration initial_backoff, max_backoff;
};

static uint64_t usec_of(const Google__Protobuf__Duration *duration)
{
	return duration ? (uint64_t)duration->seconds * USEC_PER_SEC +
				  (uint64_t)duration->nanos / NSEC_PER_USEC
			: 0;
}

static Google__Protobuf__Duration duration_from(uint64_t usec)
{
	Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;

	duration.seconds = (int64_t)(usec / USEC_PER_SEC);
	duration.nanos = (int32_t)(usec % USEC_PER_SEC * NSEC_PER_USEC);
	return duration;
}

/* What is not given has its default, as the server has it. */
static void fill_restart(const Indexerd__V1__Restart *asked, struct full_restart *ret)
{
	struct backoff backoff = {};

	ret->restart = (Indexerd__V1__Restart)INDEXERD__V1__RESTART__INIT;
	if (asked)
		ret->restart = *asked;
	if (ret->restart.policy == INDEXERD__V1__POLICY__POLICY_UNSPECIFIED)
		ret->restart.policy = INDEXERD__V1__POLICY__POLICY_ALWAYS;
	backoff.initial = usec_of(ret->restart.initial_backoff);
	backoff.max = usec_of(ret->restart.max_backoff);
	backoff_fill(&backoff);
	ret->initial_backoff = duration_from(backoff.initial);
	ret->max_backoff = duration_from(backoff.max);
	ret->restart.initial_backoff = &ret->initial_backoff;
	ret->restart.max_backoff = &ret->max_backoff;
}

/* An indexer as the server would have made it; `restart` is for its member. */
static Indexerd__V1__Indexer expected_of(const Indexerd__V1__Indexer *asked,
					 const Indexerd__V1__Indexer *got,
					 struct full_restart *restart)
{
	Indexerd__V1__Indexer expected = *asked;

	if (isempty(asked->spawned_by)) /* an indexer's children are its own unasked */
		expected.spawned_by = got->spawned_by;
	if (isempty(asked->runtime)) /* chosen by what the project holds */
		expected.runtime = got->runtime;
	if (isempty(asked->preset)) /* perhaps found in the script */
		expected.preset = got->preset;
	if (!isempty(got->spawned_by) && isempty(asked->project_source) &&
	    isempty(asked->project_dir)) {
		expected.project_source = got->project_source;
		expected.project_dir = got->project_dir;
	}
	fill_restart(asked->restart, restart);
	expected.restart = &restart->restart;
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

/* A value that the server does not show cannot be compared, and is taken for the one asked for. */
static int pass_over_redacted(json_t *asked, const json_t *got)
{
	json_t *environment = json_object_get(asked, "environment"), *value;
	const char *key;

	json_object_foreach(environment, key, value)
	{
		const json_t *shown = json_object_get(json_object_get(got, "environment"), key);
		const char *text = json_string_value(shown);

		if (text && streq(text, SECRET_REDACTED) &&
		    json_object_set_new(environment, key, json_string(text)) < 0)
			return -ENOMEM;
	}
	return 0;
}

int difference_options(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got,
		       const struct option_table *options, char **ret)
{
	struct full_restart restart, present_restart;
	Indexerd__V1__Indexer present = *got;
	Indexerd__V1__Indexer expected = expected_of(asked, got, &restart);
	_cleanup_(json_decrefp) json_t *a = NULL, *b = NULL;
	_cleanup_free_ char *text = strdup("");
	int r = json_from_message(&expected.base, &a);

	fill_restart(got->restart, &present_restart); /* one that knows no back-off tells none */
	present.restart = &present_restart.restart;
	if (r == 0)
		r = json_from_message(&present.base, &b);
	if (r == 0)
		r = pass_over_redacted(a, b);
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
