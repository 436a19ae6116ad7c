/*
 * Messages from and to the model, error details, log records on the wire, and the embedded
 * description of the API.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <string.h>

#include "common/util.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "rpc/convert.h"
#include "rpc/descriptors.h"
#include "rpc/log-message.h"
#include "rpc/status.h"
#include "tap.h"

static void test_to_definition(void)
{
	_cleanup_(definition_unrefp) struct definition *d = NULL;
	_cleanup_refusal_ struct refusal refusal = { 0 };
	Indexerd__V1__Indexer m = INDEXERD__V1__INDEXER__INIT;
	Indexerd__V1__Indexer__LabelsEntry a = INDEXERD__V1__INDEXER__LABELS_ENTRY__INIT, b = a,
					   c = a;
	Indexerd__V1__Indexer__LabelsEntry *labels[] = { &a, &b, &c };
	Indexerd__V1__Resources resources = INDEXERD__V1__RESOURCES__INIT;
	Indexerd__V1__Resources tree = INDEXERD__V1__RESOURCES__INIT;
	Indexerd__V1__Restart restart = INDEXERD__V1__RESTART__INIT;
	Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;
	char *args[] = { (char *)"--one", (char *)"two" };

	a.key = c.key = (char *)"k";
	a.value = (char *)"first";
	c.value = (char *)"last";
	b.key = (char *)"a";
	m.labels = labels;
	m.n_labels = 3;
	m.args = args;
	m.n_args = 2;
	m.project_source = (char *)"/srv/p";
	m.spawned_by = (char *)"indexers/parent";
	m.uid = (char *)"the server's own";
	resources.memory_max_bytes = 1 << 30;
	resources.cpu_percent = 150;
	resources.tasks_max = 7;
	m.resources = &resources;
	tree.memory_max_bytes = 1ULL << 40;
	m.tree_resources = &tree;
	restart.policy = INDEXERD__V1__POLICY__POLICY_NEVER;
	restart.initial_backoff = &duration;
	duration.seconds = 2;
	duration.nanos = 1;
	m.restart = &restart;

	is_int(convert_to_definition("id", &m, &d, &refusal), 0, "a definition is made");
	is_str(d->id, "id", "id");
	is_str(d->uid, "", "the uid of a request is ignored");
	is_str(d->project_source, "/srv/p", "project_source");
	is_str(d->project_dir, "", "what is not set is empty");
	is_str(d->spawned_by, "parent", "spawned_by is a name outside and an id inside");
	is_str(d->labels.items[1].value, "last", "of a key that stands twice the last counts");
	is_int((long long)d->labels.n, 2, "and it is there once");
	is_str(d->args[1], "two", "args");
	is_int((long long)d->resources.memory_max_bytes, 1 << 30, "memory");
	is_int(d->resources.cpu_percent, 150, "processor");
	is_int((long long)d->resources.tasks_max, 7, "tasks");
	ok(d->tree_resources.memory_max_bytes == 1ULL << 40 && d->tree_resources.tasks_max == 0,
	   "and of the tree");
	is_int(d->restart, RESTART_NEVER, "restart policy");
	is_int(d->backoff.initial, 2000001, "the initial back-off, rounded up");
	is_int(d->backoff.max, 0, "and one that is not given");
}

static void test_refused(void)
{
	Google__Protobuf__Duration negative = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Protobuf__Duration odd = GOOGLE__PROTOBUF__DURATION__INIT;
	Google__Protobuf__Duration endless = GOOGLE__PROTOBUF__DURATION__INIT;
	const struct {
		const char *spawned_by;
		int policy;
		Google__Protobuf__Duration *initial, *max;
		enum code code;
		const char *field;
	} rows[] = {
		{ "", 0, &negative, NULL, CODE_INVALID_ARGUMENT,
		  "indexer.restart.initial_backoff" },
		{ "", 0, NULL, &odd, CODE_INVALID_ARGUMENT, "indexer.restart.max_backoff" },
		{ "", 0, NULL, &endless, CODE_INVALID_ARGUMENT, "indexer.restart.max_backoff" },
		{ "", 4, NULL, NULL, CODE_INVALID_ARGUMENT, "indexer.restart.policy" },
		{ "", -1, NULL, NULL, CODE_INVALID_ARGUMENT, "indexer.restart.policy" },
		{ "parent", 0, NULL, NULL, CODE_INVALID_ARGUMENT, "indexer.spawned_by" },
		{ "indexers/..", 0, NULL, NULL, CODE_INVALID_ARGUMENT, "indexer.spawned_by" },
	};

	negative.seconds = -1;
	odd.nanos = 1000000000;
	endless.seconds = INT64_MAX;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_refusal_ struct refusal refusal = { 0 };
		Indexerd__V1__Indexer m = INDEXERD__V1__INDEXER__INIT;
		Indexerd__V1__Restart restart = INDEXERD__V1__RESTART__INIT;
		struct definition *d = NULL;

		restart.policy = (Indexerd__V1__Policy)rows[i].policy;
		restart.initial_backoff = rows[i].initial;
		restart.max_backoff = rows[i].max;
		m.restart = &restart;
		m.spawned_by = (char *)rows[i].spawned_by;
		is_int(convert_to_definition("id", &m, &d, &refusal), REFUSED, "row %zu refused",
		       i);
		is_int(refusal.code, rows[i].code, "row %zu: code", i);
		is_str(refusal.field, rows[i].field, "row %zu: field", i);
		ok(!d, "row %zu: nothing made", i);
	}
}

static void test_to_usec(void)
{
	static const struct {
		int64_t seconds;
		int32_t nanos;
		long long usec; /* -1: refused */
	} rows[] = {
		{ 0, 0, 0 },
		{ 1, 1000, 1000001 },
		{ 1, 1, 1000001 },
		{ -1, 0, -1 },
		{ 0, -1, -1 },
		{ 0, 1000000000, -1 },
		{ 253402300800LL, 0, -1 },
		{ 253402300799LL, 0, 253402300799000000LL },
	};
	uint64_t usec = 1;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		_cleanup_refusal_ struct refusal refusal = { 0 };
		Google__Protobuf__Timestamp t = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
		int r;

		t.seconds = rows[i].seconds;
		t.nanos = rows[i].nanos;
		r = convert_to_usec(&t, "since", &usec, &refusal);
		is_int(r, rows[i].usec < 0 ? REFUSED : 0, "time %zu", i);
		if (r == 0)
			is_int((long long)usec, rows[i].usec, "time %zu in microseconds", i);
	}
	is_int(convert_to_usec(NULL, "since", &usec, NULL), 0, "no time");
	is_int((long long)usec, 0, "is 0");
}

