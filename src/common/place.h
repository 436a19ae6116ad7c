/*
 * The place that an indexer runs in: its working directory and its script, neither of which may
 * leave the project's source once links are resolved. indexerd has checked it before; the files may
 * have changed since, and here they are seen as the indexer's own user, inside its sandbox, sees
 * them.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/* The path is outside of the source. */
#define PLACE_OUTSIDE 1

/* Makes source/dir the working directory. 0, PLACE_OUTSIDE or a negative errno. */
int place_enter(const char *source, const char *dir);

/* Looks whether a script, relative to the working directory, exists. 0, PLACE_OUTSIDE or a negative
 * errno. */
int place_check_script(const char *source, const char *script);
