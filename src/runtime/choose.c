/*
 * Which runtime is for a project, where the client names none: what its files' Detects= say. And
 * the preset that a script says itself, where its runtime's file has a Preset=.
 *
 * Of the script's text only what all users may read is read, and the client is told nothing of it
 * but the preset.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <sys/stat.h>

#include "common/path.h"
#include "common/util.h"
#include "runtime/private.h"

/* So much of a script is looked at; what a bundler has made of it may be long. */
#define TEXT_MAX (256 * 1024)

struct choice {
	struct project_check project;
	struct stat script; /* st_mode is 0 where it is no file within the source */
	bool asked_for_text;
	bool unreadable; /* the text was wanted, and cannot be had */
	char *text;
	size_t text_size;
};

static void choice_clear(struct choice *c)
{
	variables_clear(&c->project.variables);
	free(c->text);
}

/* The script as a file, where it is one: a word that is none may be a name. */
static int look_at_script(struct choice *c)
{
	struct project_check *project = &c->project;

	if (!realpath(project->variables.script_path, project->script)) {
		if (errno == ENOMEM)
			return -ENOMEM;
		project->script[0] = '\0';
		return 0;
	}
	if (!path_is_within(project->script, project->source) ||
	    stat(project->script, &c->script) < 0 || !S_ISREG(c->script.st_mode))
		c->script = (struct stat){};
	return 0;
}

static int read_whole(int fd, struct choice *c)
{
	ssize_t n;

	c->text = malloc(TEXT_MAX);
	if (!c->text)
		return -ENOMEM;
	while (c->text_size < TEXT_MAX &&
	       (n = pread(fd, c->text + c->text_size, TEXT_MAX - c->text_size,
			  (off_t)c->text_size)) > 0)
		c->text_size += (size_t)n;
	return 0;
}

/* Reads the script's text, once. 0 or -ENOMEM. */
static int read_text(struct choice *c)
{
	_cleanup_close_ int fd = -1;
	struct stat st;

	if (c->asked_for_text)
		return 0;
	c->asked_for_text = true;
	fd = open(c->project.script, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	c->unreadable =
		fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & S_IROTH);
	return c->unreadable ? 0 : read_whole(fd, c);
}

/* 1 where it holds, 0 where it does not, or -ENOMEM. */
static int condition_holds(struct choice *c, const struct condition *condition)
{
	const char *name = c->project.definition->script;
	_cleanup_free_ char *path = NULL;
	const char *slash;
	int r;

	switch (condition->kind) {
	case CONDITION_SCRIPT:
		slash = strrchr(name, '/');
		return fnmatch(condition->text, slash ? slash + 1 : name, 0) == 0;
	case CONDITION_FILE:
		path = path_join(c->project.project, condition->text);
		return path ? access(path, F_OK) == 0 : -ENOMEM;
	case CONDITION_EXECUTABLE:
		return (c->script.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)) != 0;
	case CONDITION_TEXT:
		r = read_text(c);
		return r < 0 || !c->text ? r
					 : memmem(c->text, c->text_size, condition->text,
						  strlen(condition->text)) != NULL;
	}
	return 0;
}

static int detect_holds(struct choice *c, const struct detect *detect)
{
	int r = 1;

	for (size_t i = 0; i < detect->n && r > 0; i++)
		r = condition_holds(c, &detect->conditions[i]);
	return r;
}

/* A script that is a file is for the runtimes that take one, and every other word for the rest. */
static int runtime_is_for(struct choice *c, const struct runtime *runtime)
{
	int r = 0;

	if (runtime->broken || runtime->script_is_name != (c->script.st_mode == 0))
		return 0;
	for (size_t i = 0; i < runtime->n_detects && r == 0; i++)
		r = detect_holds(c, &runtime->detects[i]);
	return r;
}

#define refuse_choice(c, reason, field, ...)                                                       \
	refuse((c)->project.refusal, CODE_INVALID_ARGUMENT, reason, field, __VA_ARGS__)

/* "node (script:*.js, script:*.mjs), python (script:*.py)", as far as there is room. */
static void list_detects(const struct runtime_set *set, char *buffer, size_t size)
{
	FILE *f = fmemopen(buffer, size, "w");
	const char *between = "";

	buffer[0] = '\0';
	if (!f)
		return;
	for (size_t i = 0; i < set->n; i++) {
		const struct runtime *runtime = set->runtimes[i];

		if (runtime->broken || runtime->n_detects == 0)
			continue;
		fprintf(f, "%s%s (", between, runtime->name);
		for (size_t k = 0; k < runtime->n_detects; k++)
			fprintf(f, "%s%s", k > 0 ? ", " : "", runtime->detects[k].words);
		fputc(')', f);
		between = "; ";
	}
	fclose(f);
}

static int refuse_none(struct choice *c)
{
	const struct definition *definition = c->project.definition;
	const char *what = c->script.st_mode == 0 ? "no file of the project"
			   : c->script.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)
				   ? "an executable file"
				   : "a file that is not executable";
	char names[256], detects[REFUSAL_MESSAGE_MAX];

	runtime_set_list_names(c->project.set, names, sizeof(names));
	list_detects(c->project.set, detects, sizeof(detects));
	return refuse_choice(c, "RUNTIME_REQUIRED", "indexer.runtime",
			     "indexer.runtime is empty; name one of: %s. None could be chosen: "
			     "'%.100s' is %s, and what was looked for is: %s",
			     names, definition->script, what, detects);
}

