/*
 * The key of a checkout: what was fetched, by which right, and how it was built. Two indexers with
 * one key share one checkout. Pure; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "model/source.h"

/* 64 hexadecimal digits in lower case, and the NUL. */
#define SOURCE_KEY_MAX 65

struct source_build {
	const char *dir;	  /* where it runs, relative to the project's root */
	const char *const *words; /* of all commands, with a NULL behind each command's last */
	size_t n_words;		  /* these counted */
};

/*
 * Makes the key of a repository's commit, or of an archive whose content has this SHA-256 in
 * hexadecimal digits. The name of the credential is in it: who may not use that shall not get what
 * was fetched by it. `build` is NULL for what is not built. 0, or -ENOMEM.
 */
int source_key(const struct source *source, const char *commit, const struct source_build *build,
	       char ret[static SOURCE_KEY_MAX]);

/* Whether a text is a key. */
bool source_key_is_valid(const char *key);

/* Writes bytes as hexadecimal digits in lower case, and a NUL. */
void source_hex(const unsigned char *bytes, size_t n, char *ret);
