/*
 * The environment of an indexer's process.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "exec/spec.h"

/* Why a credential cannot be had; all zero where that is not what is wrong. */
struct environment_problem {
	const Indexerd__Exec__V1__Variable *variable; /* the spec's, that names it */
	const char *words;			      /* static, or strerror()'s */
};

/*
 * What systemd gave the unit (an administrator's drop-in may add to it), without what speaks of
 * this process's own sockets, and over it the spec's variables, the last of a name winning. A
 * variable of the spec that only systemd can know (STATE_DIRECTORY and the like) has no effect.
 * Those that name a credential have it from the directory. *ret is NULL-terminated and owned by the
 * caller, with its strings. 0, -ENOMEM, or another negative errno with the problem set.
 */
int environment_build(char *const *inherited, const spec_t *spec, const char *directory,
		      char ***ret, struct environment_problem *problem);

void environment_free(char **environment);
DEFINE_CLEANUP(char *, environment_free);
