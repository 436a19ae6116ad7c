/*
 * What a project must hold for a runtime to be chosen for it (Detects= of its file), and how a
 * preset is found in a script's text (Preset=). Pure.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"
#include "runtime/complaint.h"

#define DETECTS_MAX	    16 /* of one runtime */
#define CONDITIONS_MAX	    4  /* of one Detects= */
#define PRESET_PATTERNS_MAX 8

enum condition_kind {
	CONDITION_SCRIPT,     /* the last component of the script's path matches a pattern */
	CONDITION_FILE,	      /* the project's directory has a file or directory of this path */
	CONDITION_TEXT,	      /* the script's text has this in it */
	CONDITION_EXECUTABLE, /* the script may be executed */
};

struct condition {
	enum condition_kind kind;
	char *text; /* "" for EXECUTABLE */
};

/* One Detects=: all its conditions hold. All zero is the empty one. */
struct detect {
	char *words; /* as they were written */
	struct condition conditions[CONDITIONS_MAX];
	size_t n;
};

/* Parses the value of a Detects=. 0, -ENOMEM, or MALFORMED with the column in the value, from 1. */
int detect_parse(const char *value, struct detect *ret, struct complaint *complaint);
void detect_clear(struct detect *detect);

/* Checks the value of a Preset=, a text around one ${PRESET}. 0, or MALFORMED with the column. */
int preset_pattern_check(const char *pattern, struct complaint *complaint);

enum preset_found {
	PRESET_NONE,
	PRESET_ONE,
	PRESET_SEVERAL, /* that are not the same */
};

/*
 * Looks for the patterns in a text of `size` bytes, which may hold any. Fills *ret, owned by the
 * caller, where it returns PRESET_ONE (0 is PRESET_NONE), and ret[0] and ret[1] where it returns
 * PRESET_SEVERAL. Or -ENOMEM.
 */
int preset_find(char *const *patterns, size_t n, const char *text, size_t size, char *ret[2]);