static void test_from_view(void)
{
	_cleanup_(definition_unrefp) struct definition *d = NULL;
	_cleanup_(view_unrefp) struct view *view = NULL;
	struct status status = { .state = STATE_BACKING_OFF,
				 .main_pid = 0,
				 .restart_count = 9,
				 .cpu_usage = 250000,
				 .message = (char *)"why",
				 .last_exit = { .time = 5000001,
						.signal = SIGKILL,
						.reason = EXIT_REASON_OUT_OF_MEMORY } };
	const struct usage usage = { .memory_bytes = UINT64_MAX, .cpu_usec = 3000001 };
	struct arena arena = { 0 };
	Indexerd__V1__Indexer *m;

	definition_new(&d);
	strcpy(d->id, "child");
	d->spawned_by = strdup("parent");
	d->create_time = 1700000000123456ULL;
	kv_list_set(&d->environment, "A", "1");
	view_new(d, &status, &view);
	m = convert_from_view(view, NULL, NULL, &arena);
	is_str(m->name, "indexers/child", "name");
	is_str(m->spawned_by, "indexers/parent", "spawned_by");
	is_str(m->environment[0]->value, "1", "environment");
	is_int(m->create_time->nanos, 123456000, "create_time");
	ok(!m->update_time && !m->resources && !m->tree_resources && !m->restart &&
		   !m->status->progress,
	   "what there is not is absent");
	is_str(m->status->unit, "indexer-child.service", "unit");
	is_int(m->status->state, INDEXERD__V1__STATE__STATE_BACKING_OFF, "state");
	is_int(m->status->restart_count, 9, "restart_count");
	is_str(m->status->message, "why", "message");
	is_str(m->status->last_exit->signal, "SIGKILL", "signal by name");
	is_int(m->status->last_exit->reason, INDEXERD__V1__REASON__REASON_OUT_OF_MEMORY, "reason");
	is_int(m->status->last_exit->time->nanos, 1000, "time of the exit");
	is_int((long long)m->status->memory_bytes, 0, "no memory without a process");
	is_int(m->status->cpu_usage->nanos, 250000000, "the last process's time");
	ok(indexerd__v1__indexer__get_packed_size(m) > 0, "it can be packed");
	d->tree_resources = (struct resources){ .cpu_percent = 250 };
	m = convert_from_view(view, NULL, NULL, &arena);
	ok(m->tree_resources && m->tree_resources->cpu_percent == 250 && !m->resources,
	   "limits of the tree");
	kv_list_set(&d->environment, "DNA_TOKEN", "dna_secret");
	kv_list_set(&d->environment, "PG_PASSWORD", "credential:indexer.pg");
	kv_list_set(&d->labels, "TOKEN", "red");
	m = convert_from_view(view, NULL, &secret_rules_default, &arena);
	is_str(m->environment[0]->value, "1", "with rules, a value");
	is_str(m->environment[1]->value, SECRET_REDACTED, "a secret is left out");
	is_str(m->environment[2]->value, "credential:indexer.pg", "what names one is not");
	is_str(m->labels[0]->value, "red", "and a label is no secret");
	is_str(d->environment.items[1].value, "dna_secret", "what there is stays");
	m = convert_from_view(view, &usage, NULL, &arena);
	ok(m->status->memory_bytes == UINT64_MAX, "memory");
	is_int(m->status->cpu_usage->seconds, 3, "processor time, seconds");
	is_int(m->status->cpu_usage->nanos, 1000, "and nanoseconds");
	view_unref(view);
	status.progress = (struct progress){ .starting_block = UINT64_MAX,
					     .current_block = 2,
					     .head_block = 3,
					     .time = 5000000,
					     .stalled = true };
	view_new(d, &status, &view);
	m = convert_from_view(view, NULL, NULL, &arena);
	ok(m->status->progress->starting_block == UINT64_MAX &&
		   m->status->progress->current_block == 2 &&
		   m->status->progress->head_block == 3 && m->status->progress->stalled,
	   "progress");
	is_int(m->status->progress->time->seconds, 5, "and its time");
	arena_clear(&arena);
}

