/*
 * indexerctl: the command line of indexerd. Finds the verb, parses the options, and leaves.
 *
 * One thread of its own. SIGINT and SIGPIPE keep their default action: there is nothing to put
 * back.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <err.h>
#include <errno.h>
#include <locale.h>
#include <signal.h>

#include "common/cleanup.h"
#include "common/util.h"
#include "config.h"
#include "ctl/target.h"
#include "ctl/verb.h"

static const struct verb *const verbs[] = { &verb_create, &verb_get,   &verb_list,    &verb_update,
					    &verb_start,  &verb_stop,  &verb_restart, &verb_delete,
					    &verb_logs,	  &verb_watch, &verb_runtimes };

static int take_output(char *value, void *field)
{
	static const char *const names[] = { [OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json" };

	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (streq(value, names[i])) {
			*(enum output *)field = (enum output)i;
			return 0;
		}
	return -EINVAL;
}

static const struct option_row common_options[] = {
	{ "address", 0, "ADDRESS", take_string, offsetof(struct ctl, address), NULL,
	  "path of the daemon's socket, or its gRPC target (" DEFAULT_ADDRESS ")" },
	{ "output", 'o', "FORMAT", take_output, offsetof(struct ctl, output), "table or json",
	  "table (default) or json" },
	{ "timeout", 0, "SECONDS", take_span, offsetof(struct ctl, timeout),
	  "a number of seconds above 0, or a span such as 5min",
	  "give up when there is no answer after so long" },
	{ "help", 'h', NULL, take_flag, offsetof(struct ctl, help), NULL, "show this and exit" },
	{ "version", 0, NULL, take_flag, offsetof(struct ctl, version), NULL,
	  "show the version and exit" },
};

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		if (streq(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

/* "get [OPTION]... ID", or what stands for all verbs where there is none. */
static void print_synopsis(FILE *file, const struct verb *verb)
{
	if (verb)
		fprintf(file, "Usage: indexerctl %s [OPTION]...%s%s\n", verb->name,
			isempty(verb->operands) ? "" : " ", verb->operands);
	else
		fputs("Usage: indexerctl [OPTION]... VERB [OPTION]... [ID]...\n", file);
}

/* Behind what has been said of a wrong command line: how a right one looks. Returns the exit code.
 */
static int end_usage(const struct verb *verb)
{
	print_synopsis(stderr, verb);
	fprintf(stderr, "'indexerctl %s%s--help' shows more.\n", verb ? verb->name : "",
		verb ? " " : "");
	return EXIT_USAGE;
}

static int show_help(const struct option_table *common, const struct verb *verb)
{
	print_synopsis(stdout, verb);
	if (verb) {
		const struct option_table own = { .rows = verb->options, .n = verb->n_options };

		printf("\n%s.\n\n", verb->summary);
		options_help(&own, stdout);
	} else {
		printf("\nCreates, shows, changes, follows and deletes the indexers that "
		       "indexerd runs.\n\n");
		for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
			printf("  %-8s %-22s %s\n", verbs[i]->name, verbs[i]->operands,
			       verbs[i]->summary);
		putchar('\n');
	}
	options_help(common, stdout);
	if (!verb)
		printf("\nSee indexerctl(1); 'indexerctl VERB --help' shows a verb's options.\n");
	return EXIT_DONE;
}

/* Says which word is missing, or is one too many. */
static int check_operands(const struct verb *verb, int n, char **words)
{
	const char *program = program_invocation_short_name;

	if (n == verb->n_operands || (verb->several && n > verb->n_operands))
		return EXIT_DONE;
	if (n < verb->n_operands)
		fprintf(stderr, "%s %s: ID is missing\n", program, verb->name);
	else
		fprintf(stderr, "%s %s: '%s' is one argument too many\n", program, verb->name,
			words[verb->n_operands]);
	return end_usage(verb);
}

static int do_verb(struct ctl *ctl, void *config, char **operands)
{
	_cleanup_free_ char *address = NULL;
	int r;

	if (ctl->verb->local)
		return ctl->verb->run(ctl, config, operands);
	r = target_choose(ctl->address, &address);
	if (r == -EINVAL)
		return EXIT_USAGE; /* target_choose() has said why */
	if (r < 0)
		return r;
	ctl->address = address;
	r = client_new(address, &ctl->client);
	if (r >= 0)
		r = ctl->verb->run(ctl, config, operands);
	ctl->client = client_free(ctl->client);
	ctl->address = NULL;
	return r;
}

/* Parses what follows the verb and does it. argv[0] is the verb. */
static int run_verb(struct ctl *ctl, const struct option_table *common, const struct verb *verb,
		    void *config, int argc, char **argv)
{
	const struct option_table tables[] = {
		{ verb->options, verb->n_options, config, ctl->given }, *common
	};
	int first, r;

	argv[0] = program_invocation_short_name; /* getopt_long() begins its messages with it */
	first = options_parse(tables, ELEMENTSOF(tables), false, argc, argv);
	if (first < 0)
		return end_usage(verb);
	if (ctl->help)
		return show_help(common, verb);
	r = check_operands(verb, argc - first, argv + first);
	ctl->verb = verb;
	return r != EXIT_DONE ? r : do_verb(ctl, config, argv + first);
}

static int refuse_verb(const char *name)
{
	if (name)
		warnx("there is no verb '%s'", name);
	else
		warnx("VERB is missing");
	fputs("  It is one of:", stderr);
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		fprintf(stderr, " %s", verbs[i]->name);
	fputc('\n', stderr);
	return end_usage(NULL);
}

static int dispatch(struct ctl *ctl, int argc, char **argv)
{
	const struct option_table common = { common_options, ELEMENTSOF(common_options), ctl };
	const struct verb *verb;
	void *config;
	int first, r;

	first = options_parse(&common, 1, true, argc, argv);
	if (first < 0)
		return end_usage(NULL);
	if (ctl->version) {
		printf("indexerctl %s\n", PACKAGE_VERSION);
		return EXIT_DONE;
	}
	if (first == argc)
		return ctl->help ? show_help(&common, NULL) : refuse_verb(NULL);
	verb = find_verb(argv[first]);
	if (!verb)
		return refuse_verb(argv[first]);
	config = calloc(1, MAX(verb->config_size, (size_t)1));
	if (!config)
		return -ENOMEM;
	r = run_verb(ctl, &common, verb, config, argc - first, argv + first);
	if (verb->clear)
		verb->clear(config);
	free(config);
	return r;
}

int main(int argc, char **argv)
{
	struct ctl ctl = { 0 };
	int r;

	setlocale(LC_CTYPE, "");
	signal(SIGPIPE, SIG_DFL); /* whoever started us may have it ignored */
	r = dispatch(&ctl, argc, argv);
	if (r == -EPIPE)
		return EXIT_USAGE; /* the reader has gone: there is nobody to tell */
	if (r < 0) {
		warnx("%s", r == -EBADMSG ? "the server's answer cannot be read" : strerror(-r));
		return EXIT_USAGE;
	}
	return r;
}
