/*
 * Conversion by table; see convert.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/util.h"
#include "rpc/convert.h"

#define TIMESTAMP_SECONDS_MAX                                                                      \
	253402300799LL /* the end of the year 9999, as timestamp.proto has it */

/* As duration.proto has it: 10,000 years. */
#define DURATION_SECONDS_MAX 315576000000LL

/* What both of protobuf-c's map entries look like. */
typedef Indexerd__V1__Indexer__LabelsEntry map_entry;
static_assert(sizeof(Indexerd__V1__Indexer__EnvironmentEntry) == sizeof(map_entry) &&
		      offsetof(Indexerd__V1__Indexer__EnvironmentEntry, key) ==
			      offsetof(map_entry, key) &&
		      offsetof(Indexerd__V1__Indexer__EnvironmentEntry, value) ==
			      offsetof(map_entry, value),
	      "map entries have one layout");

enum field_kind {
	FIELD_STRING, /* char * */
	FIELD_MAP,    /* a map, its count before it */
};

/* A field that a client sets and that the definition holds in the same form. */
static const struct field {
	enum field_kind kind;
	size_t message, count, definition; /* offsets */
	const ProtobufCMessageDescriptor *entry;
} fields[] = {
#define STRING(name)                                                                               \
	{                                                                                          \
		FIELD_STRING, offsetof(Indexerd__V1__Indexer, name), 0,                            \
			offsetof(struct definition, name), NULL                                    \
	}
#define MAP(name, entry)                                                                           \
	{                                                                                          \
		FIELD_MAP, offsetof(Indexerd__V1__Indexer, name),                                  \
			offsetof(Indexerd__V1__Indexer, n_##name),                                 \
			offsetof(struct definition, name), &(entry)                                \
	}
	STRING(project_source),
	STRING(project_dir),
	STRING(script),
	STRING(runtime),
	STRING(preset),
	MAP(labels, indexerd__v1__indexer__labels_entry__descriptor),
	MAP(environment, indexerd__v1__indexer__environment_entry__descriptor),
#undef STRING
#undef MAP
};

#define AT(type, base, offset) ((type *)(void *)((char *)(base) + (offset)))

static int read_map(map_entry *const *entries, size_t n, struct kv_list *ret)
{
	/* A key that stands there twice has its last value, by protobuf's own rule. */
	for (size_t i = 0; i < n; i++) {
		int r = kv_list_set(ret, entries[i]->key, entries[i]->value);

		if (r < 0)
			return r;
	}
	return 0;
}

static int read_fields(const Indexerd__V1__Indexer *message, struct definition *definition)
{
	int r = 0;

	for (size_t i = 0; i < ELEMENTSOF(fields) && r == 0; i++) {
		const struct field *f = &fields[i];

		if (f->kind == FIELD_STRING)
			r = string_set(AT(char *, definition, f->definition),
				       *AT(char *const, message, f->message));
		else
			r = read_map(*AT(map_entry *const *const, message, f->message),
				     *AT(const size_t, message, f->count),
				     AT(struct kv_list, definition, f->definition));
	}
	for (size_t i = 0; i < message->n_args && r == 0; i++)
		r = definition_add_arg(definition, message->args[i]);
	return r;
}

/*
 * A duration that is absent, or 0, is not given: *ret becomes 0. What is less than a microsecond is
 * rounded up.
 */
static int read_duration(const Google__Protobuf__Duration *message, const char *field,
			 uint64_t *ret, struct refusal *refusal)
{
	if (!message) {
		*ret = 0;
		return 0;
	}
	if (message->seconds < 0 || message->seconds > DURATION_SECONDS_MAX || message->nanos < 0 ||
	    message->nanos > 999999999)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "BACKOFF_INVALID", field,
			      "%s is no duration from 0 on: %lld s, %d ns", field,
			      (long long)message->seconds, (int)message->nanos);
	*ret = (uint64_t)message->seconds * USEC_PER_SEC +
	       ((uint64_t)message->nanos + NSEC_PER_USEC - 1) / NSEC_PER_USEC;
	return 0;
}

static int read_restart(const Indexerd__V1__Restart *message, struct definition *definition,
			struct refusal *refusal)
{
	int r;

	if (!message)
		return 0;
	r = read_duration(message->initial_backoff, "indexer.restart.initial_backoff",
			  &definition->backoff.initial, refusal);
	r = r != 0 ? r
		   : read_duration(message->max_backoff, "indexer.restart.max_backoff",
				   &definition->backoff.max, refusal);
	if (r != 0)
		return r;
	if ((int)message->policy < RESTART_UNSPECIFIED || (int)message->policy > RESTART_NEVER)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "ENUM_INVALID",
			      "indexer.restart.policy", "indexer.restart.policy has no value %d",
			      (int)message->policy);
	definition->restart = (enum restart_policy)message->policy;
	return 0;
}

static int read_parent(const char *name, struct definition *definition, struct refusal *refusal)
{
	const char *id;
	int r;

	if (isempty(name))
		return 0;
	r = id_from_name(name, "indexer.spawned_by", &id, refusal);
	if (r != 0)
		return r;
	return string_set(&definition->spawned_by, id);
}

