/*
 * What can be said of a definition by looking at the server: its runtime is there, and its project
 * is where an indexer can reach it. Paths are looked at, never opened; indexer-exec looks at them
 * again inside the sandbox, so nothing here is the guard of a secret.
 *
 * Why realpath() and not openat2(RESOLVE_BENEATH): that refuses an absolute link that stays inside.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/stat.h>

#include "common/path.h"
#include "common/util.h"
#include "model/validate.h"
#include "runtime/private.h"
#include "runtime/strv.h"

#define FIELD_RUNTIME "indexer.runtime"
#define FIELD_SOURCE  "indexer.project_source"
#define FIELD_DIR     "indexer.project_dir"
#define FIELD_SCRIPT  "indexer.script"
#define FIELD_PRESET  "indexer.preset"

#define refuse_argument(check, reason, field, ...)                                                 \
	refuse((check)->refusal, CODE_INVALID_ARGUMENT, reason, field, __VA_ARGS__)

void runtime_set_list_names(const struct runtime_set *set, char *buffer, size_t size)
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < set->n; i++) {
		size_t n = strlen(set->runtimes[i]->name);

		if (set->runtimes[i]->broken || used + n + 3 > size)
			continue;
		used += (size_t)sprintf(buffer + used, "%s%s", used ? ", " : "",
					set->runtimes[i]->name);
	}
}

int project_check_runtime(struct project_check *c)
{
	const char *name = c->definition->runtime;
	char names[512];

	runtime_set_list_names(c->set, names, sizeof(names));
	for (size_t i = 0; i < c->set->n; i++) {
		if (!streq(c->set->runtimes[i]->name, name))
			continue;
		if (c->set->runtimes[i]->broken)
			return refuse_argument(c, "RUNTIME_BROKEN", FIELD_RUNTIME,
					       FIELD_RUNTIME ": '%s' has an error in its file; "
							     "indexerd's log says where",
					       name);
		c->runtime = c->set->runtimes[i];
		return 0;
	}
	return refuse_argument(c, "RUNTIME_UNKNOWN", FIELD_RUNTIME,
			       FIELD_RUNTIME ": there is no runtime '%s'; known: %s", name, names);
}

static bool uses_preset(const struct runtime *runtime)
{
	if (template_uses(runtime->exec, TEMPLATE_PRESET) ||
	    (runtime->needs && template_uses(runtime->needs, TEMPLATE_PRESET)))
		return true;
	for (size_t i = 0; i < runtime->n_environment; i++)
		if (template_uses(runtime->environment[i].value, TEMPLATE_PRESET))
			return true;
	return false;
}

/* What would not be used is refused, not passed over. */
static int check_preset(struct project_check *c)
{
	const char *preset = c->definition->preset;

	if (isempty(preset) || uses_preset(c->runtime))
		return 0;
	return refuse_argument(c, "PRESET_UNUSED", FIELD_PRESET,
			       FIELD_PRESET ": '%s' would not be used: runtime '%s' has no presets",
			       preset, c->runtime->name);
}

static bool has_suffix(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && streq(s + n - m, suffix);
}

/* An archive of a kind that is not taken; those that are have been fetched. */
static bool is_archive(const char *source)
{
	static const char *const suffixes[] = { ".tar", ".tar.xz", ".tar.bz2", ".zip" };

	for (size_t i = 0; i < ELEMENTSOF(suffixes); i++)
		if (has_suffix(source, suffixes[i]))
			return true;
	return false;
}

/* The root of a project that was fetched is of no interest to anybody. */
static const char *shown_path(const struct project_check *c, const char *path)
{
	const char *rest = c->checkout ? startswith(path, c->checkout) : NULL;

	return rest && *rest == '/' ? rest + 1 : path;
}

/*
 * Takes the links out of a path, which must lie within the source (where that is known already).
 * `given` is how the client spelled it.
 */
