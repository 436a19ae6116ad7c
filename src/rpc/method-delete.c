/*
 * DeleteIndexer: checked in form on the queue's thread, done by the manager on the main loop's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "google/protobuf/empty.pb-c.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "manager/manager.h"
#include "rpc/methods.h"

/* In the call's arena. */
struct delete_call {
	struct call *call;
	const char *id; /* in the request, which the call keeps */
	bool allow_missing;
};

static void on_deleted(const struct refusal *refusal, struct view *view, void *userdata)
{
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	const struct delete_call *own = userdata;
	struct call *call = own->call;

	(void)view;
	if (refusal && !(own->allow_missing && refusal->code == CODE_NOT_FOUND))
		call_finish(call, refusal);
	else
		call_reply(call, &empty.base);
	call_unref(call);
}

static void delete (struct call *call)
{
	struct delete_call *own = call_userdata(call);

	manager_delete(call_core(call)->manager, call_caller(call), own->id, on_deleted, own);
}

int method_delete_indexer(struct call *call, const ProtobufCMessage *message,
			  struct refusal *refusal)
{
	const Indexerd__V1__DeleteIndexerRequest *request =
		(const Indexerd__V1__DeleteIndexerRequest *)message;
	struct delete_call *own = arena_alloc(call_arena(call), sizeof(*own));
	int r;

	if (!own)
		return -ENOMEM;
	*own = (struct delete_call){ .call = call, .allow_missing = request->allow_missing };
	r = id_from_name(request->name, "name", &own->id, refusal);
	if (r != 0)
		return r;
	call_set_userdata(call, own);
	call_to_loop(call, delete);
	return 0;
}