static void read_resources(const Indexerd__V1__Resources *message, struct resources *ret)
{
	if (message)
		*ret = (struct resources){ message->memory_max_bytes, message->cpu_percent,
					   message->tasks_max };
}

int convert_to_definition(const char *id, const Indexerd__V1__Indexer *message,
			  struct definition **ret, struct refusal *refusal)
{
	_cleanup_(definition_unrefp) struct definition *definition = NULL;
	int r;

	assert(strlen(id) < ID_MAX);
	r = definition_new(&definition);
	if (r < 0)
		return r;
	strcpy(definition->id, id);
	if (message) {
		r = read_fields(message, definition);
		if (r == 0)
			r = read_parent(message->spawned_by, definition, refusal);
		if (r == 0)
			r = read_restart(message->restart, definition, refusal);
		if (r != 0)
			return r;
		read_resources(message->resources, &definition->resources);
		read_resources(message->tree_resources, &definition->tree_resources);
	}
	*ret = TAKE(definition);
	return 0;
}

int convert_to_usec(const Google__Protobuf__Timestamp *message, const char *field, uint64_t *ret,
		    struct refusal *refusal)
{
	if (!message) {
		*ret = 0;
		return 0;
	}
	if (message->seconds < 0 || message->seconds > TIMESTAMP_SECONDS_MAX ||
	    message->nanos < 0 || message->nanos > 999999999)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "TIME_INVALID", field,
			      "%s is no time between 1970 and 9999: %lld s, %d ns", field,
			      (long long)message->seconds, (int)message->nanos);
	/* Rounded up: records at or after this time never include one from before it. */
	*ret = (uint64_t)message->seconds * USEC_PER_SEC +
	       ((uint64_t)message->nanos + NSEC_PER_USEC - 1) / NSEC_PER_USEC;
	return 0;
}

/* Makes a message in the arena by its init function; the result is false where there is no memory.
 */
#define MAKE(arena, pointer, init)                                                                 \
	({                                                                                         \
		(pointer) = arena_alloc((arena), sizeof(*(pointer)));                              \
		if (pointer)                                                                       \
			init(pointer);                                                             \
		(pointer) != NULL;                                                                 \
	})

/* A time of 0 is none: the field stays absent. */
static bool write_time(uint64_t usec, struct arena *arena, Google__Protobuf__Timestamp **ret)
{
	if (usec == 0)
		return true;
	if (!MAKE(arena, *ret, google__protobuf__timestamp__init))
		return false;
	(*ret)->seconds = (int64_t)(usec / USEC_PER_SEC);
	(*ret)->nanos = (int32_t)(usec % USEC_PER_SEC * NSEC_PER_USEC);
	return true;
}

static bool write_duration(uint64_t usec, struct arena *arena, Google__Protobuf__Duration **ret)
{
	if (usec == 0)
		return true;
	if (!MAKE(arena, *ret, google__protobuf__duration__init))
		return false;
	(*ret)->seconds = (int64_t)(usec / USEC_PER_SEC);
	(*ret)->nanos = (int32_t)(usec % USEC_PER_SEC * NSEC_PER_USEC);
	return true;
}

/* Secrets are in one of the maps only, and are left out there. */
static bool write_map(const struct kv_list *list, const ProtobufCMessageDescriptor *descriptor,
		      const struct secret_rules *rules, struct arena *arena, map_entry ***ret,
		      size_t *ret_n)
{
	map_entry **pointers = arena_alloc(arena, list->n * sizeof(*pointers));
	map_entry *entries = arena_alloc(arena, list->n * sizeof(*entries));
	bool is_environment = descriptor == &indexerd__v1__indexer__environment_entry__descriptor;

	if (!pointers || !entries)
		return false;
	for (size_t i = 0; i < list->n; i++) {
		protobuf_c_message_init(descriptor, &entries[i]);
		entries[i].key = list->items[i].key;
		entries[i].value = is_environment
					   ? (char *)environment_shown(rules, &list->items[i])
					   : list->items[i].value;
		pointers[i] = &entries[i];
	}
	*ret = pointers;
	*ret_n = list->n;
	return true;
}

static bool write_fields(const struct definition *definition, const struct secret_rules *rules,
			 struct arena *arena, Indexerd__V1__Indexer *message)
{
	for (size_t i = 0; i < ELEMENTSOF(fields); i++) {
		const struct field *f = &fields[i];

		if (f->kind == FIELD_STRING)
			*AT(char *, message, f->message) =
				*AT(char *const, definition, f->definition);
		else if (!write_map(AT(const struct kv_list, definition, f->definition), f->entry,
				    rules, arena, AT(map_entry **, message, f->message),
				    AT(size_t, message, f->count)))
			return false;
	}
	message->args = definition->args;
	message->n_args = definition->n_args;
	return true;
}

