/*
 * CreateIndexer: checked in form on the queue's thread, done by the manager on the main loop's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager/manager.h"
#include "model/validate.h"
#include "rpc/convert.h"
#include "rpc/methods.h"

static void create(struct call *call)
{
	_cleanup_(definition_unrefp) struct definition *definition = call_userdata(call);

	manager_create(call_core(call)->manager, call_caller(call), definition, method_answer_view,
		       call);
}

int method_create_indexer(struct call *call, const ProtobufCMessage *message,
			  struct refusal *refusal)
{
	const Indexerd__V1__CreateIndexerRequest *request =
		(const Indexerd__V1__CreateIndexerRequest *)message;
	_cleanup_(definition_unrefp) struct definition *definition = NULL;
	int r;

	r = id_check(request->indexer_id, "indexer_id", refusal);
	if (r == 0)
		r = convert_to_definition(request->indexer_id, request->indexer, &definition,
					  refusal);
	if (r == 0)
		r = definition_validate(definition, refusal);
	if (r != 0)
		return r;
	call_set_userdata(call, TAKE(definition));
	call_to_loop(call, create);
	return 0;
}