/* An error as long as it may get still reaches clients on gRPC core. */
static void test_status(void)
{
	_cleanup_refusal_ struct refusal refusal = { 0 };
	char words[3 * 400 + 1] = "";
	Google__Rpc__Status *status;
	Google__Rpc__ErrorInfo *info;
	grpc_slice slice;

	for (int i = 0; i < 400; i++)
		strcat(words, "\xe2\x82\xac"); /* three bytes here, nine as gRPC writes them */
	refuse(&refusal, CODE_INVALID_ARGUMENT, "REASON", words, "%s", words);
	refusal.retry_after_usec = 1500000;
	memset(words, 'x', ID_MAX - 1);
	words[ID_MAX - 1] = '\0';
	refusal_set_indexer(&refusal, words);
	is_int(status_details(&refusal, &slice), 0, "details are made");
	ok(GRPC_SLICE_LENGTH(slice) * 4 / 3 + 3 * strlen(refusal.message) < 6000,
	   "message and details stay below 6 KB on the wire: %zu",
	   GRPC_SLICE_LENGTH(slice) * 4 / 3 + 3 * strlen(refusal.message));
	status = google__rpc__status__unpack(NULL, GRPC_SLICE_LENGTH(slice),
					     GRPC_SLICE_START_PTR(slice));
	is_int(status->code, CODE_INVALID_ARGUMENT, "code");
	is_str(status->message, refusal.message, "message");
	is_int((long long)status->n_details, 4, "ErrorInfo, BadRequest, ResourceInfo, RetryInfo");
	is_str(status->details[0]->type_url, "type.googleapis.com/google.rpc.ErrorInfo", "type");
	info = google__rpc__error_info__unpack(NULL, status->details[0]->value.len,
					       status->details[0]->value.data);
	is_str(info->reason, "REASON", "reason");
	is_str(info->domain, "indexerd", "domain");
	google__rpc__error_info__free_unpacked(info, NULL);
	google__rpc__status__free_unpacked(status, NULL);
	grpc_slice_unref(slice);
}

