/*
 * What indexerctl tells a person: of a refusal, of an address, and of an indexer that was there
 * already.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/util.h"
#include "ctl/difference.h"
#include "ctl/json.h"
#include "ctl/status.h"
#include "ctl/target.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"
#include "tap.h"

static const struct option_row rows[] = {
	{ .name = "plain" },
	{ .name = "project-source", .field = "indexer.project_source" },
	{ .name = "project-dir", .field = "indexer.project_dir" },
	{ .name = "script", .field = "indexer.script" },
	{ .name = "runtime", .field = "indexer.runtime" },
	{ .name = "preset", .field = "indexer.preset" },
	{ .name = "arg", .field = "indexer.args" },
	{ .name = "env", .field = "indexer.environment" },
	{ .name = "label", .field = "indexer.labels" },
	{ .name = "memory-max", .field = "indexer.resources.memory_max_bytes" },
	{ .name = "restart", .field = "indexer.restart.policy" },
	{ .name = "max-backoff", .field = "indexer.restart.max_backoff" },
	{ .name = "spawned-by", .field = "indexer.spawned_by" },
};
static const struct option_table options = { rows, ELEMENTSOF(rows), NULL };

/* stderr goes into memory from begin to end. */
static int stderr_before = -1;

static void capture_begin(void)
{
	int fd = memfd_create("stderr", MFD_CLOEXEC);

	fflush(stderr);
	stderr_before = dup(STDERR_FILENO);
	assert(fd >= 0 && stderr_before >= 0 && dup2(fd, STDERR_FILENO) >= 0);
	close(fd);
}

/* What was written; owned by the caller. */
static char *capture_end(void)
{
	off_t size;
	char *text;

	fflush(stderr);
	size = lseek(STDERR_FILENO, 0, SEEK_END);
	text = calloc(1, (size_t)size + 1);
	assert(text && pread(STDERR_FILENO, text, (size_t)size, 0) == size);
	dup2(stderr_before, STDERR_FILENO);
	close(stderr_before);
	return text;
}

/* A packed detail of a status; what it is made of is lent by the caller. */
static void make_detail(Google__Protobuf__Any *any, const ProtobufCMessage *message,
			uint8_t *buffer, char url[64])
{
	google__protobuf__any__init(any);
	snprintf(url, 64, "type.googleapis.com/%s", message->descriptor->name);
	any->type_url = url;
	any->value = (ProtobufCBinaryData){ protobuf_c_message_pack(message, buffer), buffer };
}

/* Reports a refusal of a field as the server makes it: with BadRequest or without. */
static char *report(const char *field, bool bad_request)
{
	Google__Rpc__ErrorInfo info = GOOGLE__RPC__ERROR_INFO__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry entry = GOOGLE__RPC__ERROR_INFO__METADATA_ENTRY__INIT;
	Google__Rpc__ErrorInfo__MetadataEntry *entries[] = { &entry };
	Google__Rpc__BadRequest request = GOOGLE__RPC__BAD_REQUEST__INIT;
	Google__Rpc__BadRequest__FieldViolation violation =
		GOOGLE__RPC__BAD_REQUEST__FIELD_VIOLATION__INIT;
	Google__Rpc__BadRequest__FieldViolation *violations[] = { &violation };
	Google__Rpc__Status details = GOOGLE__RPC__STATUS__INIT;
	Google__Protobuf__Any any[2], *list[] = { &any[0], &any[1] };
	uint8_t buffers[2][256], packed[1024];
	char urls[2][64];
	struct rpc_status status = { .code = CODE_INVALID_ARGUMENT,
				     .message = (char *)"words",
				     .details = packed };

	info.reason = (char *)"REASON";
	entry.key = (char *)"field";
	entry.value = violation.field = (char *)field;
	violation.description = (char *)"words";
	info.metadata = entries;
	info.n_metadata = 1;
	request.field_violations = violations;
	request.n_field_violations = 1;
	make_detail(&any[0], &info.base, buffers[0], urls[0]);
	make_detail(&any[1], &request.base, buffers[1], urls[1]);
	details.details = list;
	details.n_details = bad_request ? 2 : 1;
	status.details_size = google__rpc__status__pack(&details, packed);
	capture_begin();
	assert(rpc_status_report(&status, "unix:/none", &options) == EXIT_REFUSED);
	return capture_end();
}

