/*
 * Filters of ListIndexers and WatchIndexers, in the language of AIP-160.
 *
 * A filter is parsed once into a tree whose values have the types of the fields that they are
 * compared with; then it is asked about any number of views, in memory. The registry makes SQL of
 * the same tree. A filter is immutable: any thread may use it.
 *
 * The grammar is the one that AIP-160 publishes. What is decided here, where it leaves a choice:
 *
 * - `!=` is true wherever `=` is not, also of a label that is not there. Order (< <= > >=) is false
 *   of a label that is not there. spawned_by of a root is "".
 * - `a b` is a AND b, and OR binds closer than AND. `f = (a OR b)` is (f = a OR f = b).
 * - A word alone is found anywhere in id, spawned_by, runtime, script, and the labels' keys and
 *   values; case matters.
 * - `field:value` is field = value; `labels:KEY` that the label is there, `labels:*` any label,
 *   `field:*` that the field is not at its default.
 * - "a*", "*a" and "*a*", with =, != and :, are texts that begin with a, end in it, or have it
 *   inside. A star anywhere else is refused; \* in quotes is a star, \" a quote, \\ a backslash,
 *   and other escapes are refused.
 * - There are no functions.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/indexer.h"
#include "model/refusal.h"

/*
 * Limits, so that no request is a query of death: bytes; comparisons and words; words alone, each
 * of which goes through all texts of a row; open parentheses.
 */
#define FILTER_SIZE_MAX	 8192
#define FILTER_TERMS_MAX 100
#define FILTER_WORDS_MAX 10
#define FILTER_DEPTH_MAX 16

struct filter;

/*
 * Parses a filter; "" lets everything pass. On success *ret is owned by the caller. REFUSED
 * (INVALID_ARGUMENT, FILTER_INVALID) names the field `filter` and says at which column, counted in
 * characters from 1, what is wrong or was expected.
 */
int filter_parse(const char *text, struct filter **ret, struct refusal *refusal);
struct filter *filter_free(struct filter *filter);
DEFINE_CLEANUP(struct filter, filter_free);

/* Whether a view passes. Allocates nothing. */
bool filter_matches(const struct filter *filter, const struct view *view);

/*
 * Whether the answer depends on the status, which is in views only: the registry's answer is then
 * too wide, and filter_matches() has to have the last word.
 */
bool filter_reads_status(const struct filter *filter);

/*
 * The filter in its one canonical spelling: blanks, quotes, parentheses and the ways to write the
 * same comparison make no difference. Valid UTF-8, lent by the filter. It is what a page token is
 * bound to.
 */
const char *filter_text(const struct filter *filter);
