/*
 * indexerctl runtimes: how indexers can be run here, and what is wrong with a runtime's file. It
 * reads the files itself, with the daemon's own parser, and needs no daemon.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/log.h"
#include "common/util.h"
#include "ctl/json.h"
#include "ctl/output.h"
#include "ctl/verb.h"
#include "runtime/runtime.h"

static const char *const directories[] = { SYSCONFDIR "/indexerd/runtimes", RUNTIMESDIR, NULL };

/* A file may hold any bytes, JSON may not: where there are others, it is told in ASCII. */
static json_t *json_text(const char *text)
{
	_cleanup_free_ char *ascii = NULL;
	json_t *json = json_string(text);

	if (json || !(ascii = strdup(text)))
		return json;
	for (char *c = ascii; *c; c++)
		if ((unsigned char)*c >= 0x80)
			*c = '?';
	return json_string(ascii);
}

/* --- the list --------------------------------------------------------------------------------- */

/* What is told of a runtime; owns its texts. */
struct about {
	const struct runtime *runtime;
	char *program, *install;
	bool broken, installed;
};

static void about_clear(struct about *about)
{
	free(about->program);
	free(about->install);
}

static int about_fill(struct about *about, const struct runtime *runtime)
{
	int installed = runtime_is_installed(runtime);

	if (installed < 0)
		return installed;
	about->runtime = runtime;
	about->broken = runtime_is_broken(runtime);
	about->installed = installed > 0;
	about->program = runtime_program(runtime);
	about->install = runtime_install(runtime);
	return about->program && about->install ? 0 : -ENOMEM;
}

static int print_json_list(const struct runtime_set *set)
{
	_cleanup_(json_decrefp) json_t *array = json_array(), *document = NULL;

	for (size_t i = 0; i < runtime_set_size(set); i++) {
		_cleanup_(about_clear) struct about about = { 0 };
		int r = about_fill(&about, runtime_set_at(set, i));
		json_t *json;

		if (r < 0)
			return r;
		json = json_pack("{s:s, s:o, s:o, s:o, s:b, s:o, s:b}", "name",
				 runtime_name(about.runtime), "description",
				 json_text(runtime_description(about.runtime)), "file",
				 json_text(runtime_path(about.runtime)), "program",
				 json_text(about.program), "installed", about.installed, "install",
				 json_text(about.install), "broken", about.broken);
		if (json_array_append_new(array, json) < 0)
			return -ENOMEM;
	}
	document = json_pack("{s:O}", "runtimes", array);
	if (!document)
		return -ENOMEM;
	json_dumpf(document, stdout, JSON_INDENT(2));
	putchar('\n');
	return flush_stdout();
}

static int add_row(struct table *table, const struct about *about)
{
	int r = table_addf(table, "%s", runtime_name(about->runtime));

	if (r == 0)
		r = table_addf(table, "%s",
			       about->broken	  ? "broken"
			       : about->installed ? "yes"
						  : "no");
	if (r == 0)
		r = table_addf(table, "%s",
			       about->broken ? "-" : runtime_description(about->runtime));
	return r == 0 ? table_addf(table, "%s", runtime_path(about->runtime)) : r;
}

/* What to do about one that cannot be used, in a line below the table. */
static void print_advice(const struct about *about)
{
	if (about->broken)
		printf("%s: indexerctl runtimes check %s\n", runtime_name(about->runtime),
		       runtime_path(about->runtime));
	if (about->broken || about->installed)
		return;
	printf("%s: there is no ", runtime_name(about->runtime));
	print_clean(stdout, about->program);
	if (!isempty(about->install)) {
		fputs("; install it with: ", stdout);
		print_clean(stdout, about->install);
	}
	putchar('\n');
}

static int print_list(const struct runtime_set *set)
{
	static const char *const titles[] = { "NAME", "INSTALLED", "DESCRIPTION", "FILE" };
	_cleanup_(table_freep) struct table *table = NULL;
	int r = table_new(titles, ELEMENTSOF(titles), &table);

	for (size_t i = 0; i < runtime_set_size(set) && r == 0; i++) {
		_cleanup_(about_clear) struct about about = { 0 };

		r = about_fill(&about, runtime_set_at(set, i));
		r = r == 0 ? add_row(table, &about) : r;
	}
	if (r < 0)
		return r;
	table_print(table, stdout);
	for (size_t i = 0; i < runtime_set_size(set) && r == 0; i++) {
		_cleanup_(about_clear) struct about about = { 0 };

		r = about_fill(&about, runtime_set_at(set, i));
		if (r == 0)
			print_advice(&about);
	}
	return r < 0 ? r : flush_stdout();
}

static int list(const struct ctl *ctl)
{
	_cleanup_(runtime_set_freep) struct runtime_set *set = NULL;
	int r;

	log_set_max_priority(-1); /* the list says which files are broken */
	r = runtime_set_load(directories, &set);
	if (r < 0)
		return r;
	return ctl->output == OUTPUT_JSON ? print_json_list(set) : print_list(set);
}

/* --- checks ----------------------------------------------------------------------------------- */

struct errors {
	const char *file;
	json_t *array; /* NULL where they are printed as they come */
	bool no_memory;
};

static void tell_error(const struct complaint *complaint, void *userdata)
{
	struct errors *errors = userdata;
	char line[PATH_MAX + sizeof(*complaint) + 32];

	if (errors->array) {
		json_t *json =
			json_pack("{s:o, s:i, s:i, s:o}", "file", json_text(errors->file), "line",
				  (int)complaint->line, "column", (int)complaint->column, "message",
				  json_text(complaint->text));

		errors->no_memory |= !json || json_array_append_new(errors->array, json) < 0;
		return;
	}
	complaint_format(complaint, errors->file, line, sizeof(line));
	print_clean(stdout, line);
	putchar('\n');
}

static int check(const struct ctl *ctl, char **files)
{
	struct errors errors = { .array = ctl->output == OUTPUT_JSON ? json_array() : NULL };
	_cleanup_(json_decrefp) json_t *document = NULL;
	const struct complaint_sink sink = { tell_error, &errors };
	int result = EXIT_DONE, r;

	for (; *files; files++) {
		errors.file = *files;
		r = runtime_check_file(*files, &sink);
		if (r != 0)
			result = r < 0 ? r : EXIT_USAGE;
	}
	if (errors.array) {
		document = json_pack("{s:o}", "errors", errors.array);
		if (!document || errors.no_memory)
			return -ENOMEM;
		json_dumpf(document, stdout, JSON_INDENT(2));
		putchar('\n');
	}
	r = flush_stdout();
	return r < 0 ? r : result;
}

static int run_runtimes(struct ctl *ctl, void *config __attribute__((unused)), char **operands)
{
	if (!operands[0])
		return list(ctl);
	if (streq(operands[0], "check") && operands[1])
		return check(ctl, operands + 1);
	if (streq(operands[0], "check"))
		fprintf(stderr, "%s runtimes: FILE is missing\n", program_invocation_short_name);
	else
		fprintf(stderr, "%s runtimes: '%s' is not 'check FILE...'\n",
			program_invocation_short_name, operands[0]);
	return EXIT_USAGE;
}

const struct verb verb_runtimes = {
	.name = "runtimes",
	.operands = "[check FILE...]",
	.summary = "List the runtimes, or check files of some",
	.several = true,
	.local = true,
	.run = run_runtimes,
};
