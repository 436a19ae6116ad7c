/*
 * Messages as JSON: proto3's mapping, on the API's own messages.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "ctl/json.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "tap.h"

/* The message as compact JSON, or NULL; owned by the caller. */
static char *dump(const ProtobufCMessage *message)
{
	_cleanup_(json_decrefp) json_t *json = NULL;

	if (json_from_message(message, &json) < 0)
		return NULL;
	return json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void test_scalars(void)
{
	Indexerd__V1__Indexer__Status status = INDEXERD__V1__INDEXER__STATUS__INIT;
	Indexerd__V1__Exit exit = INDEXERD__V1__EXIT__INIT;
	_cleanup_free_ char *empty = dump(&status.base);
	_cleanup_free_ char *full = NULL, *open = NULL;

	is_str(empty, "{}", "defaults are left out");
	status.state = INDEXERD__V1__STATE__STATE_RUNNING;
	status.main_pid = -5;
	status.restart_count = -1;
	status.memory_bytes = UINT64_MAX;
	exit.signal = (char *)"SIGKILL";
	exit.reason = INDEXERD__V1__REASON__REASON_SIGNALED;
	status.last_exit = &exit;
	full = dump(&status.base);
	is_str(full,
	       "{\"state\":\"STATE_RUNNING\",\"mainPid\":\"-5\",\"restartCount\":-1,"
	       "\"lastExit\":{\"signal\":\"SIGKILL\",\"reason\":\"REASON_SIGNALED\"},"
	       "\"memoryBytes\":\"18446744073709551615\"}",
	       "enums by name, 64 bits as strings, 32 as numbers, names in camel case");

	status = (Indexerd__V1__Indexer__Status)INDEXERD__V1__INDEXER__STATUS__INIT;
	status.state = (Indexerd__V1__State)99;
	open = dump(&status.base);
	is_str(open, "{\"state\":99}", "a value of a newer server stays a number");
}

static void test_lists(void)
{
	Indexerd__V1__Indexer indexer = INDEXERD__V1__INDEXER__INIT;
	Indexerd__V1__Indexer__LabelsEntry a = INDEXERD__V1__INDEXER__LABELS_ENTRY__INIT;
	Indexerd__V1__Indexer__LabelsEntry b = INDEXERD__V1__INDEXER__LABELS_ENTRY__INIT;
	Indexerd__V1__Indexer__LabelsEntry *labels[] = { &a, &b };
	char *args[] = { (char *)"--x", (char *)"" };
	_cleanup_free_ char *json = NULL;

	a.key = (char *)"team";
	a.value = (char *)"one \"quoted\"\n";
	b.key = (char *)"nothing";
	indexer.labels = labels;
	indexer.n_labels = 2;
	indexer.args = args;
	indexer.n_args = 2;
	json = dump(&indexer.base);
	is_str(json,
	       "{\"labels\":{\"team\":\"one \\\"quoted\\\"\\n\",\"nothing\":\"\"},"
	       "\"args\":[\"--x\",\"\"]}",
	       "maps are objects, lists are arrays, empty elements stay");
}

static void check_timestamp(int64_t seconds, int32_t nanos, const char *want)
{
	Google__Protobuf__Timestamp timestamp = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	_cleanup_free_ char *json = NULL;

	timestamp.seconds = seconds;
	timestamp.nanos = nanos;
	json = dump(&timestamp.base);
	is_str(json, want, "Timestamp %lld.%09d", (long long)seconds, nanos);
}

static void check_duration(int64_t seconds, int32_t nanos, const char *want)
{
	Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;
	_cleanup_free_ char *json = NULL;

	duration.seconds = seconds;
	duration.nanos = nanos;
	json = dump(&duration.base);
	is_str(json, want, "Duration %lld.%09d", (long long)seconds, nanos);
}

static void test_times(void)
{
	check_timestamp(0, 0, "\"1970-01-01T00:00:00Z\"");
	check_timestamp(1767268800, 500000000, "\"2026-01-01T12:00:00.500Z\"");
	check_timestamp(1767268800, 1000, "\"2026-01-01T12:00:00.000001Z\"");
	check_timestamp(1767268800, 1, "\"2026-01-01T12:00:00.000000001Z\"");
	check_timestamp(0, -1, NULL);
	check_duration(0, 0, "\"0s\"");
	check_duration(1, 500000000, "\"1.500s\"");
	check_duration(-1, -500000000, "\"-1.500s\"");
	check_duration(0, -1, "\"-0.000000001s\"");
	check_duration(INT64_MIN, 0, NULL);
}

static void test_bad_text(void)
{
	Indexerd__V1__Indexer indexer = INDEXERD__V1__INDEXER__INIT;
	_cleanup_free_ char *json = NULL;

	indexer.script = (char *)"a\xff\xc3z";
	json = dump(&indexer.base);
	is_str(json, "{\"script\":\"a??z\"}", "what is no UTF-8 does not make invalid JSON");
}

/* json.c knows no float, double and bytes: that holds as long as the API has none. */
static bool covered(const ProtobufCMessageDescriptor *type)
{
	for (unsigned i = 0; i < type->n_fields; i++) {
		const ProtobufCFieldDescriptor *field = &type->fields[i];

		if (field->type == PROTOBUF_C_TYPE_FLOAT || field->type == PROTOBUF_C_TYPE_DOUBLE ||
		    field->type == PROTOBUF_C_TYPE_BYTES)
			return false;
		if (field->type == PROTOBUF_C_TYPE_MESSAGE && !covered(field->descriptor))
			return false;
	}
	return true;
}

static void test_coverage(void)
{
	const ProtobufCServiceDescriptor *service = &indexerd__v1__indexer_runner__descriptor;

	for (unsigned i = 0; i < service->n_methods; i++)
		ok(covered(service->methods[i].output), "every field of %s can be written",
		   service->methods[i].output->name);
}

int main(void)
{
	test_scalars();
	test_lists();
	test_times();
	test_bad_text();
	test_coverage();
	return tap_done();
}
