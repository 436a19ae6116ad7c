/*
 * indexerctl get: one indexer, field by field.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>

#include "common/util.h"
#include "ctl/output.h"
#include "ctl/verb.h"
#include "indexerd/v1/indexer_runner.pb-c.h"

/* One line; left out where the value is empty. */
static void row(const char *title, const char *value)
{
	if (isempty(value))
		return;
	printf("%-13s ", title);
	print_clean(stdout, value);
	putchar('\n');
}

static void rowf(const char *title, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void rowf(const char *title, const char *format, ...)
{
	char value[256];
	va_list ap;

	va_start(ap, format);
	vsnprintf(value, sizeof(value), format, ap);
	va_end(ap);
	row(title, value);
}

static void row_time(const char *title, const Google__Protobuf__Timestamp *time)
{
	char text[TIME_TEXT_MAX];

	format_time(time, text);
	if (time)
		row(title, text);
}

static void show_exit(const Indexerd__V1__Exit *last)
{
	const char *reason = enum_text(&indexerd__v1__reason__descriptor, (int)last->reason);
	char text[TIME_TEXT_MAX];

	format_time(last->time, text);
	if (!isempty(last->signal))
		rowf("Last exit:", "%s, %s, %s", reason, last->signal, text);
	else if (last->reason == INDEXERD__V1__REASON__REASON_START_FAILED && last->code == 0)
		rowf("Last exit:", "%s, %s", reason, text); /* there was no process */
	else
		rowf("Last exit:", "%s, code %" PRId32 ", %s", reason, last->code, text);
}

static void show_progress(const Indexerd__V1__Progress *progress)
{
	char head[32] = "", text[TIME_TEXT_MAX];

	if (progress->head_block)
		(void)snprintf(head, sizeof(head), " of %" PRIu64, progress->head_block);
	rowf("Block:", "%" PRIu64 "%s, from %" PRIu64, progress->current_block, head,
	     progress->starting_block);
	format_time(progress->time, text);
	rowf("Moved:", "%s%s", text, progress->stalled ? ", stalled since" : "");
}

static void show_status(const Indexerd__V1__Indexer__Status *status)
{
	row("State:", enum_text(&indexerd__v1__state__descriptor, (int)status->state));
	row("Message:", status->message);
	row("Unit:", status->unit);
	row("Invocation:", status->invocation_id);
	if (status->main_pid)
		rowf("PID:", "%" PRId64, status->main_pid);
	row_time("Started:", status->start_time);
	rowf("Restarts:", "%" PRId32, status->restart_count);
	if (status->memory_bytes)
		rowf("Memory:", "%" PRIu64 " bytes", status->memory_bytes);
	if (status->cpu_usage)
		rowf("CPU time:", "%" PRId64 ".%03d s", status->cpu_usage->seconds,
		     status->cpu_usage->nanos / 1000000);
	if (status->progress)
		show_progress(status->progress);
	if (status->last_exit)
		show_exit(status->last_exit);
}

static double seconds_of(const Google__Protobuf__Duration *duration)
{
	return duration ? (double)duration->seconds + duration->nanos / 1e9 : 0;
}

static void show_restart(const Indexerd__V1__Restart *restart)
{
	row("Restart:", enum_text(&indexerd__v1__policy__descriptor, (int)restart->policy));
	if (restart->initial_backoff && restart->max_backoff)
		rowf("Back-off:", "%g s to %g s", seconds_of(restart->initial_backoff),
		     seconds_of(restart->max_backoff));
}

/* Values of the environment are often secrets and stay off the screen; -o json has them. */
static void show_definition(const Indexerd__V1__Indexer *indexer)
{
	row("Runtime:", indexer->runtime);
	row("Source:", indexer->project_source);
	row("Directory:", indexer->project_dir);
	row("Script:", indexer->script);
	row("Preset:", indexer->preset);
	for (size_t i = 0; i < indexer->n_args; i++)
		row(i == 0 ? "Arguments:" : "", indexer->args[i]);
	for (size_t i = 0; i < indexer->n_labels; i++)
		rowf(i == 0 ? "Labels:" : "", "%s=%s", indexer->labels[i]->key,
		     indexer->labels[i]->value);
	for (size_t i = 0; i < indexer->n_environment; i++)
		row(i == 0 ? "Environment:" : "", indexer->environment[i]->key);
	if (indexer->restart)
		show_restart(indexer->restart);
	row("Spawned by:", indexer->spawned_by);
}

static void show_limits(const Indexerd__V1__Resources *resources, const char *of)
{
	if (resources->memory_max_bytes)
		rowf("Memory max:", "%" PRIu64 " bytes%s", resources->memory_max_bytes, of);
	if (resources->cpu_percent)
		rowf("CPU max:", "%" PRIu32 "%%%s", resources->cpu_percent, of);
	if (resources->tasks_max)
		rowf("Tasks max:", "%" PRIu64 "%s", resources->tasks_max, of);
}

static int run_get(struct ctl *ctl, void *config __attribute__((unused)), char **operands)
{
	_cleanup_message_ ProtobufCMessage *answer = NULL;
	_cleanup_free_ char *name = ctl_name(operands[0]);
	Indexerd__V1__GetIndexerRequest request = INDEXERD__V1__GET_INDEXER_REQUEST__INIT;
	const Indexerd__V1__Indexer *indexer;
	int r;

	if (!name)
		return -ENOMEM;
	request.name = name;
	r = ctl_call(ctl, "GetIndexer", &request.base, TIMEOUT_READ, &answer);
	if (r != 0)
		return r;
	if (ctl->output == OUTPUT_JSON)
		return print_json(answer);

	indexer = (const Indexerd__V1__Indexer *)answer;
	row("Name:", indexer->name);
	if (indexer->status)
		show_status(indexer->status);
	show_definition(indexer);
	if (indexer->resources)
		show_limits(indexer->resources, "");
	if (indexer->tree_resources)
		show_limits(indexer->tree_resources, " of the tree together");
	row_time("Created:", indexer->create_time);
	row_time("Updated:", indexer->update_time);
	row("UID:", indexer->uid);
	row("ETag:", indexer->etag);
	return flush_stdout();
}

const struct verb verb_get = {
	.name = "get",
	.operands = "ID",
	.summary = "Show an indexer",
	.n_operands = 1,
	.run = run_get,
};
