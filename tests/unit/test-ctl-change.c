/*
 * What indexerctl asks for when an indexer is to be changed, and what it tells of the changes that
 * it hears of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "ctl/event.h"
#include "ctl/indexer-options.h"
#include "ctl/outcome.h"
#include "tap.h"

#define WORDS_MAX 12

/* What a command line was parsed into. */
struct parsed {
	struct indexer_options options;
	bool given[UPDATE_OPTIONS];
	int result;
};

/* Parses words, which end with NULL, as those of update. */
static void parse(struct parsed *parsed, const char *const words[WORDS_MAX])
{
	const struct option_table table = { update_option_rows, UPDATE_OPTIONS, &parsed->options,
					    parsed->given };
	char *argv[WORDS_MAX + 1] = { (char *)"update" };
	int argc = 1;

	*parsed = (struct parsed){ 0 };
	for (; words[argc - 1]; argc++)
		argv[argc] = (char *)words[argc - 1];
	parsed->result = options_parse(&table, 1, false, argc, argv);
}

/* The mask in one string: "script,labels.a". Owned by the caller. */
static char *mask_text(struct parsed *parsed)
{
	const struct option_table table = { update_option_rows, UPDATE_OPTIONS, &parsed->options,
					    parsed->given };
	_cleanup_(indexer_mask_clear) struct string_list mask = { 0 };
	char *text = strdup("");

	assert(indexer_mask(&table, &mask) == 0);
	for (size_t i = 0; i < mask.n; i++) {
		_cleanup_free_ char *before = text;

		assert(asprintf(&text, "%s%s%s", before, *before ? "," : "", mask.items[i]) >= 0);
	}
	return text;
}

static void test_masks(void)
{
	static const struct {
		const char *words[WORDS_MAX], *mask;
	} cases[] = {
		{ { "x" }, "" },
		{ { "--script=a" }, "script" },
		{ { "--preset=" }, "preset" },
		{ { "--memory-max=", "--cpu-percent=50" },
		  "resources.memory_max_bytes,resources.cpu_percent" },
		{ { "--tree-memory-max=4G", "--tree-cpu-percent=", "--tree-tasks-max=9" },
		  "tree_resources.memory_max_bytes,tree_resources.cpu_percent,"
		  "tree_resources.tasks_max" },
		{ { "--tasks-max=2", "--tasks-max=", "--restart=never" },
		  "resources.tasks_max,restart.policy" },
		{ { "--initial-backoff=500ms", "--max-backoff=" },
		  "restart.initial_backoff,restart.max_backoff" },
		{ { "--label=a=1", "--unset-label=b", "--env=C=", "--unset-env=D" },
		  "labels.a,labels.b,environment.C,environment.D" },
		{ { "--label=a.b=1", "--label=c*=1", "--unset-label=d`e", "--label=f-_/=." },
		  "labels.`a.b`,labels.`c*`,labels.f-_/,labels.`d`e`" },
		{ { "--label=a=1", "--unset-label=a" }, "labels.a" },
		{ { "--unset-label=a", "--label=a=1" }, "labels.a" },
		{ { "--arg=x", "--arg=y" }, "args" },
		{ { "--unset-args" }, "args" },
		{ { "--unset-args", "--arg=x" }, "args" },
		{ { "--etag=0123" }, "" },
		{ { "--project-source=/srv", "--project-dir=", "--runtime=node" },
		  "project_source,project_dir,runtime" },
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		struct parsed parsed;
		_cleanup_free_ char *mask = NULL;

		parse(&parsed, cases[i].words);
		mask = mask_text(&parsed);
		ok(parsed.result > 0, "%s is understood", cases[i].words[0]);
		is_str(mask, cases[i].mask, "and is about '%s'", cases[i].mask);
		indexer_options_clear(&parsed.options);
	}
}

