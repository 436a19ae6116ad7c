/*
 * Where an indexer's project comes from: what has to be fetched and built before its start, step by
 * step, and the runtime that is chosen by what was fetched.
 *
 * No step is remembered but by what it has brought: the commit, which the registry has as soon as
 * it is known, and the checkouts that are there. So whoever comes back begins where that ends.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "manager/source.h"

#include <errno.h>
#include <sys/stat.h>

#include "common/log.h"
#include "model/update.h"
#include "model/validate.h"

#define FIELD "indexer.project_source"

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int source_of(const struct definition *definition, struct source *ret, struct refusal *refusal)
{
	char problem[SOURCE_PROBLEM_MAX];
	const char *text = definition->project_source;
	int r = 0;

	if (strlen(text) > PATH_SIZE_MAX) /* refused by its size, where paths are checked */
		*ret = (struct source){ .kind = SOURCE_DIRECTORY };
	else
		r = source_parse(text, ret, problem);
	if (r == -EINVAL && !strpbrk(text, ":@")) /* a path, which is refused as one */
		*ret = (struct source){ .kind = SOURCE_DIRECTORY };
	else if (r == -EINVAL)
		return refuse(refusal, CODE_INVALID_ARGUMENT, "PROJECT_SOURCE_INVALID", FIELD,
			      FIELD ": %s", problem);
	else if (r < 0)
		return r;
	if (ret->kind == SOURCE_ARCHIVE && is_directory(ret->path))
		ret->kind = SOURCE_DIRECTORY;
	return 0;
}

bool source_is_fetched(const struct source *source)
{
	return source->kind == SOURCE_GIT || source->kind == SOURCE_ARCHIVE;
}

int source_check(const struct manager *manager, const struct entry *own,
		 const struct definition *definition, bool *ret_fetched, struct refusal *refusal)
{
	_cleanup_source_ struct source source = {};
	int r = source_of(definition, &source, refusal);

	r = r != 0 ? r : secrets_check_source(manager, &source, refusal);
	r = r != 0 || !own ? r : secrets_check_own_source(own, &source, refusal);
	if (r == 0)
		*ret_fetched = source_is_fetched(&source);
	return r;
}

/* Takes over a definition that differs in what was found out alone. */
static int replace(struct entry *entry, struct definition *next)
{
	int r = registry_update(entry->manager->registry, next, entry->row.run, NULL, 0);

	if (r < 0)
		return r;
	definition_unref(entry->row.definition);
	entry->row.definition = definition_ref(next);
	return 0;
}

int source_pin(struct entry *entry, const char *commit)
{
	_cleanup_(definition_unrefp) struct definition *next = NULL;
	int r;

	if (streq(entry->row.definition->checkout.commit, commit))
		return 0;
	r = definition_copy(entry->row.definition, &next);
	if (r < 0)
		return r;
	(void)snprintf(next->checkout.commit, sizeof(next->checkout.commit), "%s", commit);
	log_info("%s: its project is of commit %s", next->id, commit);
	return replace(entry, next);
}

/* The key of a project when it is built. */
static int built_key(const struct source *source, const struct definition *definition,
		     const struct build *build, char ret[SOURCE_KEY_MAX])
{
	_cleanup_free_ const char **words = NULL;
	struct source_build built = { .dir = definition->project_dir };
	size_t n = 0;

	for (size_t i = 0; i < build->n; i++)
		for (char **word = build->commands[i]; n++, *word; word++)
			;
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < build->n; i++) {
		for (char **word = build->commands[i]; *word; word++)
			words[built.n_words++] = *word;
		built.n_words++; /* the NULL */
	}
	built.words = words;
	return source_key(source, definition->checkout.commit, &built, ret);
}

/* What a client can see has changed: its etag does, too. */
static void count_change(const struct definition *before, struct definition *next)
{
	if (streq(before->runtime, next->runtime) && streq(before->preset, next->preset))
		return;
	next->generation++;
	next->update_time = now_usec(CLOCK_REALTIME);
}

/* All is there: chooses what was left open by it, and makes the spec. */
static int settle(struct entry *entry, struct definition *next, const char *key,
		  struct refusal *refusal)
{
	const struct manager *manager = entry->manager;
	_cleanup_(spec_clear) struct spec spec = {};
	int r;

