/*
 * A filter as SQL over the registry's tables: text with parameters, and the values for them. No
 * value of a client is ever part of the text.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "registry/filter-plan.h"

struct filter_sql_value {
	const char *text; /* or NULL: it is the number */
	int64_t number;
};

/* A comparison has two values at most, and the range of ids two more; see filter-sql.c. */
#define FILTER_SQL_VALUES_MAX (2 * FILTER_TERMS_MAX + 4)

/* To be cleared, and not to be copied: values point into it. */
struct filter_sql {
	char *text;					       /* SELECTs ids in ascending order */
	struct filter_sql_value values[FILTER_SQL_VALUES_MAX]; /* of ?1, ?2 and so on */
	size_t n_values;
	struct filter_plan plan;
};

/*
 * Makes the statement for the ids after `after` that a filter lets pass, or might let pass where
 * the answer depends on the status. The filter has to outlive *ret. 0 or -ENOMEM.
 */
int filter_sql_make(const struct filter *filter, const char *after, struct filter_sql *ret);
void filter_sql_clear(struct filter_sql *sql);
