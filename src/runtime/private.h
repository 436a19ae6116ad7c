/*
 * What the files of this layer share: the parts of a runtime and of a set of them. They are plain
 * data, immutable once loaded. Nothing above this layer includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

#include "indexerd/exec/v1/spec.pb-c.h"
#include "model/progress_pattern.h"
#include "runtime/complaint.h"
#include "runtime/runtime.h"
#include "runtime/service-keys.h"
#include "runtime/template.h"

struct runtime_variable {
	char *key;
	struct template *value;
};

struct runtime {
	char *name;
	char *description;
	char *path;  /* of its file */
	bool broken; /* the file has an error, and was logged: nothing below is there */
	struct template *exec;
	struct template *needs; /* path of what must be there beforehand, or NULL */
	char *needs_hint;	/* what to do where it is not, or NULL */
	bool script_is_name;
	Indexerd__Exec__V1__LogFormat log_format;
	char *progress[PROGRESS_PATTERNS_MAX]; /* n_progress patterns, each a good one */
	size_t n_progress;
	uint64_t stalled_usec; /* 0: never */
	uint64_t healthy_usec; /* how long a run is healthy after */
	struct runtime_variable *environment;
	size_t n_environment;
	bool without_persistence; /* its indexers' state is none of indexerd's business */
	struct setting_list settings;
};

struct runtime_set {
	struct runtime **runtimes; /* sorted by name */
	size_t n;
	bool incomplete;  /* a file was left out that is no runtime */
	gid_t unit_group; /* the group that every indexer's process is in, or (gid_t)-1 */
};

struct runtime *runtime_free(struct runtime *runtime);
DEFINE_CLEANUP(struct runtime, runtime_free);

/*
 * Reads the text of a runtime's file into a runtime that has only its name and path. 0, -ENOMEM, or
 * MALFORMED. The text is changed.
 */
int runtime_parse(struct runtime *runtime, char *text, size_t size, struct complaint *complaint);

/* Longest path that anything takes, NUL included. */
#define RUNTIME_PATH_MAX 4096

/* The texts of a definition's variables; all zero is empty. */
struct variables {
	struct template_values values; /* lent: by this struct and by the definition */
	char *source, *project, *script_path;
	char name[NAME_MAX_SIZE];
};

/* Makes them, for as long as the definition lives; 0 or -ENOMEM. */
int variables_make(struct variables *variables, const struct definition *definition);
void variables_clear(struct variables *variables);

/*
 * Joins two paths (the second may be empty) with single slashes, without "." and without a slash at
 * the end; ".." stays, for only the file system knows where it leads. Owned by the caller; NULL
 * without memory.
 */
char *path_join(const char *a, const char *b);

/* Whether path is dir or lies under it, both without "." and doubled slashes. */
bool path_is_within(const char *path, const char *dir);

/*
 * REFUSED (INVALID_ARGUMENT) where the sandbox of the runtime hides the path from the indexer, as
 * far as that can be seen from its first components.
 */
int place_check_visible(const struct runtime *runtime, const char *path, const char *field,
			struct refusal *refusal);

/*
 * REFUSED (INVALID_ARGUMENT) where the indexer's process certainly may not pass one of the
 * directories on the way to a path without links, or lacks `bits` (of S_IROTH, S_IXOTH) on the
 * path itself.
 */
int place_check_access(const struct runtime_set *set, const char *path, mode_t bits,
		       const char *field, struct refusal *refusal);