static bool write_exit(const struct exit_record *record, struct arena *arena,
		       Indexerd__V1__Exit **ret)
{
	const char *name = record->signal > 0 ? sigabbrev_np(record->signal) : NULL;
	char signal[32];

	if (record->reason == EXIT_REASON_UNSPECIFIED)
		return true;
	if (!MAKE(arena, *ret, indexerd__v1__exit__init) ||
	    !write_time(record->time, arena, &(*ret)->time))
		return false;
	(*ret)->reason = (Indexerd__V1__Reason)record->reason;
	if (record->signal <= 0) {
		(*ret)->code = record->code;
		return true;
	}
	if (name)
		snprintf(signal, sizeof(signal), "SIG%s", name);
	else /* a real-time signal */
		snprintf(signal, sizeof(signal), "SIG%d", record->signal);
	(*ret)->signal = arena_strdup(arena, signal);
	return (*ret)->signal != NULL;
}

static bool write_progress(const struct progress *progress, struct arena *arena,
			   Indexerd__V1__Progress **ret)
{
	if (progress->time == 0)
		return true;
	if (!MAKE(arena, *ret, indexerd__v1__progress__init))
		return false;
	(*ret)->starting_block = progress->starting_block;
	(*ret)->current_block = progress->current_block;
	(*ret)->head_block = progress->head_block;
	(*ret)->stalled = progress->stalled;
	return write_time(progress->time, arena, &(*ret)->time);
}

static bool write_status(const struct view *view, const struct usage *usage, struct arena *arena,
			 Indexerd__V1__Indexer__Status **ret)
{
	const struct status *status = &view->status;
	Indexerd__V1__Indexer__Status *message;
	char unit[UNIT_MAX_SIZE];

	if (!MAKE(arena, message, indexerd__v1__indexer__status__init))
		return false;
	unit_from_id(view->definition->id, unit);
	message->unit = arena_strdup(arena, unit);
	message->state = (Indexerd__V1__State)status->state;
	message->invocation_id = (char *)status->invocation_id;
	message->main_pid = status->main_pid;
	message->restart_count = status->restart_count;
	message->message = (char *)(status->message ? status->message : "");
	message->memory_bytes = usage ? usage->memory_bytes : 0;
	*ret = message;
	return message->unit && write_time(status->start_time, arena, &message->start_time) &&
	       write_duration(usage ? usage->cpu_usec : status->cpu_usage, arena,
			      &message->cpu_usage) &&
	       write_exit(&status->last_exit, arena, &message->last_exit) &&
	       write_progress(&status->progress, arena, &message->progress);
}

/* Absent where there is no limit. */
static bool write_resources(const struct resources *resources, struct arena *arena,
			    Indexerd__V1__Resources **ret)
{
	if (!resources_are_given(resources))
		return true;
	if (!MAKE(arena, *ret, indexerd__v1__resources__init))
		return false;
	(*ret)->memory_max_bytes = resources->memory_max_bytes;
	(*ret)->cpu_percent = resources->cpu_percent;
	(*ret)->tasks_max = resources->tasks_max;
	return true;
}

static bool write_restart(const struct definition *definition, struct arena *arena,
			  Indexerd__V1__Indexer *message)
{
	if (definition->restart != RESTART_UNSPECIFIED || definition->backoff.initial ||
	    definition->backoff.max) {
		if (!MAKE(arena, message->restart, indexerd__v1__restart__init))
			return false;
		message->restart->policy = (Indexerd__V1__Policy)definition->restart;
		return write_duration(definition->backoff.initial, arena,
				      &message->restart->initial_backoff) &&
		       write_duration(definition->backoff.max, arena,
				      &message->restart->max_backoff);
	}
	return true;
}

/* The names and the etag are made of ids here; the model does not keep them. */
static bool write_names(const struct definition *definition, struct arena *arena,
			Indexerd__V1__Indexer *message)
{
	char name[NAME_MAX_SIZE], etag[17];

	name_from_id(definition->id, name);
	definition_etag(definition, etag);
	message->name = arena_strdup(arena, name);
	message->etag = arena_strdup(arena, etag);
	message->uid = (char *)definition->uid;
	if (definition->spawned_by) {
		name_from_id(definition->spawned_by, name);
		message->spawned_by = arena_strdup(arena, name);
	}
	return message->name && message->etag && message->spawned_by;
}

Indexerd__V1__Indexer *convert_from_view(const struct view *view, const struct usage *usage,
					 const struct secret_rules *rules, struct arena *arena)
{
	const struct definition *definition = view->definition;
	Indexerd__V1__Indexer *message;

	if (!MAKE(arena, message, indexerd__v1__indexer__init) ||
	    !write_names(definition, arena, message) ||
	    !write_fields(definition, rules, arena, message) ||
	    !write_resources(&definition->resources, arena, &message->resources) ||
	    !write_resources(&definition->tree_resources, arena, &message->tree_resources) ||
	    !write_restart(definition, arena, message) ||
	    !write_time(definition->create_time, arena, &message->create_time) ||
	    !write_time(definition->update_time, arena, &message->update_time) ||
	    !write_status(view, usage, arena, &message->status))
		return NULL;
	return message;
}