/* The values that go with the mask. */
static void test_messages(void)
{
	static const char *const words[WORDS_MAX] = {
		"--label=a=1",	 "--unset-label=a", "--label=b=2",	     "--unset-label=c",
		"--unset-env=D", "--env=D=3",	    "--memory-max=1G",	     "--memory-max=",
		"--tasks-max=7", "--etag=abc",	    "--initial-backoff=1.5s"
	};
	struct parsed parsed;
	_cleanup_(indexer_message_clear) struct indexer_message message;

	parse(&parsed, words);
	is_int(indexer_message_init(&message, &parsed.options), 0, "a message is made");
	is_int((long long)message.indexer.n_labels, 1, "a label that is taken out at last is out");
	is_str(message.indexer.labels[0]->key, "b", "the other one is in");
	is_str(message.indexer.environment[0]->value, "3", "a variable that is set at last is in");
	is_int((long long)message.resources.memory_max_bytes, 0, "an empty value at last is none");
	is_int((long long)message.resources.tasks_max, 7, "a limit");
	is_str(message.indexer.etag, "abc", "the etag");
	ok(message.restart.initial_backoff->seconds == 1 &&
		   message.restart.initial_backoff->nanos == 500000000,
	   "a back-off");
	ok(!message.restart.max_backoff, "and one that was not given");
	is_str(message.indexer.script, "", "what was not given is empty");
	indexer_options_clear(&parsed.options);
}

static void test_refusals(void)
{
	static const char *const cases[] = {
		"--unset-label=",  "--unset-label=a=1", "--unset-env=",
		"--label=a",	   "--restart=maybe",	"--memory-max=0",
		"--label=",	   "--spawned-by=x",	"--cpu-percent=-1",
		"--max-backoff=0", "--max-backoff=1x",	"--initial-backoff=-1s",
	};

	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		const char *const words[WORDS_MAX] = { cases[i] };
		struct parsed parsed;

		parse(&parsed, words);
		is_int(parsed.result, -EINVAL, "%s is refused", cases[i]);
		indexer_options_clear(&parsed.options);
	}
}

/* Each verb has its own part of the table. */
static void test_parts(void)
{
	const struct option_table create = { .rows = create_option_rows, .n = CREATE_OPTIONS };
	const struct option_table update = { .rows = update_option_rows, .n = UPDATE_OPTIONS };

	ok(options_find_field(&create, "indexer.spawned_by"), "a new indexer has a parent");
	ok(!options_find_field(&update, "indexer.spawned_by"), "which no update changes");
	ok(options_find_field(&update, "indexer.etag"), "an update has an etag");
	ok(!options_find_field(&create, "indexer.etag"), "which a new indexer has not");
	is_str(options_find_field(&update, "indexer.labels[\"a\"]")->name, "label",
	       "a refused label is told with the option that has set it");
	is_str(create.rows[0].name, update.rows[UPDATE_OPTIONS_OWN].name,
	       "what is common is one and the same");
}

/* An indexer as the server answers. */
struct answer {
	Indexerd__V1__Indexer indexer;
	Indexerd__V1__Indexer__Status status;
	Indexerd__V1__Restart restart;
	Indexerd__V1__Indexer__LabelsEntry label, *labels[1];
};

static void answer_init(struct answer *answer, const char *etag, const char *script,
			const char *label)
{
	*answer = (struct answer){ .indexer = INDEXERD__V1__INDEXER__INIT,
				   .status = INDEXERD__V1__INDEXER__STATUS__INIT,
				   .restart = INDEXERD__V1__RESTART__INIT,
				   .label = INDEXERD__V1__INDEXER__LABELS_ENTRY__INIT };
	answer->label.key = (char *)"team";
	answer->label.value = (char *)label;
	answer->labels[0] = &answer->label;
	answer->restart.policy = INDEXERD__V1__POLICY__POLICY_ALWAYS;
	answer->indexer.restart = &answer->restart;
	answer->indexer.labels = answer->labels;
	answer->indexer.n_labels = 1;
	answer->indexer.etag = (char *)etag;
	answer->indexer.script = (char *)script;
	answer->indexer.status = &answer->status;
}

