/*
 * NULL-terminated arrays of strings that own their strings.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdlib.h>

#include "common/cleanup.h"

/* Frees the array and its strings. Takes NULL, returns NULL. */
static inline char **strv_free(char **strv)
{
	for (char **s = strv; s && *s; s++)
		free(*s);
	free(strv);
	return NULL;
}

DEFINE_CLEANUP(char *, strv_free);
