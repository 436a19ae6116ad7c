/*
 * UpdateIndexer: mask and values read on the queue's thread, applied by the manager on the main
 * loop's. What it meant for the process is told in the answer's status.message.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "manager/manager.h"
#include "rpc/convert.h"
#include "rpc/methods.h"

/* In the call's arena. */
struct update_call {
	struct call *call;
	const char *id; /* in the request, which the call keeps */
	struct update update;
	enum update_effect effect;
};

/* What was done, where the status has nothing more important to say. */
static const char *const effects[] = {
	[UPDATE_GOES_ON] = "updated; the process was not restarted",
	[UPDATE_RESTARTS] = "updated; the process was restarted",
	[UPDATE_STAYS_STOPPED] = "updated; it is stopped, and will be started with the change",
};

static int answer(struct update_call *own, const struct view *view)
{
	Indexerd__V1__Indexer *indexer = method_message(own->call, view);

	if (!indexer)
		return -ENOMEM;
	if (isempty(indexer->status->message) || view->status.message_is_note ||
	    own->effect == UPDATE_STAYS_STOPPED)
		indexer->status->message = (char *)effects[own->effect];
	call_reply(own->call, &indexer->base);
	return 0;
}

static void on_updated(const struct refusal *refusal, struct view *view, void *userdata)
{
	_cleanup_refusal_ struct refusal failed = { 0 };
	struct update_call *own = userdata;
	struct call *call = own->call;

	if (refusal)
		call_finish(call, refusal);
	else
		call_answer(call, answer(own, view), &failed);
	call_unref(call);
}

static void apply(struct call *call)
{
	struct update_call *own = call_userdata(call);
	struct update request = own->update;

	manager_update(call_core(call)->manager, call_caller(call), own->id, &request, &own->effect,
		       on_updated, own);
	update_clear(&request);
}

/* By its own name, and not with all others: what is fetched then may be another commit. */
static bool names_source(const Google__Protobuf__FieldMask *mask)
{
	for (size_t i = 0; i < mask->n_paths; i++)
		if (streq(mask->paths[i], "project_source"))
			return true;
	return false;
}

static int read_mask(const Indexerd__V1__UpdateIndexerRequest *request, struct update *update,
		     struct refusal *refusal)
{
	const Google__Protobuf__FieldMask *mask = request->update_mask;

	update->renew_source = mask && names_source(mask);
	if (mask && mask->n_paths > 0)
		return field_mask_read(mask->paths, mask->n_paths, &update->mask, refusal);
	field_mask_populated(update->changes, &update->mask);
	return 0;
}

static int read_update(const Indexerd__V1__UpdateIndexerRequest *request, const char **id,
		       struct update *update, struct refusal *refusal)
{
	int r;

	if (!request->indexer)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "FIELD_REQUIRED", "indexer",
			      "indexer is missing");
	r = id_from_name(request->indexer->name, "indexer.name", id, refusal);
	r = r != 0 ? r : convert_to_definition(*id, request->indexer, &update->changes, refusal);
	r = r != 0 ? r : read_mask(request, update, refusal);
	if (r == 0)
		(void)snprintf(update->etag, sizeof(update->etag), "%s", request->indexer->etag);
	return r;
}

int method_update_indexer(struct call *call, const ProtobufCMessage *message,
			  struct refusal *refusal)
{
	_cleanup_(update_clear) struct update update = { 0 };
	struct update_call *own = arena_alloc(call_arena(call), sizeof(*own));
	const char *id;
	int r;

	if (!own)
		return -ENOMEM;
	r = read_update((const Indexerd__V1__UpdateIndexerRequest *)message, &id, &update, refusal);
	if (r != 0)
		return r;
	*own = (struct update_call){ .call = call, .id = id, .update = update };
	update = (struct update){ 0 };
	call_set_userdata(call, own);
	call_to_loop(call, apply);
	return 0;
}