static void test_outcomes(void)
{
	static const struct {
		const char *etag, *script, *label, *invocation;
		Indexerd__V1__State state;
		int64_t pid;
		const char *want;
	} cases[] = {
#define S(state) INDEXERD__V1__STATE__STATE_##state
		{ "1", "a", "red", "i1", S(RUNNING), 10, "unchanged" },
		{ "1", "a", "red", "i2", S(RUNNING), 11, "unchanged" }, /* systemd restarted it */
		{ "2", "a", "blue", "i1", S(RUNNING), 10, "updated, not restarted" },
		{ "2", "a", "blue", "i2", S(RUNNING), 11, "updated, not restarted" },
		{ "2", "a", "blue", "i1", S(STOPPED), 0, "updated, not restarted" },
		{ "2", "b", "red", "i2", S(RUNNING), 11, "updated, restarted with PID 11" },
		/* What differs is not shown: it is a secret, and those are seen by the process. */
		{ "2", "a", "red", "i2", S(RUNNING), 11, "updated, restarted with PID 11" },
		{ "2", "a", "red", "i1", S(STOPPED), 0, "updated, stays stopped" },
		{ "2", "b", "blue", "i2", S(RUNNING), 11, "updated, restarted with PID 11" },
		{ "2", "b", "red", "i1", S(STOPPED), 0, "updated, stays stopped" },
		{ "2", "b", "red", "i2", S(STOPPED), 0, "updated, restarted" }, /* and has ended */
		{ "2", "b", "red", "i1", S(STOPPING), 10, "updated, being restarted" },
		{ "2", "b", "red", "", S(STARTING), 0, "updated, being restarted" },
		{ "2", "b", "red", "i2", S(FAILED), 0, "updated, restarted" },
		{ "2", "b", "red", "i1", S(FAILED), 0, "updated, restarted" },
		{ "2", "b", "red", "i1", S(RUNNING), 10, "updated, not restarted: no such ref" },
	};
	struct answer before, after;

	answer_init(&before, "1", "a", "red");
	before.status.invocation_id = (char *)"i1";
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_free_ char *outcome = NULL;

		answer_init(&after, cases[i].etag, cases[i].script, cases[i].label);
		after.status.invocation_id = (char *)cases[i].invocation;
		after.status.state = cases[i].state;
		after.status.main_pid = cases[i].pid;
		after.status.message = (char *)"no such \033[31mref";
		is_int(outcome_of_update(&before.indexer, &after.indexer, &outcome), 0,
		       "outcome %zu", i);
		is_str(outcome, cases[i].want, "is %s", cases[i].want);
	}
	after.indexer.status = NULL;
	is_int(outcome_of_update(&before.indexer, &after.indexer, &(char *){ NULL }), -EBADMSG,
	       "an answer without a status is none");
}

/* Limits of a tree change under a process, but for the first and the end of the last one. */
static void test_outcomes_of_trees(void)
{
	static const struct {
		bool had, has;
		const char *invocation;
		Indexerd__V1__State state;
		const char *want;
	} cases[] = {
		{ true, true, "i1", S(RUNNING), "updated, not restarted" },
		{ true, true, "i2", S(RUNNING),
		  "updated, not restarted" }, /* systemd restarted it */
		{ false, true, "i2", S(RUNNING), "updated, restarted with PID 11" },
		{ true, false, "i2", S(RUNNING), "updated, restarted with PID 11" },
		{ true, false, "i1", S(STOPPING), "updated, being restarted" },
		{ false, true, "i1", S(STOPPED), "updated, not restarted" },
		{ false, true, "i1", S(FAILED), "updated, not restarted" },
	};
	Indexerd__V1__Resources one = INDEXERD__V1__RESOURCES__INIT, other = one;

	one.tasks_max = 5;
	other.tasks_max = 6;
	for (size_t i = 0; i < ELEMENTSOF(cases); i++) {
		_cleanup_free_ char *outcome = NULL;
		struct answer before, after;

		answer_init(&before, "1", "a", "red");
		answer_init(&after, "2", "a", "red");
		before.status.invocation_id = (char *)"i1";
		before.indexer.tree_resources = cases[i].had ? &one : NULL;
		after.indexer.tree_resources = cases[i].has ? &other : NULL;
		after.status.invocation_id = (char *)cases[i].invocation;
		after.status.state = cases[i].state;
		after.status.main_pid = cases[i].state == S(RUNNING) ? 11 : 0;
		is_int(outcome_of_update(&before.indexer, &after.indexer, &outcome), 0,
		       "outcome of a tree %zu", i);
		is_str(outcome, cases[i].want, "is %s", cases[i].want);
	}
}

