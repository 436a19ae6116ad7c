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

#include "common/util.h"
#include "config.h"
#include "ctl/target.h"
#include "ctl/verb.h"
#include "model/id.h"

static const struct verb *const verbs[] = { &verb_create, &verb_get, &verb_list, &verb_delete,
					    &verb_logs };

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
	{ "address", 0, "TARGET", take_string, offsetof(struct ctl, address), NULL,
	  "gRPC target of the daemon (" DEFAULT_ADDRESS ")" },
	{ "output", 'o', "FORMAT", take_output, offsetof(struct ctl, output), "table or json",
	  "table (default) or json" },
	{ "timeout", 0, "SECONDS", take_span, offsetof(struct ctl, timeout),
	  "a number of seconds above 0, or a span such as 5min",
	  "give up when there is no answer after so long" },
	{ "help", 'h', NULL, take_flag, offsetof(struct ctl, help), NULL, "show this and exit" },
	{ "version", 0, NULL, take_flag, offsetof(struct ctl, version), NULL,
	  "show the version and exit" },
};

int ctl_call(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
	     uint64_t default_timeout, ProtobufCMessage **ret)
{
	_cleanup_status_ struct rpc_status status = { 0 };
	int r = client_call(ctl->client, method, request,
			    ctl->timeout ? ctl->timeout : default_timeout, ret, &status);

	return r < 0 ? r : rpc_status_report(&status, ctl->address);
}

char *ctl_name(const char *id_or_name)
{
	char *name;

	if (startswith(id_or_name, NAME_PREFIX))
		return strdup(id_or_name);
	return asprintf(&name, NAME_PREFIX "%s", id_or_name) < 0 ? NULL : name;
}

static const struct verb *find_verb(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
		if (streq(verbs[i]->name, name))
			return verbs[i];
	return NULL;
}

static int show_help(const struct option_table *common, const struct verb *verb)
{
	if (verb) {
		const struct option_table own = { verb->options, verb->n_options, NULL };

		printf("Usage: indexerctl %s [OPTION]... %s\n\n%s.\n\n", verb->name, verb->operands,
		       verb->summary);
		options_help(&own, stdout);
	} else {
		printf("Usage: indexerctl [OPTION]... VERB [OPTION]... [ID]\n\n"
		       "Creates, shows, follows and deletes the indexers that indexerd runs.\n\n");
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

/* Parses what follows the verb and does it. argv[0] is the verb. */
static int run_verb(struct ctl *ctl, const struct option_table *common, const struct verb *verb,
		    void *config, int argc, char **argv)
{
	const struct option_table tables[] = { { verb->options, verb->n_options, config },
					       *common };
	int first, r;

	argv[0] = program_invocation_short_name; /* getopt_long() begins its messages with it */
	first = options_parse(tables, ELEMENTSOF(tables), false, argc, argv);
	if (first < 0)
		return EXIT_USAGE;
	if (ctl->help)
		return show_help(common, verb);
	if (argc - first != verb->n_operands) {
		warnx("usage: indexerctl %s [OPTION]... %s", verb->name, verb->operands);
		return EXIT_USAGE;
	}

	ctl->address = target_choose(ctl->address);
	r = client_new(ctl->address, &ctl->client);
	if (r >= 0)
		r = verb->run(ctl, config, argv + first);
	ctl->client = client_free(ctl->client);
	return r;
}

static int dispatch(struct ctl *ctl, int argc, char **argv)
{
	const struct option_table common = { common_options, ELEMENTSOF(common_options), ctl };
	const struct verb *verb;
	void *config;
	int first, r;

	first = options_parse(&common, 1, true, argc, argv);
	if (first < 0)
		return EXIT_USAGE;
	if (ctl->version) {
		printf("indexerctl %s\n", PACKAGE_VERSION);
		return EXIT_DONE;
	}
	if (first == argc)
		return ctl->help ? show_help(&common, NULL)
				 : (warnx("a verb is missing; see indexerctl --help"), EXIT_USAGE);
	verb = find_verb(argv[first]);
	if (!verb) {
		warnx("unknown verb '%s'; see indexerctl --help", argv[first]);
		return EXIT_USAGE;
	}
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
