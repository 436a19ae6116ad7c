/*
 * GetIndexer: a pure read, answered on the queue's thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "rpc/access.h"
#include "rpc/methods.h"

int method_get_indexer(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	const Indexerd__V1__GetIndexerRequest *request =
		(const Indexerd__V1__GetIndexerRequest *)message;
	_cleanup_(snapshot_unrefp) struct snapshot *snapshot =
		snapshot_box_get(call_core(call)->snapshots);
	Indexerd__V1__Indexer *indexer;
	struct view *view;
	int r;

	r = access_find(call_caller(call), snapshot, request->name, "name", &view, refusal);
	if (r != 0)
		return r;
	indexer = method_message(call, view);
	if (!indexer)
		return -ENOMEM;
	call_reply(call, &indexer->base);
	return 0;
}
