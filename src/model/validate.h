/*
 * What can be said of a definition without looking at the server: sizes, characters, counts.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/indexer.h"
#include "model/refusal.h"

/* Limits, in bytes without the NUL where they are sizes. */
#define LABELS_MAX	     64
#define LABEL_KEY_MAX	     128
#define LABEL_VALUE_MAX	     1024
#define ENVIRONMENT_MAX	     256
#define ENVIRONMENT_SIZE_MAX (128 * 1024 - 2) /* all together; one alone is still an execve()'s */
#define ARGS_MAX	     128
#define ARG_SIZE_MAX	     (32 * 1024)
#define ARGS_SIZE_MAX	     (128 * 1024 - 1) /* all together */
#define PATH_SIZE_MAX	     4095
#define PRESET_SIZE_MAX	     128
#define MEMORY_BYTES_MIN     (1024 * 1024)
#define CPU_PERCENT_MAX	     (100 * 4096)
#define TASKS_MIN	     2
#define TASKS_MAX	     4194304 /* the kernel's own highest pid_max */

/*
 * Checks labels, environment, args, preset, runtime, resources and back-off of a definition.
 * REFUSED (INVALID_ARGUMENT) names the field, e.g. `indexer.environment["A=B"]`, and the value.
 * Whether the runtime is there is not looked at: that is runtime_resolve()'s; an empty one is let
 * through.
 */
int definition_validate(const struct definition *definition, struct refusal *refusal);

/*
 * Checks that limits of a tree are its root's: for a definition whose parent is known. REFUSED
 * (INVALID_ARGUMENT) names the field.
 */
int definition_validate_tree(const struct definition *definition, struct refusal *refusal);

/*
 * Checks project_source, project_dir and script by their text: sizes, what is relative to what, and
 * that neither leaves the source. For a definition that has its project: a child may have its
 * parent's, and how far up a script may lead depends on project_dir. REFUSED (INVALID_ARGUMENT)
 * names the field and the value; an empty source is let through.
 */
int definition_validate_paths(const struct definition *definition, struct refusal *refusal);

/* Whether a project's source is spelled as a place on the network, e.g. "https://..." or
 * "git@...:...".
 */
bool source_is_remote(const char *source);

/* Writes a variable's field, `indexer.environment["KEY"]`, with as much of a key as a person reads.
 */
#define MEMBER_FIELD_MAX 160
void environment_field(char field[MEMBER_FIELD_MAX], const char *key);

/* Whether it is 1 to LABEL_KEY_MAX of A-Z a-z 0-9 - _ . / between letters or digits. */
bool label_key_valid(const char *key);
