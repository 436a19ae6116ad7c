/*
 * Fuzz target: messages into the model and back. The first byte chooses what the rest is:
 *
 *	I	an Indexer: as a definition, and as a message again, it says the same
 *	U	an UpdateIndexerRequest, applied to a definition: what the mask does not name stays,
 *the rest is what was asked for, and a second time changes nothing T	a Timestamp L	level, eight
 *bytes of time, and a log line as a program wrote it R	a code, and the field, the id and the
 *message of a refusal, each ended by a NUL
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "model/update.h"
#include "rpc/convert.h"
#include "rpc/log-message.h"
#include "rpc/status.h"
#include "rpc/text.h"
#include "rpc/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define WIRE_ERROR_MAX 6000 /* bytes of message and details that clients on gRPC core take */

/* Walks and unpacks as the server does; NULL where the walk refuses. */
static void *read_message(const ProtobufCMessageDescriptor *descriptor, const uint8_t *data,
			  size_t size, struct arena *arena)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	ProtobufCAllocator allocator = arena_allocator(arena);
	int r = wire_check(descriptor, data, size, &refusal);

	assert(r >= 0);
	return r == 0 ? protobuf_c_message_unpack(descriptor, &allocator, size, data) : NULL;
}

static struct definition *to_definition(const Indexerd__V1__Indexer *message)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct definition *definition = NULL;
	int r = convert_to_definition("id", message, &definition, &refusal);

	assert(r >= 0 && (r == REFUSED) == !definition && (r == REFUSED) == !!refusal.message);
	return definition;
}

static bool same_parent(const struct definition *a, const struct definition *b)
{
	return a->spawned_by && b->spawned_by ? streq(a->spawned_by, b->spawned_by)
					      : a->spawned_by == b->spawned_by;
}

/* --- an indexer --------------------------------------------------------------------------------
 */

static void check_said(const Indexerd__V1__Indexer *in, const Indexerd__V1__Indexer *out)
{
	assert(streq(in->project_source, out->project_source) &&
	       streq(in->project_dir, out->project_dir) && streq(in->script, out->script) &&
	       streq(in->runtime, out->runtime) && streq(in->preset, out->preset) &&
	       streq(in->spawned_by, out->spawned_by));
	assert(in->n_args == out->n_args && in->n_labels >= out->n_labels &&
	       in->n_environment >= out->n_environment);
	for (size_t i = 0; i < in->n_args; i++)
		assert(streq(in->args[i], out->args[i]));
	assert(streq(out->name, "indexers/id") && !*out->uid);
}

static void try_indexer(const uint8_t *data, size_t size)
{
	const struct status status = { .state = STATE_RUNNING, .message = (char *)"m" };
	_cleanup_(definition_unrefp) struct definition *first = NULL, *second = NULL;
	_cleanup_(view_unrefp) struct view *view = NULL;
	struct arena arena = { 0 };
	Indexerd__V1__Indexer *in, *out;

	in = read_message(&indexerd__v1__indexer__descriptor, data, size, &arena);
	first = in ? to_definition(in) : NULL;
	if (first) {
		if (view_new(first, &status, &view) < 0)
			abort();
		out = convert_from_view(view, NULL, NULL, &arena);
		assert(out);
		check_said(in, out);
		second = to_definition(out);
		assert(second && definition_compare(first, second) == DIFFERENCE_NONE &&
		       same_parent(first, second));
	}
	arena_clear(&arena);
}

/* --- an update ---------------------------------------------------------------------------------
 */

static struct definition *make_base(void)
{
	struct definition *base;

	if (definition_new(&base) < 0 || string_set(&base->project_source, "/srv/p") < 0 ||
	    string_set(&base->script, "x.js") < 0 || string_set(&base->runtime, "node") < 0 ||
	    string_set(&base->spawned_by, "parent") < 0 || definition_add_arg(base, "a") < 0 ||
	    kv_list_set(&base->labels, "k", "1") < 0 || kv_list_set(&base->labels, "l", "2") < 0 ||
	    kv_list_set(&base->environment, "A", "1") < 0)
		abort();
	strcpy(base->id, "id");
	base->resources = (struct resources){ 1 << 30, 100, 64 };
	base->restart = RESTART_ON_FAILURE;
	base->generation = 1;
	return base;
}

