/*
 * indexerctl create: an indexer from options.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <err.h>
#include <errno.h>
#include <limits.h>

#include "common/util.h"
#include "ctl/difference.h"
#include "ctl/output.h"
#include "ctl/value.h"
#include "ctl/verb.h"
#include "indexerd/v1/indexer_runner.pb-c.h"
#include "model/id.h"
#include "model/validate.h"

struct create_config {
	const char *project_source, *project_dir, *script, *runtime, *preset, *spawned_by;
	struct kv_list labels, environment;
	struct string_list args;
	uint64_t memory_max, tasks_max;
	uint32_t cpu_percent;
	Indexerd__V1__Policy policy;
};

static int take_policy(char *value, void *field)
{
	static const struct {
		const char *name;
		Indexerd__V1__Policy policy;
	} policies[] = {
		{ "always", INDEXERD__V1__POLICY__POLICY_ALWAYS },
		{ "on-failure", INDEXERD__V1__POLICY__POLICY_ON_FAILURE },
		{ "never", INDEXERD__V1__POLICY__POLICY_NEVER },
	};

	for (size_t i = 0; i < ELEMENTSOF(policies); i++)
		if (streq(value, policies[i].name)) {
			*(Indexerd__V1__Policy *)field = policies[i].policy;
			return 0;
		}
	return -EINVAL;
}

#define AT(field) offsetof(struct create_config, field)
static const struct option_row create_options[] = {
	{ "project-source", 0, "DIR", take_string, AT(project_source), NULL,
	  "root directory of the project", "indexer.project_source" },
	{ "project-dir", 0, "DIR", take_string, AT(project_dir), NULL,
	  "the project's directory in it", "indexer.project_dir" },
	{ "script", 0, "SCRIPT", take_string, AT(script), NULL,
	  "script in that directory, or a name where the runtime says so", "indexer.script" },
	{ "runtime", 0, "NAME", take_string, AT(runtime), NULL, "apibara, node, exec, ...",
	  "indexer.runtime" },
	{ "preset", 0, "NAME", take_string, AT(preset), NULL, "the project's preset",
	  "indexer.preset" },
	{ "arg", 0, "ARG", take_strings, AT(args), NULL, "one more argument (repeatable)",
	  "indexer.args" },
	{ "env", 0, "KEY=VALUE", take_pair, AT(environment), "KEY=VALUE",
	  "variable of the environment (repeatable)", "indexer.environment" },
	{ "label", 0, "KEY=VALUE", take_pair, AT(labels), "KEY=VALUE", "label (repeatable)",
	  "indexer.labels" },
	{ "memory-max", 0, "BYTES", take_size, AT(memory_max), "a size such as 512M",
	  "limit of memory, e.g. 512M", "indexer.resources.memory_max_bytes" },
	{ "cpu-percent", 0, "N", take_percent, AT(cpu_percent), "a whole number above 0",
	  "limit of processor time; 100 is one processor", "indexer.resources.cpu_percent" },
	{ "tasks-max", 0, "N", take_count, AT(tasks_max), "a whole number above 0",
	  "limit of processes and threads", "indexer.resources.tasks_max" },
	{ "restart", 0, "POLICY", take_policy, AT(policy), "always, on-failure or never",
	  "always (default), on-failure or never", "indexer.restart.policy" },
	{ "spawned-by", 0, "ID", take_string, AT(spawned_by), NULL,
	  "the indexer to be deleted together with", "indexer.spawned_by" },
};
#undef AT

static void clear_create(void *userdata)
{
	struct create_config *config = userdata;

	kv_list_clear(&config->labels);
	kv_list_clear(&config->environment);
	string_list_clear(&config->args);
}

/*
 * The server knows no working directory of ours, so a relative path is made absolute here, and has
 * one spelling whether completion has put a slash behind it or not. What is no path of ours is left
 * to the server.
 */
static char *absolute_path(const char *path)
{
	_cleanup_free_ char *here = NULL;
	char *joined, *resolved;
	size_t n = strlen(path);

	if (path[0] == '\0' || source_is_remote(path))
		return strdup(path);
	if (path[0] == '/') {
		while (n > 1 && path[n - 1] == '/')
			n--;
		return strndup(path, n);
	}
	resolved = realpath(path, NULL);
	if (resolved)
		return resolved;
	here = realpath(".", NULL);
	if (!here)
		return NULL;
	return asprintf(&joined, "%s/%s", streq(here, "/") ? "" : here, path) < 0 ? NULL : joined;
}

/*
 * Makes the entries of a map of strings, of either of the two types. One block: the pointers, and
 * behind them what they point to. The strings are lent by the list.
 */
static void *make_map(const struct kv_list *list, const ProtobufCMessageDescriptor *type)
{
	void **entries = calloc(list->n + 1, sizeof(*entries) + type->sizeof_message);
	char *entry;

	if (!entries)
		return NULL;
	entry = (char *)(entries + list->n + 1);
	for (size_t i = 0; i < list->n; i++, entry += type->sizeof_message) {
		protobuf_c_message_init(type, entry);
		*(char **)(entry + type->fields[0].offset) = list->items[i].key;
		*(char **)(entry + type->fields[1].offset) = list->items[i].value;
		entries[i] = entry;
	}
	return entries;
}

