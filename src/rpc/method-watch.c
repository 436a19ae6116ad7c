/*
 * WatchIndexers: what is there, SYNCED, and then what changes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "rpc/methods.h"
#include "rpc/watch.h"

int method_watch_indexers(struct call *call, const ProtobufCMessage *message,
			  struct refusal *refusal)
{
	const Indexerd__V1__WatchIndexersRequest *request =
		(const Indexerd__V1__WatchIndexersRequest *)message;
	struct filter *filter;
	int r = filter_parse(request->filter, &filter, refusal);

	return r != 0 ? r : watch_open(call_core(call)->watch, call, filter, refusal);
}