/* Without a project there is nothing to choose by. */
static int refuse_nothing(struct choice *c)
{
	char names[512];

	runtime_set_list_names(c->project.set, names, sizeof(names));
	return refuse_choice(
		c, "RUNTIME_REQUIRED", "indexer.runtime",
		"indexer.runtime is empty, and so is indexer.%s, by which one would be "
		"chosen; name one of: %s",
		isempty(c->project.definition->script) ? "script" : "project_source", names);
}

static int refuse_several(struct choice *c, const struct runtime *a, const struct runtime *b)
{
	return refuse_choice(c, "RUNTIME_AMBIGUOUS", "indexer.runtime",
			     "indexer.runtime is empty, and both '%s' and '%s' are for '%.256s': "
			     "name one of them, or give one a higher DetectsPriority= in its file",
			     a->name, b->name, c->project.definition->script);
}

static int refuse_unreadable(struct choice *c, const char *reason, const char *field)
{
	return refuse_choice(c, reason, field,
			     "%s is empty, and is not to be found in the text of '%.256s', which "
			     "not all users may read: name it, or chmod o+r the script",
			     field, c->project.definition->script);
}

/* The runtime of the highest priority among those that are for the project. */
static int find_runtime(struct choice *c, const struct runtime **ret)
{
	const struct runtime_set *set = c->project.set;
	const struct runtime *best = NULL, *rival = NULL;

	for (size_t i = 0; i < set->n; i++) {
		const struct runtime *runtime = set->runtimes[i];
		int r = runtime_is_for(c, runtime);

		if (r < 0)
			return r;
		if (r == 0 || (best && runtime->detects_priority < best->detects_priority))
			continue;
		rival = best && runtime->detects_priority == best->detects_priority ? best : NULL;
		best = runtime;
	}
	/* What the text would have said may be the better choice. */
	if (c->unreadable)
		return refuse_unreadable(c, "RUNTIME_REQUIRED", "indexer.runtime");
	if (!best)
		return refuse_none(c);
	if (rival)
		return refuse_several(c, rival, best);
	*ret = best;
	return 0;
}

static int choose_runtime(struct choice *c, struct definition *definition)
{
	const struct runtime *runtime = NULL;
	int r;

	if (isempty(definition->script) || isempty(definition->project_source))
		return refuse_nothing(c);
	r = project_check_directories(&c->project);
	r = r != 0 ? r : look_at_script(c);
	r = r != 0 ? r : find_runtime(c, &runtime);
	r = r != 0 ? r : string_set(&definition->runtime, runtime->name);
	if (r == 0)
		c->project.runtime = runtime;
	return r;
}

static int refuse_preset(struct choice *c, char *const found[2])
{
	const struct runtime *runtime = c->project.runtime;
	const char *script = c->project.definition->script;

	if (c->unreadable)
		return refuse_unreadable(c, "PRESET_REQUIRED", "indexer.preset");
	if (found[0])
		return refuse_choice(c, "PRESET_AMBIGUOUS", "indexer.preset",
				     "indexer.preset is empty, and '%.256s' says both '%s' and "
				     "'%s': name one",
				     script, found[0], found[1]);
	return refuse_choice(c, "PRESET_REQUIRED", "indexer.preset",
			     "indexer.preset is empty, runtime '%s' needs one, and '%.256s' does "
			     "not say it: looked for %s",
			     runtime->name, script, runtime->presets[0]);
}

static int choose_preset(struct choice *c, struct definition *definition)
{
	const struct runtime *runtime = c->project.runtime;
	char *found[2] = {};
	int r = project_check_directories(&c->project);

	r = r != 0 ? r : project_check_script(&c->project);
	r = r != 0 ? r : read_text(c);
	if (r != 0)
		return r;
	r = preset_find(runtime->presets, runtime->n_presets, c->text ? c->text : "", c->text_size,
			found);
	if (r >= 0)
		r = r == PRESET_ONE ? string_set(&definition->preset, found[0])
				    : refuse_preset(c, found);
	free(found[0]);
	free(found[1]);
	return r;
}

int runtime_choose(const struct runtime_set *set, struct definition *definition,
		   const char *checkout, struct refusal *refusal)
{
	_cleanup_(choice_clear) struct choice c = {
		.project = { .set = set,
			     .definition = definition,
			     .checkout = checkout,
			     .refusal = refusal },
	};
	int r = variables_make(&c.project.variables, definition, checkout);

	if (r < 0)
		return r;
	if (isempty(definition->runtime))
		r = choose_runtime(&c, definition);
	else
		c.project.runtime = runtime_set_find(set, definition->runtime);
	/* One that is not known is refused when it is resolved. */
	if (r == 0 && c.project.runtime && c.project.runtime->n_presets > 0 &&
	    isempty(definition->preset))
		r = choose_preset(&c, definition);
	return r;
}