static void check_kept(const struct definition *base, const struct field_mask *mask,
		       const struct definition *next)
{
	const struct {
		unsigned field;
		const char *before, *after;
	} texts[] = {
		{ MASK_PROJECT_SOURCE, base->project_source, next->project_source },
		{ MASK_PROJECT_DIR, base->project_dir, next->project_dir },
		{ MASK_SCRIPT, base->script, next->script },
		{ MASK_RUNTIME, base->runtime, next->runtime },
		{ MASK_PRESET, base->preset, next->preset },
	};

	for (size_t i = 0; i < ELEMENTSOF(texts); i++)
		assert(mask->fields & texts[i].field || streq(texts[i].before, texts[i].after));
	assert(mask->fields & MASK_ARGS || (next->n_args == 1 && streq(next->args[0], "a")));
	assert(mask->fields & MASK_LABELS || mask->labels.n > 0 ||
	       kv_list_equal(&base->labels, &next->labels));
	assert(mask->fields & MASK_ENVIRONMENT || mask->environment.n > 0 ||
	       kv_list_equal(&base->environment, &next->environment));
	assert(mask->fields & MASK_TASKS_MAX || next->resources.tasks_max == 64);
	assert(mask->fields & MASK_RESTART_POLICY || next->restart == RESTART_ON_FAILURE);
	assert(next->restart != RESTART_UNSPECIFIED);
	assert(same_parent(base, next) && streq(base->id, next->id));
}

static void apply(const struct update *update)
{
	_cleanup_(definition_unrefp) struct definition *base = make_base(),
						       *untouched = make_base(), *next = NULL,
						       *again = NULL;
	_cleanup_refusal_ struct refusal refusal = { 0 };
	int r = update_apply(update, base, &next, &refusal);

	assert(r >= 0 && (r == REFUSED) == !next);
	assert(definition_compare(base, untouched) == DIFFERENCE_NONE);
	if (r == REFUSED)
		return;
	check_kept(base, &update->mask, next);
	r = update_apply(update, next, &again, &refusal);
	assert(r == 0 && definition_compare(next, again) == DIFFERENCE_NONE);
}

static void try_update(const uint8_t *data, size_t size)
{
	_cleanup_(update_clear) struct update update = { 0 };
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct arena arena = { 0 };
	Indexerd__V1__UpdateIndexerRequest *request;
	int r = REFUSED;

	request =
		read_message(&indexerd__v1__update_indexer_request__descriptor, data, size, &arena);
	if (request && request->indexer)
		update.changes = to_definition(request->indexer);
	if (update.changes && request->update_mask)
		r = field_mask_read(request->update_mask->paths, request->update_mask->n_paths,
				    &update.mask, &refusal);
	else if (update.changes)
		field_mask_populated(update.changes, &update.mask);
	assert(r >= 0);
	if (update.changes)
		(void)snprintf(update.etag, sizeof(update.etag), "%s", request->indexer->etag);
	if (update.changes && (r == 0 || !request->update_mask))
		apply(&update);
	arena_clear(&arena);
}

/* --- the rest ----------------------------------------------------------------------------------
 */

static void try_time(const uint8_t *data, size_t size)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	struct arena arena = { 0 };
	Google__Protobuf__Timestamp *time;
	uint64_t usec = 1;

	time = read_message(&google__protobuf__timestamp__descriptor, data, size, &arena);
	if (time && convert_to_usec(time, "since", &usec, &refusal) == REFUSED)
		assert(usec == 1 && streq(refusal.field, "since"));
	else if (time)
		assert(usec / USEC_PER_SEC == (uint64_t)time->seconds ||
		       (usec / USEC_PER_SEC == (uint64_t)time->seconds + 1 &&
			usec % USEC_PER_SEC == 0));
	arena_clear(&arena);
}