static int show_created(struct ctl *ctl, const Indexerd__V1__Indexer *indexer)
{
	const Indexerd__V1__Indexer__Status *status = indexer->status;
	Indexerd__V1__State state = status ? status->state : INDEXERD__V1__STATE__STATE_UNSPECIFIED;
	int r;

	if (ctl->output == OUTPUT_JSON) {
		r = print_json(&indexer->base);
	} else {
		print_clean(stdout, indexer->name);
		printf(" %s\n", enum_text(&indexerd__v1__state__descriptor, (int)state));
		r = flush_stdout();
	}
	if (r < 0 || state != INDEXERD__V1__STATE__STATE_FAILED)
		return r;
	fprintf(stderr, "%s: ", program_invocation_short_name);
	print_clean(stderr, indexer->name);
	fputs(" exists and has failed: ", stderr);
	print_clean(stderr, status->message);
	fputc('\n', stderr);
	return EXIT_FAILED;
}

/* An id that was taken is no error, but the options are not what it has then: that is told. */
static int tell_difference(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got)
{
	const struct option_table options = { create_options, ELEMENTSOF(create_options), NULL };
	_cleanup_free_ char *differences = NULL;
	int r = difference_options(asked, got, &options, &differences);

	if (r < 0 || isempty(differences))
		return r;
	fprintf(stderr, "%s: ", program_invocation_short_name);
	print_clean(stderr, got->name);
	fprintf(stderr,
		" exists already, and the options were not applied: it has another %s\n"
		"  To change it, delete it and create it again.\n",
		differences);
	return 0;
}

/* Sends the request; what it points to belongs to the caller. */
static int send_create(struct ctl *ctl, const char *id, Indexerd__V1__Indexer *indexer)
{
	_cleanup_message_ ProtobufCMessage *answer = NULL;
	Indexerd__V1__CreateIndexerRequest request = INDEXERD__V1__CREATE_INDEXER_REQUEST__INIT;
	const char *id_of_name = startswith(id, NAME_PREFIX);
	int r;

	request.indexer_id = (char *)(id_of_name ? id_of_name : id);
	request.indexer = indexer;
	r = ctl_call(ctl, "CreateIndexer", &request.base, TIMEOUT_CREATE, &answer);
	if (r == 0)
		r = tell_difference(indexer, (const Indexerd__V1__Indexer *)answer);
	return r != 0 ? r : show_created(ctl, (const Indexerd__V1__Indexer *)answer);
}

static char *or_empty(const char *string)
{
	return (char *)(string ? string : "");
}

static int run_create(struct ctl *ctl, void *userdata, char **operands)
{
	const struct create_config *config = userdata;
	_cleanup_free_ char *source = absolute_path(or_empty(config->project_source));
	_cleanup_free_ char *parent =
		config->spawned_by ? ctl_name(config->spawned_by) : strdup("");
	_cleanup_free_ Indexerd__V1__Indexer__LabelsEntry **labels =
		make_map(&config->labels, &indexerd__v1__indexer__labels_entry__descriptor);
	_cleanup_free_ Indexerd__V1__Indexer__EnvironmentEntry **environment = make_map(
		&config->environment, &indexerd__v1__indexer__environment_entry__descriptor);
	Indexerd__V1__Resources resources = INDEXERD__V1__RESOURCES__INIT;
	Indexerd__V1__Restart restart = INDEXERD__V1__RESTART__INIT;
	Indexerd__V1__Indexer indexer = INDEXERD__V1__INDEXER__INIT;

	if (!source || !parent || !labels || !environment)
		return -ENOMEM;
	resources.memory_max_bytes = config->memory_max;
	resources.cpu_percent = config->cpu_percent;
	resources.tasks_max = config->tasks_max;
	restart.policy = config->policy;
	indexer.project_source = source;
	indexer.project_dir = or_empty(config->project_dir);
	indexer.script = or_empty(config->script);
	indexer.runtime = or_empty(config->runtime);
	indexer.preset = or_empty(config->preset);
	indexer.spawned_by = parent;
	indexer.labels = labels;
	indexer.n_labels = config->labels.n;
	indexer.environment = environment;
	indexer.n_environment = config->environment.n;
	indexer.args = config->args.items;
	indexer.n_args = config->args.n;
	indexer.resources = &resources;
	indexer.restart = &restart;
	return send_create(ctl, operands[0], &indexer);
}

const struct verb verb_create = {
	.name = "create",
	.operands = "ID",
	.summary = "Create an indexer and start it",
	.n_operands = 1,
	.options = create_options,
	.n_options = ELEMENTSOF(create_options),
	.config_size = sizeof(struct create_config),
	.run = run_create,
	.clear = clear_create,
};