static void test_fields(void)
{
	static const struct {
		const char *field, *lines;
	} cases[] = {
		{ "indexer.project_source",
		  "  field indexer.project_source\n  option --project-source\n" },
		{ "indexer.labels[\"a\"]", "  field indexer.labels[\"a\"]\n  option --label\n" },
		{ "indexer_id", "  field indexer_id\n" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++)
		for (int bad_request = 0; bad_request < 2; bad_request++) {
			_cleanup_free_ char *got = report(cases[i].field, bad_request);
			_cleanup_free_ char *want = NULL;

			assert(asprintf(&want, "%s: INVALID_ARGUMENT: words\n  reason REASON\n%s",
					program_invocation_short_name, cases[i].lines) > 0);
			is_str(got, want, "%s, %s", cases[i].field,
			       bad_request ? "in BadRequest" : "in ErrorInfo alone");
		}
}

static void test_targets(void)
{
	static const struct {
		const char *option, *daemon, *runner; /* the option and the two variables */
		const char *want;		      /* NULL: refused */
		const char *told;
	} cases[] = {
		{ NULL, NULL, NULL, DEFAULT_ADDRESS, "" },
		{ "", "", "", DEFAULT_ADDRESS, "" },
		{ NULL, NULL, "unix:/r", "unix:/r", "" },
		{ NULL, "unix:/d", "unix:/r", "unix:/d", "" },
		{ "unix:/o", "unix:/d", "unix:/r", "unix:/o", "" },
		{ "/run/x.sock", NULL, NULL, "unix:/run/x.sock", "" },
		{ "./x.sock", NULL, NULL, "unix:./x.sock", "" },
		{ NULL, "/run/d.sock", NULL, "unix:/run/d.sock", "" },
		{ "unix:///run/x.sock", NULL, NULL, "unix:///run/x.sock", "" },
		{ "unix-abstract:x", NULL, NULL, "unix-abstract:x", "" },
		{ "dns:///host:443", NULL, NULL, "dns:///host:443", "" },
		{ "host", NULL, NULL, "host", "" },
		{ "host:443", NULL, NULL, "host:443", "" },
		{ "127.0.0.1:1", NULL, NULL, "127.0.0.1:1", "" },
		{ "[::1]:1", NULL, NULL, "[::1]:1", "" },
		{ "http://host:1", NULL, NULL, NULL,
		  "--address=http://host:1: there is no scheme 'http'" },
		{ "tcp:host:1", NULL, NULL, NULL, "'tcp'" },
		{ NULL, "grpc://x", NULL, NULL, "INDEXERD_ADDRESS=grpc://x: " },
		{ NULL, NULL, "uinx:/x", NULL, "INDEXER_RUNNER_ADDRESS=uinx:/x: " },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_free_ char *target = NULL, *told = NULL;
		int r;

		unsetenv("INDEXERD_ADDRESS");
		unsetenv("INDEXER_RUNNER_ADDRESS");
		if (cases[i].daemon)
			setenv("INDEXERD_ADDRESS", cases[i].daemon, 1);
		if (cases[i].runner)
			setenv("INDEXER_RUNNER_ADDRESS", cases[i].runner, 1);
		capture_begin();
		r = target_choose(cases[i].option, &target);
		told = capture_end();
		is_int(r, cases[i].want ? 0 : -EINVAL, "address %zu", i);
		is_str(target, cases[i].want, "is %s", cases[i].want ? cases[i].want : "refused");
		ok(cases[i].want ? streq(told, "") : strstr(told, cases[i].told) != NULL, "%s",
		   cases[i].want ? "nothing is said" : "with its reason");
	}
}

/* What the command that the test makes has otherwise than what is there. */
static char *compare(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got)
{
	char *text = NULL;

	assert(difference_options(asked, got, &options, &text) == 0);
	return text;
}

#define is_difference(asked, got, want, ...)                                                       \
	({                                                                                         \
		_cleanup_free_ char *difference_ = compare(asked, got);                            \
		is_str(difference_, want, __VA_ARGS__);                                            \
	})

static void test_differences(void)
{
	Indexerd__V1__Indexer asked = INDEXERD__V1__INDEXER__INIT, got = asked;
	Indexerd__V1__Indexer__LabelsEntry a = INDEXERD__V1__INDEXER__LABELS_ENTRY__INIT, b = a;
	Indexerd__V1__Indexer__LabelsEntry *one[] = { &a, &b }, *two[] = { &b, &a };
	Indexerd__V1__Resources none = INDEXERD__V1__RESOURCES__INIT, some = none;
	Indexerd__V1__Restart standard = INDEXERD__V1__RESTART__INIT, always = standard,
			      never = standard;
	Google__Protobuf__Duration initial = GOOGLE__PROTOBUF__DURATION__INIT, max = initial,
				   longer = initial;
	char *args[] = { (char *)"x", (char *)"y" };

	initial.seconds = 1;
	max.seconds = 300;
	longer.seconds = 600;
	always.policy = INDEXERD__V1__POLICY__POLICY_ALWAYS;
	always.initial_backoff = never.initial_backoff = &initial;
	always.max_backoff = never.max_backoff = &max;
	never.policy = INDEXERD__V1__POLICY__POLICY_NEVER;
	some.memory_max_bytes = 1 << 30;
	a.key = (char *)"a";
	b.key = (char *)"b";
	asked.script = got.script = (char *)"run";
	asked.project_source = got.project_source = (char *)"/srv/p";
	asked.resources = &none;
	asked.restart = &standard;
	got.name = (char *)"indexers/x"; /* what the server sets is not compared */
	got.restart = &always;
	is_difference(&asked, &got, "", "as asked for, with the server's defaults");

	asked.labels = one;
	got.labels = two;
	asked.n_labels = got.n_labels = 2;
	asked.args = got.args = args;
	asked.n_args = got.n_args = 2;
	is_difference(&asked, &got, "", "labels have no order");
	got.n_args = 1;
	is_difference(&asked, &got, "--arg", "one argument less");
	always.max_backoff = &longer;
	is_difference(&asked, &got, "--arg, --max-backoff", "another back-off than the default");
	always.max_backoff = &max;
	got.n_labels = 0;
	got.resources = &some;
	got.restart = &never;
	is_difference(&asked, &got, "--arg, --label, --memory-max, --restart",
		      "also what was not asked for counts");

	asked = (Indexerd__V1__Indexer)INDEXERD__V1__INDEXER__INIT;
	got = asked;
	got.restart = &always;
	got.project_source = (char *)"/srv/p";
	got.project_dir = (char *)"d";
	is_difference(&asked, &got, "--project-source, --project-dir",
		      "a project that nobody asked for");
	got.spawned_by = (char *)"indexers/parent";
	is_difference(&asked, &got, "", "but a child has its parent's");
	asked.project_dir = (char *)"e";
	is_difference(&asked, &got, "--project-source, --project-dir", "unless it has its own");
	asked.spawned_by = (char *)"indexers/other";
	asked.project_source = got.project_source;
	asked.project_dir = got.project_dir;
	is_difference(&asked, &got, "--spawned-by", "another parent");

	asked = (Indexerd__V1__Indexer)INDEXERD__V1__INDEXER__INIT;
	got = asked;
	got.restart = &always;
	got.runtime = (char *)"apibara-sink";
	got.preset = (char *)"console";
	is_difference(&asked, &got, "", "what the server is to choose or to find is as it is");
	asked.runtime = (char *)"node";
	asked.preset = (char *)"mongo";
	is_difference(&asked, &got, "--runtime, --preset", "unless another was asked for");
}

static void test_redacted(void)
{
	Indexerd__V1__Indexer asked = INDEXERD__V1__INDEXER__INIT, got = asked;
	Indexerd__V1__Indexer__EnvironmentEntry
		secret = INDEXERD__V1__INDEXER__ENVIRONMENT_ENTRY__INIT,
		shown = secret;
	Indexerd__V1__Indexer__EnvironmentEntry *a[] = { &secret }, *b[] = { &shown };
	Indexerd__V1__Restart always = INDEXERD__V1__RESTART__INIT;

	always.policy = INDEXERD__V1__POLICY__POLICY_ALWAYS;
	got.restart = &always;
	secret.key = shown.key = (char *)"TOKEN";
	secret.value = (char *)"x";
	shown.value = (char *)"[redacted]";
	asked.environment = a;
	asked.n_environment = 1;
	is_difference(&asked, &got, "--env", "a secret that is not there");
	got.environment = b;
	got.n_environment = 1;
	is_difference(&asked, &got, "", "one that is not shown is taken for the same");
	shown.value = (char *)"y";
	is_difference(&asked, &got, "--env", "one that is shown is compared");
	shown.value = (char *)"[redacted]";
	asked.n_environment = 0;
	is_difference(&asked, &got, "--env", "and one that nobody asked for is told");
}

static void test_members(void)
{
	_cleanup_(json_decrefp) json_t *json =
		json_pack("{s:{s:i}, s:s}", "restart", "policy", 1, "projectDir", "d");

	is_str(json_string_value(json_member(json, "project_dir")), "d", "a name of two words");
	is_int(json_integer_value(json_member(json, "restart.policy")), 1, "a member's member");
	ok(!json_member(json, "resources.cpu_percent") && !json_member(json, "restart.other"),
	   "what is not there");
	ok(!json_member(json, "project_dir.x"), "a string has no members");
}

int main(void)
{
	test_fields();
	test_targets();
	test_differences();
	test_redacted();
	test_members();
	return tap_done();
}
