/*
 * How a call has ended; see status.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <err.h>
#include <errno.h>
#include <inttypes.h>

#include "common/util.h"
#include "ctl/output.h"
#include "ctl/status.h"
#include "ctl/target.h"
#include "google/rpc/error_details.pb-c.h"
#include "google/rpc/status.pb-c.h"

int rpc_status_fill(struct rpc_status *ret, int code, const void *message, size_t message_size,
		    const void *details, size_t details_size)
{
	_cleanup_free_ char *text = strndup(message_size ? message : "", message_size);
	uint8_t *bytes = NULL;

	if (!text)
		return -ENOMEM;
	if (details_size > 0) {
		bytes = malloc(details_size);
		if (!bytes)
			return -ENOMEM;
		memcpy(bytes, details, details_size);
	}
	*ret = (struct rpc_status){ code, TAKE(text), bytes, details_size };
	return 0;
}

void rpc_status_clear(struct rpc_status *status)
{
	free(status->message);
	free(status->details);
	*status = (struct rpc_status){ 0 };
}

/* What the lines about the details go by. */
struct report {
	const char *told; /* the status's message, which is written already */
	const struct option_table *options;
	bool has_bad_request; /* which names the fields */
};

/*
 * One indented line of a report; the values are the server's, so they are cleaned. A text that the
 * message has told already (the server may cut it short) is left out.
 */
static void report_line(const char *what, const char *subject, const char *text, const char *told)
{
	if (startswith(told, text))
		text = "";
	fprintf(stderr, "  %s ", what);
	print_clean(stderr, subject);
	if (!isempty(subject) && !isempty(text))
		fputs(": ", stderr);
	print_clean(stderr, text);
	fputc('\n', stderr);
}

/* A field in the API's words, and in those of the command line. */
static void report_field(const struct report *report, const char *field, const char *description)
{
	const struct option_row *option = options_find_field(report->options, field);

	report_line("field", field, description, report->told);
	if (option)
		fprintf(stderr, "  option --%s\n", option->name);
}

static void report_error_info(const ProtobufCMessage *message, const struct report *report)
{
	const Google__Rpc__ErrorInfo *info = (const Google__Rpc__ErrorInfo *)message;

	report_line("reason", info->reason, "", report->told);
	for (size_t i = 0; i < info->n_metadata && !report->has_bad_request; i++)
		if (streq(info->metadata[i]->key, "field"))
			report_field(report, info->metadata[i]->value, "");
}

static void report_bad_request(const ProtobufCMessage *message, const struct report *report)
{
	const Google__Rpc__BadRequest *request = (const Google__Rpc__BadRequest *)message;

	for (size_t i = 0; i < request->n_field_violations; i++)
		report_field(report, request->field_violations[i]->field,
			     request->field_violations[i]->description);
}

static void report_resource(const ProtobufCMessage *message, const struct report *report)
{
	const Google__Rpc__ResourceInfo *resource = (const Google__Rpc__ResourceInfo *)message;

	report_line("resource", resource->resource_name, resource->description, report->told);
}

static void report_quota(const ProtobufCMessage *message, const struct report *report)
{
	const Google__Rpc__QuotaFailure *quota = (const Google__Rpc__QuotaFailure *)message;

	for (size_t i = 0; i < quota->n_violations; i++)
		report_line("limit", quota->violations[i]->subject,
			    quota->violations[i]->description, report->told);
}

static void report_retry(const ProtobufCMessage *message,
			 const struct report *report __attribute__((unused)))
{
	const Google__Rpc__RetryInfo *retry = (const Google__Rpc__RetryInfo *)message;

	if (retry->retry_delay)
		fprintf(stderr, "  try again in %" PRId64 ".%03d s\n", retry->retry_delay->seconds,
			retry->retry_delay->nanos / 1000000);
}

static const struct {
	const ProtobufCMessageDescriptor *type;
	void (*report)(const ProtobufCMessage *message, const struct report *report);
} detail_types[] = {
	{ &google__rpc__error_info__descriptor, report_error_info },
	{ &google__rpc__bad_request__descriptor, report_bad_request },
	{ &google__rpc__resource_info__descriptor, report_resource },
	{ &google__rpc__quota_failure__descriptor, report_quota },
	{ &google__rpc__retry_info__descriptor, report_retry },
};

static bool detail_is(const Google__Protobuf__Any *detail, const ProtobufCMessageDescriptor *type)
{
	const char *slash = strrchr(detail->type_url, '/');

	return streq(slash ? slash + 1 : detail->type_url, type->name);
}

static void report_detail(const Google__Protobuf__Any *detail, const struct report *report)
{
	for (size_t i = 0; i < ELEMENTSOF(detail_types); i++) {
		ProtobufCMessage *message;

		if (!detail_is(detail, detail_types[i].type))
			continue;
		message = protobuf_c_message_unpack(detail_types[i].type, NULL, detail->value.len,
						    detail->value.data);
		if (!message)
			continue;
		detail_types[i].report(message, report);
		protobuf_c_message_free_unpacked(message, NULL);
	}
}

static void report_details(const struct rpc_status *status, const struct option_table *options)
{
	struct report report = { .told = status->message, .options = options };
	Google__Rpc__Status *details =
		google__rpc__status__unpack(NULL, status->details_size, status->details);

	if (!details)
		return; /* what is there without them has been said */
	for (size_t i = 0; i < details->n_details; i++)
		report.has_bad_request |=
			detail_is(details->details[i], &google__rpc__bad_request__descriptor);
	for (size_t i = 0; i < details->n_details; i++)
		report_detail(details->details[i], &report);
	google__rpc__status__free_unpacked(details, NULL);
}

bool rpc_status_is_unreachable(const struct rpc_status *status)
{
	return status->code == CODE_UNAVAILABLE &&
	       status->details_size == 0; /* the server sends some */
}

static int exit_code_of(const struct rpc_status *status)
{
	switch (status->code) {
	case CODE_OK:
		return EXIT_DONE;
	case CODE_NOT_FOUND:
		return EXIT_NOT_FOUND;
	case CODE_DEADLINE_EXCEEDED:
		return EXIT_TIMEOUT;
	case CODE_UNAVAILABLE:
		return EXIT_UNREACHABLE;
	default:
		return EXIT_REFUSED;
	}
}

int rpc_status_report(const struct rpc_status *status, const char *address,
		      const struct option_table *options)
{
	const char *name = code_name((enum code)status->code);

	if (status->code == CODE_OK)
		return EXIT_DONE;
	if (rpc_status_is_unreachable(status) && target_explain(address))
		return EXIT_UNREACHABLE;

	fprintf(stderr, "%s: %s: ", program_invocation_short_name, name ? name : "UNKNOWN");
	print_clean(stderr, status->message);
	fputc('\n', stderr);
	if (status->details_size > 0)
		report_details(status, options);
	if (status->code == CODE_DEADLINE_EXCEEDED)
		fprintf(stderr, "  no answer in time; --timeout=SECONDS sets another limit\n");
	return exit_code_of(status);
}
