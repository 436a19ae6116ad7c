/*
 * DeleteIndexer: checked in form on the queue's thread, done by the manager on the main loop's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "google/protobuf/empty.pb-c.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "manager/manager.h"
#include "rpc/methods.h"

static void on_deleted(const struct refusal *refusal, struct view *view, void *userdata)
{
	const Google__Protobuf__Empty empty = GOOGLE__PROTOBUF__EMPTY__INIT;
	struct call *call = userdata;

	(void)view;
	if (refusal)
		call_finish(call, refusal);
	else
		call_reply(call, &empty.base);
	call_unref(call);
}

static void delete (struct call *call)
{
	manager_delete(call_core(call)->manager, call_caller(call), call_userdata(call), on_deleted,
		       call);
}

int method_delete_indexer(struct call *call, const ProtobufCMessage *message,
			  struct refusal *refusal)
{
	const Indexerd__V1__DeleteIndexerRequest *request =
		(const Indexerd__V1__DeleteIndexerRequest *)message;
	const char *id;
	int r;

	if (request->allow_missing)
		return refuse(refusal, CODE_UNIMPLEMENTED, "FIELD_NOT_SERVED", "allow_missing",
			      "allow_missing is not served by this version");
	r = id_from_name(request->name, "name", &id, refusal);
	if (r != 0)
		return r;
	call_set_userdata(call, (void *)id); /* in the request, which the call keeps */
	call_to_loop(call, delete);
	return 0;
}
