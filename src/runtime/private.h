/*
 * What the files of this layer share: the parts of a runtime and of a set of them. They are plain
 * data, immutable once loaded. Nothing above this layer includes it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "indexerd/exec/v1/spec.pb-c.h"
#include "model/progress_pattern.h"
#include "runtime/complaint.h"
#include "runtime/detect.h"
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
	struct template *build[BUILD_COMMANDS_MAX]; /* n_build commands */
	size_t n_build;
	struct template *install;	    /* the line that installs its program, or NULL */
	struct detect detects[DETECTS_MAX]; /* n_detects: one of them holds */
	size_t n_detects;
	unsigned detects_priority;
	char *presets[PRESET_PATTERNS_MAX]; /* n_presets patterns, each a good one */
	size_t n_presets;
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
 * MALFORMED when the sink has been told why; it reads on behind an error. The text is changed.
 */
int runtime_parse(struct runtime *runtime, char *text, size_t size,
		  const struct complaint_sink *sink);

/* Longest path that anything takes, NUL included. */
#define RUNTIME_PATH_MAX 4096

/* The texts of a definition's variables; all zero is empty. */
struct variables {
	struct template_values values; /* lent: by this struct and by the definition */
	char *source, *project, *script_path, *env_keys;
	char name[NAME_MAX_SIZE];
};

/*
 * Makes them, for as long as the definition lives, with another directory in the place of its
 * project_source unless that is NULL. 0 or -ENOMEM.
 */
int variables_make(struct variables *variables, const struct definition *definition,
		   const char *source);
void variables_clear(struct variables *variables);

/*
 * Joins two paths (the second may be empty) with single slashes, without "." and without a slash at
 * the end; ".." stays, for only the file system knows where it leads. Owned by the caller; NULL
 * without memory.
 */
char *path_join(const char *a, const char *b);

/*
 * REFUSED (INVALID_ARGUMENT) where the sandbox of the runtime (of one without a section [Service]
 * where that is NULL) hides the path from the indexer, as far as that can be seen from its first
 * components.
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

/* What is known of a definition's project while it is looked at. Begins with the first five. */
struct project_check {
	const struct runtime_set *set;
	const struct definition *definition;
	const struct runtime *runtime; /* NULL while it is not chosen yet */
	const char *checkout; /* the directory that was fetched; NULL: the source is one itself */
	struct refusal *refusal;
	struct variables variables;
	char source[PATH_MAX];	/* without links */
	char project[PATH_MAX]; /* without links */
	char script[PATH_MAX];	/* without links; of Script=path */
};

/* Finds the runtime by its name. 0 or REFUSED. */
int project_check_runtime(struct project_check *c);

/*
 * Whether what Needs= of the runtime names is there: 1, 0, or -ENOMEM. *ret gets its path, which
 * the caller frees; NULL for one that is longer than any there can be.
 */
int project_has_needed(const struct project_check *c, char **ret);

/* Checks paths by their text, then source and directory. 0, REFUSED or -ENOMEM. */
int project_check_directories(struct project_check *c);

/* Checks the script of a runtime with Script=path, which must be known. 0, REFUSED or -ENOMEM. */
int project_check_script(struct project_check *c);

/* The names of all good runtimes, for a message; a cut list is as good as a long one. */
void runtime_set_list_names(const struct runtime_set *set, char *buffer, size_t size);

/* Where a program that is given by its name only is looked for, in this order; ends with NULL. */
extern const char *const program_directories[];

/*
 * Finds the program of a command's first word: an absolute path is the program itself. *ret is
 * owned by the caller. 0, -ENOENT where it is certainly not there, or -ENOMEM.
 */
int program_find(const char *word, char **ret);

/* Fills the refusal of a program that is not installed. REFUSED or -ENOMEM. */
int program_refuse(const struct runtime *runtime, const struct template_values *values,
		   const char *word, struct refusal *refusal);