/* The line of an event at the second 1767268800; owned by the caller. */
static char *event_line(const Indexerd__V1__WatchIndexersResponse *event)
{
	Google__Protobuf__Timestamp now = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	assert(file);
	now.seconds = 1767268800;
	event_print(file, event, &now);
	fclose(file);
	return text;
}

#define is_line(event, want, ...)                                                                  \
	({                                                                                         \
		_cleanup_free_ char *line_ = event_line(event);                                    \
		is_str(line_, want, __VA_ARGS__);                                                  \
	})

static void test_events(void)
{
	Indexerd__V1__WatchIndexersResponse event = INDEXERD__V1__WATCH_INDEXERS_RESPONSE__INIT;
	Indexerd__V1__Progress progress = INDEXERD__V1__PROGRESS__INIT;
	struct answer answer;

	answer_init(&answer, "", "", "");
	event.event = INDEXERD__V1__WATCH_EVENT__WATCH_EVENT_SYNCED;
	is_line(&event, "2026-01-01 12:00:00 SYNCED\n", "an event about no indexer");
	event.event = INDEXERD__V1__WATCH_EVENT__WATCH_EVENT_ADDED;
	event.indexer = &answer.indexer;
	answer.indexer.name = (char *)"indexers/hello";
	answer.status.state = INDEXERD__V1__STATE__STATE_RUNNING;
	answer.status.main_pid = 1234;
	is_line(&event, "2026-01-01 12:00:00 ADDED    indexers/hello           RUNNING     1234\n",
		"a new indexer");
	progress.current_block = 12;
	answer.status.progress = &progress;
	is_line(&event,
		"2026-01-01 12:00:00 ADDED    indexers/hello           RUNNING     1234 12\n",
		"its block");
	progress.head_block = UINT64_MAX;
	progress.stalled = true;
	is_line(&event,
		"2026-01-01 12:00:00 ADDED    indexers/hello           RUNNING     1234 "
		"12/18446744073709551615 (stalled)\n",
		"its head, and that it is stalled");
	answer.status.progress = NULL;
	event.event = INDEXERD__V1__WATCH_EVENT__WATCH_EVENT_MODIFIED;
	answer.status.state = INDEXERD__V1__STATE__STATE_BACKING_OFF;
	answer.status.main_pid = 0;
	is_line(&event, "2026-01-01 12:00:00 MODIFIED indexers/hello           BACKING_OFF -\n",
		"one without a process");
	event.event = INDEXERD__V1__WATCH_EVENT__WATCH_EVENT_DELETED;
	answer.indexer.name = (char *)"indexers/\033[31mred";
	answer.indexer.status = NULL;
	is_line(&event, "2026-01-01 12:00:00 DELETED  indexers/red             -           -\n",
		"one that is gone, whose name steers no terminal");
}

int main(void)
{
	setenv("TZ", "UTC", 1);
	test_masks();
	test_messages();
	test_refusals();
	test_parts();
	test_outcomes();
	test_outcomes_of_trees();
	test_events();
	return tap_done();
}
