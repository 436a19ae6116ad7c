/*
 * What the verbs share; see verb.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/verb.h"
#include "model/id.h"

#define STREAM_BUFFER_SIZE (64 * 1024)

/* rpc_status_report() with what the verb knows: 0 or an exit code. */
static int report(struct ctl *ctl, const struct rpc_status *status)
{
	const struct option_table options = { .rows = ctl->verb->options,
					      .n = ctl->verb->n_options };

	ctl->unreachable = rpc_status_is_unreachable(status);
	return rpc_status_report(status, ctl->address, &options);
}

int ctl_call(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
	     uint64_t default_timeout, ProtobufCMessage **ret)
{
	_cleanup_status_ struct rpc_status status = { 0 };
	int r = client_call(ctl->client, method, request,
			    ctl->timeout ? ctl->timeout : default_timeout, ret, &status);

	return r < 0 ? r : report(ctl, &status);
}

/* What becomes of the messages of a stream. */
struct stream {
	int (*print)(const ProtobufCMessage *message, void *userdata);
	void *userdata;
};

static int stream_message(const ProtobufCMessage *message, void *userdata)
{
	const struct stream *stream = userdata;
	int r = stream->print(message, stream->userdata);

	return r == 0 && ferror(stdout) ? flush_stdout() : r;
}

static int stream_idle(void *userdata __attribute__((unused)))
{
	return flush_stdout();
}

static int print_line_json(const ProtobufCMessage *message, void *userdata __attribute__((unused)))
{
	_cleanup_(json_decrefp) json_t *json = NULL;
	int r = json_from_message(message, &json);

	if (r < 0)
		return r;
	json_dumpf(json, stdout, JSON_COMPACT);
	putchar('\n');
	return 0;
}

int ctl_stream(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
	       int (*print)(const ProtobufCMessage *message, void *userdata), void *userdata)
{
	static const struct client_sink sink = { stream_message, stream_idle };
	struct stream stream = { ctl->output == OUTPUT_JSON ? print_line_json : print, userdata };
	_cleanup_status_ struct rpc_status status = { 0 };
	int r;

	setvbuf(stdout, NULL, _IOFBF, STREAM_BUFFER_SIZE); /* flushed whenever no line is waiting */
	r = client_stream(ctl->client, method, request, ctl->timeout ? ctl->timeout : TIMEOUT_NONE,
			  &sink, &stream, &status);
	if (r == 0)
		r = flush_stdout();
	return r < 0 ? r : report(ctl, &status);
}

int ctl_each(struct ctl *ctl, char **operands,
	     int (*run)(struct ctl *ctl, char *name, const void *config), const void *config)
{
	bool several = operands[1];
	int result = EXIT_DONE;

	for (; *operands && !ctl->unreachable; operands++) {
		_cleanup_free_ char *name = ctl_name(*operands);
		int r = name ? run(ctl, name, config) : -ENOMEM;

		if (r < 0)
			return r;
		if (r == EXIT_TIMEOUT && several) /* every other refusal has the name in it */
			fprintf(stderr, "  name %s\n", name);
		if (result == EXIT_DONE)
			result = r;
	}
	return result;
}

int ctl_show(const struct ctl *ctl, const Indexerd__V1__Indexer *indexer, const char *outcome)
{
	const Indexerd__V1__Indexer__Status *status = indexer->status;
	Indexerd__V1__State state = status ? status->state : INDEXERD__V1__STATE__STATE_UNSPECIFIED;
	int r;

	if (ctl->output == OUTPUT_JSON) {
		r = print_json(&indexer->base);
	} else {
		print_clean(stdout, indexer->name);
		printf(" %s%s%s\n", enum_text(&indexerd__v1__state__descriptor, (int)state),
		       outcome ? ": " : "", outcome ? outcome : "");
		r = flush_stdout();
	}
	if (r < 0 || state != INDEXERD__V1__STATE__STATE_FAILED)
		return r;
	fprintf(stderr, "%s: ", program_invocation_short_name);
	print_clean(stderr, indexer->name);
	fputs(" has failed: ", stderr);
	print_clean(stderr, status->message);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

int ctl_control(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
		uint64_t default_timeout)
{
	_cleanup_message_ ProtobufCMessage *answer = NULL;
	int r = ctl_call(ctl, method, request, default_timeout, &answer);

	return r != 0 ? r : ctl_show(ctl, (const Indexerd__V1__Indexer *)answer, NULL);
}

char *ctl_name(const char *id_or_name)
{
	char *name;

	if (startswith(id_or_name, NAME_PREFIX))
		return strdup(id_or_name);
	return asprintf(&name, NAME_PREFIX "%s", id_or_name) < 0 ? NULL : name;
}
