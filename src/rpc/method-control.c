/*
 * StartIndexer, StopIndexer and RestartIndexer: one request with three names, checked in form on
 * the queue's thread, done by the manager on the main loop's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager/manager.h"
#include "rpc/convert.h"
#include "rpc/methods.h"

/* The three requests are one message on the wire and in memory. */
typedef Indexerd__V1__StartIndexerRequest control_request;
#define SAME_AS(request)                                                                           \
	static_assert(sizeof(request) == sizeof(control_request) &&                                \
			      offsetof(request, name) == offsetof(control_request, name),          \
		      #request)
SAME_AS(Indexerd__V1__StopIndexerRequest);
SAME_AS(Indexerd__V1__RestartIndexerRequest);

static void control(struct call *call, enum control control)
{
	manager_control(call_core(call)->manager, call_caller(call), call_userdata(call), control,
			method_answer_view, call);
}

static void start(struct call *call)
{
	control(call, CONTROL_START);
}

static void stop(struct call *call)
{
	control(call, CONTROL_STOP);
}

static void restart(struct call *call)
{
	control(call, CONTROL_RESTART);
}

static int pass_on(struct call *call, const ProtobufCMessage *message,
		   void (*run)(struct call *call), struct refusal *refusal)
{
	const control_request *request = (const control_request *)message;
	const char *id;
	int r = id_from_name(request->name, "name", &id, refusal);

	if (r != 0)
		return r;
	call_set_userdata(call, (void *)id); /* in the request, which the call keeps */
	call_to_loop(call, run);
	return 0;
}

int method_start_indexer(struct call *call, const ProtobufCMessage *message,
			 struct refusal *refusal)
{
	return pass_on(call, message, start, refusal);
}

int method_stop_indexer(struct call *call, const ProtobufCMessage *message, struct refusal *refusal)
{
	return pass_on(call, message, stop, refusal);
}

int method_restart_indexer(struct call *call, const ProtobufCMessage *message,
			   struct refusal *refusal)
{
	return pass_on(call, message, restart, refusal);
}