	(void)snprintf(next->checkout.key, sizeof(next->checkout.key), "%s", key);
	r = make_ready(manager, next, &spec, refusal);
	if (r != 0)
		return r;
	count_change(entry->row.definition, next);
	r = replace(entry, next);
	if (r < 0)
		return r;
	spec_clear(&entry->spec);
	entry->spec = spec;
	spec = (struct spec){};
	return 0;
}

/* The project is there as it was fetched; what is next, the build or the start? */
static int build_or_settle(struct entry *entry, const struct source *source, const char *plain,
			   bool *ready, struct refusal *refusal)
{
	const struct manager *manager = entry->manager;
	_cleanup_(definition_unrefp) struct definition *next = NULL;
	_cleanup_free_ char *tree = checkout_tree(manager, plain);
	_cleanup_(build_clear) struct build build = {};
	char key[SOURCE_KEY_MAX];
	int r = tree ? definition_copy(entry->row.definition, &next) : -ENOMEM;

	r = r != 0 ? r : runtime_choose(manager->runtimes, next, tree, refusal);
	r = r != 0 ? r
		   : runtime_make_build(manager->runtimes, next, tree, PROJECT_TREE, &build,
					refusal);
	(void)snprintf(key, sizeof(key), "%s", plain);
	if (r == 0 && build.n > 0)
		r = built_key(source, next, &build, key);
	if (r == 0 && !checkout_is_there(manager, key)) {
		const struct fetch_want want = { .source = source,
						 .commit = next->checkout.commit,
						 .key = key,
						 .plain = plain,
						 .build = &build };

		return fetch_begin(entry, &want);
	}
	r = r != 0 ? r : settle(entry, next, key, refusal);
	*ready = r == 0;
	return r;
}

int source_prepare(struct entry *entry, bool *ready, struct refusal *refusal)
{
	const struct manager *manager = entry->manager;
	const struct definition *definition = entry->row.definition;
	const char *commit = definition->checkout.commit;
	_cleanup_source_ struct source source = {};
	char plain[SOURCE_KEY_MAX] = "";
	struct fetch_want want = { .source = &source, .commit = commit, .key = plain };
	int r = source_of(definition, &source, refusal);

	*ready = r == 0 && (!source_is_fetched(&source) ||
			    checkout_is_there(manager, definition->checkout.key));
	if (r != 0 || *ready)
		return r;
	if (*commit)
		r = source_key(&source, commit, NULL, plain);
	if (r != 0)
		return r;
	if (!*plain || !checkout_is_there(manager, plain))
		return fetch_begin(entry, &want);
	return build_or_settle(entry, &source, plain, ready, refusal);
}

int source_checkout(const struct manager *manager, const struct definition *definition, char **ret)
{
	char *tree = NULL;

	if (*definition->checkout.key && !(tree = checkout_tree(manager, definition->checkout.key)))
		return -ENOMEM;
	*ret = tree;
	return 0;
}

static bool has_process_of_before(const struct entry *entry)
{
	return entry_presence(entry) == UNIT_LIVE && !entry_is_current(entry) &&
	       entry->operation == OPERATION_NONE && !entry->row.halted &&
	       entry->row.run != entry->row.started_run;
}

void entry_prepare_failed(struct entry *entry, const char *words)
{
	log_warning("%s: %s", entry->row.definition->id, words);
	if (has_process_of_before(entry)) {
		char *text;

		if (asprintf(&text, "%s; the process of before the change goes on", words) < 0)
			text = NULL;
		free(entry->kept_words);
		entry->kept_words = text;
		entry->kept_for = entry->row.run;
	} else {
		entry_note_start_failed(entry, words);
	}
	entry_refresh(entry);
	entry_queue(entry);
}

void source_follow_update(const struct definition *base, struct definition *next, bool renew)
{
	struct checkout *checkout = &next->checkout;

	if (renew || !streq(base->project_source, next->project_source))
		*checkout = (struct checkout){};
	/* How it is built may hang on these. */
	else if (!streq(base->project_dir, next->project_dir) ||
		 !streq(base->runtime, next->runtime))
		checkout->key[0] = '\0';
}
