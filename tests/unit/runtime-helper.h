/*
 * What the tests of runtimes share: sets of them from directories, and one from a text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/private.h"

/* The set of one or two directories, the more important one first. Owned by the caller. */
static inline struct runtime_set *load(const char *first, const char *second)
{
	const char *const directories[] = { first, second, NULL };
	struct runtime_set *set = NULL;

	if (runtime_set_load(directories, &set) < 0)
		abort();
	return set;
}

/* Keeps the first of the errors that a file's reader tells. */
static inline void keep_first(const struct complaint *complaint, void *userdata)
{
	struct complaint *first = userdata;

	if (!first->text[0])
		*first = *complaint;
}

/* Parses a text that comes behind [Runtime] and a good Exec=, in the third line. */
static inline char *parse(const char *text, struct runtime *runtime)
{
	static char result[1024];
	struct complaint complaint = {};
	const struct complaint_sink sink = { keep_first, &complaint };
	char *copy;
	int r;

	if (asprintf(&copy, "[Runtime]\nExec=/bin/x\n%s", text) < 0)
		abort();
	r = runtime_parse(runtime, copy, strlen(copy), &sink);
	free(copy);
	if (r == 0)
		return (char *)"good";
	snprintf(result, sizeof(result), "%u:%u: %s", complaint.line, complaint.column,
		 complaint.text);
	return result;
}

/* One that a text is to be parsed into, once. */
static inline struct runtime *make_runtime(void)
{
	struct runtime *runtime = calloc(1, sizeof(*runtime));

	if (!runtime || !(runtime->name = strdup("x")))
		abort();
	return runtime;
}