static void try_log(const uint8_t *data, size_t size)
{
	struct log_record record = { .id = "id",
				     .level = (enum level)(data[0] % (LEVEL_ERROR + 1)),
				     .content = (const char *)data + 9,
				     .content_size = size - 9 };
	struct arena arena = { 0 };
	Indexerd__V1__StreamLogsResponse *message;
	struct log_mark mark;
	uint8_t *clean;
	size_t n = text_clean_size(data + 9, size - 9);
	grpc_slice slice;

	memcpy(&record.time, data + 1, sizeof(record.time));
	record.time >>= 10;					  /* the year 2540 at most */
	record.mark.numbers.last.n[CLASS_ALL] = record.time >> 6; /* 48 bits */
	slice = log_message_pack(&record, "uid");
	message = read_message(&indexerd__v1__stream_logs_response__descriptor,
			       GRPC_SLICE_START_PTR(slice), GRPC_SLICE_LENGTH(slice), &arena);
	clean = malloc(n + 1);
	assert(message && clean && text_clean(data + 9, size - 9, clean) == clean + n);
	assert(strlen(message->content) == n && memcmp(message->content, clean, n) == 0);
	assert((int)message->level == (int)record.level && streq(message->indexer, "indexers/id"));
	assert(log_cursor_parse(message->cursor, "uid", &mark) == 0 &&
	       mark.numbers.last.n[CLASS_ALL] == record.mark.numbers.last.n[CLASS_ALL]);
	assert(log_cursor_parse(message->content, "uid", &mark) != 0);
	assert((uint64_t)message->time->seconds * USEC_PER_SEC +
		       (uint64_t)message->time->nanos / NSEC_PER_USEC ==
	       record.time);
	free(clean);
	grpc_slice_unref(slice);
	arena_clear(&arena);
}

/* Each detail must be a message of its own that passes the walk. */
static void check_details(const Google__Rpc__Status *status, struct arena *arena)
{
	static const ProtobufCMessageDescriptor *const known[] = {
		&google__rpc__error_info__descriptor,	 &google__rpc__bad_request__descriptor,
		&google__rpc__resource_info__descriptor, &google__rpc__quota_failure__descriptor,
		&google__rpc__retry_info__descriptor,
	};

	assert(status->n_details > 0);
	for (size_t i = 0; i < status->n_details; i++) {
		const Google__Protobuf__Any *any = status->details[i];
		const char *name = startswith(any->type_url, "type.googleapis.com/");
		size_t k = 0;

		assert(name);
		while (k < ELEMENTSOF(known) && !streq(known[k]->name, name))
			k++;
		assert(k < ELEMENTSOF(known));
		assert(read_message(known[k], any->value.data, any->value.len, arena));
	}
}

static void try_refusal(const uint8_t *data, size_t size)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	char *text = calloc(1, size + 3), *id, *words;
	struct arena arena = { 0 };
	Google__Rpc__Status *status;
	grpc_slice slice;

	assert(text);
	memcpy(text, data + 1, size - 1);
	id = text + strlen(text) + 1;
	words = id + strlen(id) + 1;
	assert(refuse(&refusal, (enum code)(1 + data[0] % 16), "REASON", *text ? text : NULL, "%s",
		      words) == REFUSED);
	if (id_valid(id))
		assert(refusal_set_indexer(&refusal, id) == REFUSED);
	assert(status_details(&refusal, &slice) == 0);
	/* Limits name no field: with both, an error could be longer. */
	assert((refusal.code == CODE_RESOURCE_EXHAUSTED && refusal.field) ||
	       GRPC_SLICE_LENGTH(slice) * 4 / 3 + 3 * strlen(refusal.message) < WIRE_ERROR_MAX);
	status = read_message(&google__rpc__status__descriptor, GRPC_SLICE_START_PTR(slice),
			      GRPC_SLICE_LENGTH(slice), &arena);
	assert(status && status->code == (int32_t)refusal.code &&
	       streq(status->message, refusal.message));
	check_details(status, &arena);
	grpc_slice_unref(slice);
	arena_clear(&arena);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct {
		char choice;
		size_t min; /* bytes that it needs */
		void (*run)(const uint8_t *data, size_t size);
	} targets[] = {
		{ 'I', 0, try_indexer }, { 'U', 0, try_update },  { 'T', 0, try_time },
		{ 'L', 9, try_log },	 { 'R', 1, try_refusal },
	};

	for (size_t i = 0; size > 0 && i < ELEMENTSOF(targets); i++)
		if (data[0] == targets[i].choice && size - 1 >= targets[i].min)
			targets[i].run(data + 1, size - 1);
	return 0;
}