static void test_log_message(void)
{
	const struct log_record record = { .id = "my-id",
					   .level = LEVEL_WARNING,
					   .mark.numbers = { .invocation = 3, .last = { { 4 } } },
					   .content = "bad \xff byte",
					   .content_size = 10,
					   .time = 1700000000000042ULL };
	Indexerd__V1__StreamLogsResponse *m;
	struct log_mark mark;
	grpc_slice slice = log_message_pack(&record, "uid");

	m = indexerd__v1__stream_logs_response__unpack(NULL, GRPC_SLICE_LENGTH(slice),
						       GRPC_SLICE_START_PTR(slice));
	ok(m, "what is written by hand can be unpacked");
	is_int(m->level, INDEXERD__V1__LOG_LEVEL__LOG_LEVEL_WARNING, "level");
	is_str(m->content, "bad \xef\xbf\xbd byte", "content is made readable");
	is_int(m->time->seconds, 1700000000, "seconds");
	is_int(m->time->nanos, 42000, "nanos");
	is_str(m->indexer, "indexers/my-id", "indexer");
	ok(log_cursor_parse(m->cursor, "uid", &mark) == 0 && mark.numbers.last.n[CLASS_ALL] == 4,
	   "cursor");
	indexerd__v1__stream_logs_response__free_unpacked(m, NULL);
	grpc_slice_unref(slice);
}

static void count_service(const char *name, void *userdata)
{
	int *n = userdata;

	*n += streq(name, "indexerd.v1.IndexerRunner") || startswith(name, "grpc.") != NULL;
}

static void test_descriptors(void)
{
	static const struct {
		const char *symbol;
		bool found;
	} rows[] = {
		{ "indexerd.v1.IndexerRunner", true },
		{ "indexerd.v1.IndexerRunner.StreamLogs", true },
		{ "indexerd.v1.Indexer", true },
		{ "indexerd.v1.Indexer.Status", true },
		{ "indexerd.v1.Indexer.Status.main_pid", true },
		{ "indexerd.v1.State", true },
		{ "indexerd.v1.STATE_RUNNING", true },
		{ "google.protobuf.Timestamp", true },
		{ "grpc.health.v1.Health.Watch", true },
		{ "indexerd.v1", false },
		{ "indexerd.v1.", false },
		{ "indexerd.v1.Indexe", false },
		{ "indexerd.v1.Indexer.", false },
		{ "Indexer", false },
		{ "", false },
	};
	struct descriptor_file file, all[DESCRIPTOR_FILES_MAX];
	int services = 0;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		is_int(descriptors_find_symbol(rows[i].symbol, &file), rows[i].found, "symbol '%s'",
		       rows[i].symbol);
	ok(descriptors_find_file("indexerd/v1/indexer_runner.proto", &file), "our own file");
	ok(!descriptors_find_file("indexerd/v1/other.proto", &all[0]), "no other file");
	is_int((long long)descriptors_closure(file, all), 5, "the file with its four imports");
	descriptors_each_service(count_service, &services);
	is_int(services, 4, "four services");
}

int main(void)
{
	test_to_definition();
	test_refused();
	test_to_usec();
	test_from_view();
	test_status();
	test_log_message();
	test_descriptors();
	return tap_done();
}
