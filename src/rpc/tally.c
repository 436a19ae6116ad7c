/*
 * Counting calls and streams; see tally.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>

#include "rpc/tally.h"

#define WORDS_MAX 512

/* One kind of what is counted, for one kind of caller. */
struct bound {
	unsigned own, all;
	const char *own_key, *all_key; /* in [Limits] of indexerd.conf */
	const char *what;
};

static struct bound find_bound(enum tally_kind kind, const struct caller *caller,
			       const struct rpc_limits *limits)
{
	bool indexer = caller_is_indexer(caller);

	if (kind == TALLY_STREAMS)
		return (struct bound){
			.own = indexer ? limits->streams_per_indexer : limits->streams_per_user,
			.all = limits->streams,
			.own_key = indexer ? "MaxStreamsPerIndexer=" : "MaxStreamsPerUser=",
			.all_key = "MaxStreams=",
			.what = "streams open",
		};
	return (struct bound){
		.own = indexer ? limits->calls_per_indexer : limits->calls_per_user,
		.all = limits->calls,
		.own_key = indexer ? "MaxCallsPerIndexer=" : "MaxCallsPerUser=",
		.all_key = "MaxCalls=",
		.what = "calls in flight",
	};
}

/* Whose bound is reached: the caller's, or (NULL) that of all together. */
static void describe(const struct bound *bound, const struct caller *full, char words[WORDS_MAX])
{
	(void)snprintf(words, WORDS_MAX,
		       "%s %s %s already, and %s in indexerd.conf allows %u; try again later",
		       full ? full->words : "all callers together", full ? "has" : "have",
		       bound->what, full ? bound->own_key : bound->all_key,
		       full ? bound->own : bound->all);
}

int tally_enter(struct tally *own, struct tally *all, enum tally_kind kind,
		const struct caller *caller, const struct rpc_limits *limits,
		struct refusal *refusal)
{
	const struct bound bound = find_bound(kind, caller, limits);
	unsigned own_before = atomic_fetch_add(&own->n[kind], 1);
	unsigned all_before = atomic_fetch_add(&all->n[kind], 1);
	bool own_full = own_before >= bound.own;
	const char *subject = own_full ? caller->account : "indexerd";
	char words[WORDS_MAX];
	int r;

	if (!own_full && (all_before < bound.all || own_before < limits->reserved))
		return 0;
	tally_leave(own, all, kind);
	describe(&bound, own_full ? caller : NULL, words);
	r = kind == TALLY_STREAMS ? refuse_quota(refusal, "TOO_MANY_STREAMS", subject, "%s", words)
				  : refuse_quota(refusal, "TOO_MANY_CALLS", subject, "%s", words);
	if (r == REFUSED)
		refusal->retry_after_usec = USEC_PER_SEC;
	return r;
}

void tally_leave(struct tally *own, struct tally *all, enum tally_kind kind)
{
	atomic_fetch_sub(&own->n[kind], 1);
	atomic_fetch_sub(&all->n[kind], 1);
}
