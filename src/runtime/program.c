/*
 * The program of a runtime's command: where it is, and what to say where it is not.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <glob.h>
#include <unistd.h>

#include "common/util.h"
#include "runtime/private.h"
#include "runtime/strv.h"

const char *const program_directories[] = { "/usr/local/bin", "/usr/bin", NULL };

/* One that cannot be looked at may be there all the same: the start will tell. */
static bool is_missing(const char *path)
{
	return access(path, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR);
}

int program_find(const char *word, char **ret)
{
	char *path;

	if (word[0] == '/') {
		if (is_missing(word))
			return -ENOENT;
		path = strdup(word);
		if (!path)
			return -ENOMEM;
		*ret = path;
		return 0;
	}
	for (const char *const *dir = program_directories; *dir; dir++) {
		path = path_join(*dir, word);
		if (!path)
			return -ENOMEM;
		if (!is_missing(path)) {
			*ret = path;
			return 0;
		}
		free(path);
	}
	return -ENOENT;
}

int program_refuse(const struct runtime *runtime, const struct template_values *values,
		   const char *word, struct refusal *refusal)
{
	_cleanup_free_ char *install = NULL;
	int r = runtime->install ? template_expand_text(runtime->install, values, &install) : 0;

	if (r < 0)
		return r;
	return refuse(refusal, CODE_FAILED_PRECONDITION, "RUNTIME_NOT_INSTALLED", "indexer.runtime",
		      "indexer.runtime: '%s' is not installed on the server: there is no %s%s%s%s",
		      runtime->name, word, word[0] == '/' ? "" : " in /usr/local/bin or /usr/bin",
		      install ? "; install it with: " : "", install ? install : "");
}

/* What stands for a variable where there is no definition: itself, or anything. */
enum stand_in {
	STAND_IN_NAME,
	STAND_IN_ANY,
};

static const struct template_values stand_ins[] = {
	[STAND_IN_NAME] = { .text = {
		[TEMPLATE_PROJECT] = "${PROJECT}",
		[TEMPLATE_SOURCE] = "${SOURCE}",
		[TEMPLATE_DIR] = "${DIR}",
		[TEMPLATE_SCRIPT] = "${SCRIPT}",
		[TEMPLATE_SCRIPT_PATH] = "${SCRIPT_PATH}",
		[TEMPLATE_PRESET] = "${PRESET}",
		[TEMPLATE_ID] = "${ID}",
		[TEMPLATE_NAME] = "${NAME}",
		[TEMPLATE_ENV_KEYS] = "${ENV_KEYS}",
	} },
	[STAND_IN_ANY] = { .text = {
		[TEMPLATE_PROJECT] = "*",
		[TEMPLATE_SOURCE] = "*",
		[TEMPLATE_DIR] = "*",
		[TEMPLATE_SCRIPT] = "*",
		[TEMPLATE_SCRIPT_PATH] = "*",
		[TEMPLATE_PRESET] = "*",
		[TEMPLATE_ID] = "*",
		[TEMPLATE_NAME] = "*",
		[TEMPLATE_ENV_KEYS] = "*",
	} },
};

/* The first word of the command. */
static int expand_program(const struct runtime *runtime, enum stand_in stand_in, char **ret)
{
	_cleanup_(strv_freep) char **argv = NULL;
	char *program;
	size_t n = 0;
	int r = template_expand(runtime->exec, &stand_ins[stand_in], &argv, &n);

	if (r < 0)
		return r;
	program = strdup(argv[0]);
	if (!program)
		return -ENOMEM;
	*ret = program;
	return 0;
}

char *runtime_program(const struct runtime *runtime)
{
	char *program = NULL;

	if (runtime->broken)
		return strdup("");
	return expand_program(runtime, STAND_IN_NAME, &program) < 0 ? NULL : program;
}

char *runtime_install(const struct runtime *runtime)
{
	char *text = NULL;

	if (runtime->broken || !runtime->install)
		return strdup("");
	return template_expand_text(runtime->install, &stand_ins[STAND_IN_NAME], &text) < 0 ? NULL
											    : text;
}

/* Whether there is a program that matches. 1, 0 or -ENOMEM. */
static int program_matches(const char *pattern)
{
	int r = 0;

	for (const char *const *dir = program_directories; *dir && r == 0; dir++) {
		_cleanup_free_ char *path = path_join(*dir, pattern);
		glob_t found = {};

		if (!path)
			return -ENOMEM;
		r = glob(path, GLOB_NOSORT, NULL, &found);
		globfree(&found);
		r = r == 0 ? 1 : r == GLOB_NOSPACE ? -ENOMEM : 0;
	}
	return r;
}

int runtime_is_installed(const struct runtime *runtime)
{
	_cleanup_free_ char *program = NULL, *path = NULL;
	bool is_fixed;
	int r;

	if (runtime->broken)
		return 0;
	is_fixed = template_program_is_fixed(runtime->exec);
	if (!is_fixed && !template_program_is_name(runtime->exec))
		return 1;
	r = expand_program(runtime, STAND_IN_ANY, &program);
	if (r < 0)
		return r;
	if (!is_fixed)
		return program_matches(program);
	r = program_find(program, &path);
	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}
