/*
 * The environment of an indexer's process; see environment.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/util.h"
#include "exec/credential.h"
#include "exec/environment.h"
#include "model/environment.h"

/* stdout is no longer the journal, and who reports to systemd is the helper. */
static const char *const removed[] = {
	"JOURNAL_STREAM",
	"NOTIFY_SOCKET",
	"WATCHDOG_PID",
	"WATCHDOG_USEC",
};

void environment_free(char **environment)
{
	if (!environment)
		return;
	for (char **p = environment; *p; p++)
		free(*p);
	free(environment);
}

/* Whether a variable "NAME=value" has the name of the first n bytes. */
static bool has_name(const char *variable, const char *name, size_t n)
{
	return strncmp(variable, name, n) == 0 && variable[n] == '=';
}

static bool is_removed(const char *variable)
{
	for (size_t i = 0; i < ELEMENTSOF(removed); i++)
		if (has_name(variable, removed[i], strlen(removed[i])))
			return true;
	return false;
}

/* Puts a variable, whose string it owns from now on, in the place of the one of its name or behind
 * all. */
static void put(char **environment, char *variable)
{
	size_t n = (size_t)(strchr(variable, '=') - variable);
	char **p = environment;

	while (*p && !has_name(*p, variable, n))
		p++;
	free(*p);
	*p = variable;
}

static int put_inherited(char **environment, char *const *inherited)
{
	for (; *inherited; inherited++) {
		char *copy;

		if (!strchr(*inherited, '=') || is_removed(*inherited))
			continue;
		copy = strdup(*inherited);
		if (!copy)
			return -ENOMEM;
		put(environment, copy);
	}
	return 0;
}

/* Makes "KEY=value"; *text is the caller's. */
static int make_variable(const Indexerd__Exec__V1__Variable *variable, const char *directory,
			 char **text, struct environment_problem *problem)
{
	_cleanup_free_ char *named = NULL;
	const char *name = variable->credential;
	int r = 0;

	if (*name) {
		*problem = (struct environment_problem){ .variable = variable };
		r = variable->is_path ? credential_file(directory, name, &named, &problem->words)
				      : credential_value(directory, name, &named, &problem->words);
	}
	if (r < 0)
		return r;
	problem->variable = NULL;
	return asprintf(text, "%s=%s", variable->key, *name ? named : variable->value) < 0 ? -ENOMEM
											   : 0;
}

static int put_spec(char **environment, const spec_t *spec, const char *directory,
		    struct environment_problem *problem)
{
	for (size_t i = 0; i < spec->n_environment; i++) {
		const Indexerd__Exec__V1__Variable *variable = spec->environment[i];
		char *text;
		int r;

		if (environment_key_of_systemd(variable->key))
			continue;
		r = make_variable(variable, directory, &text, problem);
		if (r < 0)
			return r;
		put(environment, text);
	}
	return 0;
}

int environment_build(char *const *inherited, const spec_t *spec, const char *directory,
		      char ***ret, struct environment_problem *problem)
{
	_cleanup_(environment_freep) char **environment = NULL;
	size_t n = spec->n_environment + 1;
	int r;

	*problem = (struct environment_problem){};
	for (char *const *p = inherited; *p; p++)
		n++;
	environment = calloc(n, sizeof(*environment));
	if (!environment)
		return -ENOMEM;
	r = put_inherited(environment, inherited);
	if (r < 0)
		return r;
	r = put_spec(environment, spec, directory, problem);
	if (r < 0)
		return r;
	*ret = TAKE(environment);
	return 0;
}