static int resolve_path(struct project_check *c, const char *path, const char *given,
			const char *field, char ret[PATH_MAX])
{
	char resolved[PATH_MAX];
	const char *found = realpath(path, resolved);

	if (!found && errno == ENOMEM)
		return -ENOMEM;
	if (!found)
		return refuse_argument(c, errno == ENOENT ? "PATH_MISSING" : "PATH_UNREADABLE",
				       field, "%s: '%s' (%s): %s", field, given,
				       shown_path(c, path), strerrordesc_np(errno));
	if (c->source[0] && !path_is_within(resolved, c->source))
		return refuse_argument(c, "PATH_OUTSIDE_SOURCE", field,
				       "%s: '%s' leads to '%s', which is outside of " FIELD_SOURCE
				       " '%s'",
				       field, given, resolved, c->definition->project_source);
	memcpy(ret, resolved, sizeof(resolved));
	return c->checkout ? 0 : place_check_visible(c->runtime, ret, field, c->refusal);
}

static bool is_directory(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Everybody may read what was fetched, as soon as it is shown to him. */
static int check_access(struct project_check *c, const char *path, mode_t bits, const char *field)
{
	return c->checkout ? 0 : place_check_access(c->set, path, bits, field, c->refusal);
}

static int check_directory(struct project_check *c, const char *path, const char *given,
			   const char *field)
{
	if (!is_directory(path))
		return refuse_argument(c, "PATH_NOT_A_DIRECTORY", field,
				       "%s: '%s' is not a directory", field, given);
	return check_access(c, path, S_IXOTH, field);
}

static int check_source(struct project_check *c)
{
	const char *source = c->definition->project_source;
	int r;

	if (c->checkout)
		return resolve_path(c, c->checkout, source, FIELD_SOURCE, c->source);

	if (!source[0])
		return refuse_argument(c, "PROJECT_SOURCE_REQUIRED", FIELD_SOURCE,
				       FIELD_SOURCE
				       " is empty; give the absolute path of the project");
	if (source[0] != '/')
		return refuse_argument(c, "PATH_NOT_ABSOLUTE", FIELD_SOURCE,
				       FIELD_SOURCE ": '%s' is not an absolute path", source);
	if (is_archive(source) && !is_directory(source))
		return refuse(
			c->refusal, CODE_UNIMPLEMENTED, "PROJECT_SOURCE_UNSERVED", FIELD_SOURCE,
			FIELD_SOURCE ": '%s': archives are .tar.gz, .tgz and .tar.zst", source);
	/* As it is spelled, too: the daemon does not see what is in its own hidden places. */
	r = place_check_visible(c->runtime, c->variables.source, FIELD_SOURCE, c->refusal);
	if (r == 0)
		r = resolve_path(c, c->variables.source, source, FIELD_SOURCE, c->source);
	return r != 0 ? r : check_directory(c, c->source, source, FIELD_SOURCE);
}

static int check_project(struct project_check *c)
{
	const char *dir = c->definition->project_dir;
	int r;

	if (!dir[0]) {
		memcpy(c->project, c->source, sizeof(c->project));
		return 0;
	}
	r = resolve_path(c, c->variables.project, dir, FIELD_DIR, c->project);
	return r != 0 ? r : check_directory(c, c->project, dir, FIELD_DIR);
}

int project_check_script(struct project_check *c)
{
	bool is_program = template_program_is(c->runtime->exec, TEMPLATE_SCRIPT_PATH);
	const char *script = c->definition->script, *path = c->script;
	struct stat st;
	int r;

	if (c->runtime->script_is_name)
		return 0;
	r = resolve_path(c, c->variables.script_path, script, FIELD_SCRIPT, c->script);
	if (r != 0)
		return r;
	if (stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return refuse_argument(c, "SCRIPT_NOT_A_FILE", FIELD_SCRIPT,
				       FIELD_SCRIPT ": '%s' is not a regular file", script);
	if (is_program && !(st.st_mode & (S_IXUSR | S_IXGRP | S_IXOTH)))
		return refuse_argument(c, "SCRIPT_NOT_EXECUTABLE", FIELD_SCRIPT,
				       FIELD_SCRIPT
				       ": '%s' (%s) is not executable, and runtime '%s' "
				       "runs it as the program: chmod +x it",
				       script, shown_path(c, path), c->runtime->name);
	return check_access(c, path, is_program ? S_IXOTH : S_IROTH, FIELD_SCRIPT);
}

int project_has_needed(const struct project_check *c, char **ret)
{
	struct stat st;
	int r = template_expand_text(c->runtime->needs, &c->variables.values, ret);

	if (r == -E2BIG)
		return 0;
	return r < 0 ? r : stat(*ret, &st) == 0;
}

static int check_needs(struct project_check *c)
{
	_cleanup_free_ char *path = NULL;
	int r = c->runtime->needs ? project_has_needed(c, &path) : 1;

	if (r != 0)
		return MIN(r, 0);
	return refuse_argument(c, "PROJECT_NOT_READY", FIELD_SOURCE,
			       FIELD_SOURCE ": runtime '%s' needs '%s', which is not there%s%s",
			       c->runtime->name,
			       path ? shown_path(c, path) : "a longer path than there can be",
			       c->runtime->needs_hint ? ": " : "",
			       c->runtime->needs_hint ? c->runtime->needs_hint : "");
}

/* A program of the project's own is not looked for: whether it is there may change at any time. */
static int check_program(struct project_check *c)
{
	const struct runtime *runtime = c->runtime;
	_cleanup_(strv_freep) char **argv = NULL;
	_cleanup_free_ char *program = NULL;
	size_t n = 0;
	int r;

	if (!template_program_is_fixed(runtime->exec) && !template_program_is_name(runtime->exec))
		return 0;
	r = template_expand(runtime->exec, &c->variables.values, &argv, &n);
	r = r == 0 ? program_find(argv[0], &program) : r;
	if (r == -ENOENT)
		return program_refuse(runtime, &c->variables.values, argv[0], c->refusal);
	return r == -E2BIG ? 0 : r; /* too long a command is refused with its spec */
}

int project_check_directories(struct project_check *c)
{
	/* Before the others, which take project_dir and script for relative paths. */
	int r = definition_validate_paths(c->definition, c->refusal);

	r = r != 0 ? r : check_source(c);
	return r != 0 ? r : check_project(c);
}

static int run_checks(struct project_check *c)
{
	int r;

	r = project_check_runtime(c);
	r = r != 0 ? r : check_preset(c);
	r = r != 0 ? r : project_check_directories(c);
	r = r != 0 ? r : project_check_script(c);
	r = r != 0 ? r : check_needs(c);
	return r != 0 ? r : check_program(c);
}

int runtime_check_unfetched(const struct runtime_set *set, const struct definition *definition,
			    struct refusal *refusal)
{
	struct project_check check = { .set = set, .definition = definition, .refusal = refusal };
	int r = definition_validate_paths(definition, refusal);

	if (r != 0 || isempty(definition->runtime))
		return r;
	r = variables_make(&check.variables, definition, NULL);
	r = r != 0 ? r : project_check_runtime(&check);
	r = r != 0 ? r : check_preset(&check);
	r = r != 0 ? r : check_program(&check);
	variables_clear(&check.variables);
	return r;
}

int runtime_resolve(const struct runtime_set *set, const struct definition *definition,
		    const char *checkout, const struct runtime **ret, struct refusal *refusal)
{
	struct project_check check = {
		.set = set, .definition = definition, .checkout = checkout, .refusal = refusal
	};
	int r;

	r = variables_make(&check.variables, definition, checkout);
	if (r < 0)
		return r;
	r = run_checks(&check);
	variables_clear(&check.variables);
	if (r == 0)
		*ret = check.runtime;
	return r;
}
