/*
 * Runtimes: files that say how a kind of indexer is run. `/usr/lib/indexerd/runtimes/NAME.conf`,
 * overridden whole by `/etc/indexerd/runtimes/NAME.conf`. See indexerd.runtime(5).
 *
 * Main loop's thread only; a set is immutable between two loads.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/cleanup.h"
#include "model/indexer.h"
#include "model/refusal.h"
#include "model/setting.h"
#include "runtime/complaint.h"

struct runtime;
struct runtime_set;

/*
 * Of a project that was fetched, the calls below take its directory as `checkout`: it stands in the
 * place of project_source. NULL where project_source is a directory itself.
 */

/*
 * Loads all *.conf of the directories (NULL-terminated array, most important first: the first file
 * of a name wins). A file with an error is left out, and logged with its path and line; a runtime
 * that is named later is then refused. Returns 0 or a negative errno.
 */
int runtime_set_load(const char *const *directories, struct runtime_set **ret);
struct runtime_set *runtime_set_free(struct runtime_set *set);
DEFINE_CLEANUP(struct runtime_set, runtime_set_free);

/*
 * Fills in what a definition leaves open: an empty runtime, by what the project holds (Detects= of
 * the runtimes' files); and for one that needs a preset an empty preset, by what the script says
 * (Preset=). What is there stays. REFUSED (INVALID_ARGUMENT) where nothing or too much fits, or the
 * project is not where an indexer can reach it.
 */
int runtime_choose(const struct runtime_set *set, struct definition *definition,
		   const char *checkout, struct refusal *refusal);

/*
 * Finds the runtime of a definition and checks beforehand what can be checked of project_source,
 * project_dir and script under it: by their text (definition_validate_paths()); the source is an
 * absolute path; they exist, and with their links resolved stay inside the source; the script is a
 * file (executable for a runtime whose program it is); the project is not where the sandbox hides
 * it (/home, /root, /run/user, /tmp, ...). A child that has its parent's project has it by now.
 * REFUSED (INVALID_ARGUMENT) names the field and the value. A program that is not installed is
 * REFUSED (FAILED_PRECONDITION), with the line that installs it. On success *ret is lent by the
 * set.
 */
int runtime_resolve(const struct runtime_set *set, const struct definition *definition,
		    const char *checkout, const struct runtime **ret, struct refusal *refusal);

/*
 * What runtime_resolve() would refuse and can be said before the project is fetched: of its texts,
 * and of the runtime where one is named. 0, REFUSED or -ENOMEM.
 */
int runtime_check_unfetched(const struct runtime_set *set, const struct definition *definition,
			    struct refusal *refusal);

/* Commands, each a NULL-terminated array whose first word is an absolute path; owned. */
#define BUILD_COMMANDS_MAX 8
struct build {
	char **commands[BUILD_COMMANDS_MAX];
	size_t n;
};

void build_clear(struct build *build);

/*
 * How the project of a checkout is built (Build= of its runtime, which must be named), with the
 * paths that it has where `source` is its root. None where nothing is to be built: there is no
 * Build=, or what Needs= names is there. 0, REFUSED or -ENOMEM; on success *ret is the caller's.
 */
int runtime_make_build(const struct runtime_set *set, const struct definition *definition,
		       const char *checkout, const char *source, struct build *ret,
		       struct refusal *refusal);

/* Whether no file was left out for an error. */
bool runtime_set_is_good(const struct runtime_set *set);

/* The runtime of a name, or NULL; lent. */
const struct runtime *runtime_set_find(const struct runtime_set *set, const char *name);

const char *runtime_description(const struct runtime *runtime);

/* For people: the runtimes by name, broken ones too; all is lent. */
size_t runtime_set_size(const struct runtime_set *set);
const struct runtime *runtime_set_at(const struct runtime_set *set, size_t i);
const char *runtime_name(const struct runtime *runtime);
const char *runtime_path(const struct runtime *runtime);
bool runtime_is_broken(const struct runtime *runtime);

/* The program's word as the file has it, "${SCRIPT_PATH}" too; "" for a broken one. Owned by the
 * caller; NULL without memory. */
char *runtime_program(const struct runtime *runtime);

/*
 * Whether its program is there: 1, 0, or -ENOMEM. A program of the project's own is always there;
 * where its name ends with a variable, one of all that it may be.
 */
int runtime_is_installed(const struct runtime *runtime);

/* The line that installs the program, with variables as they stand, or "" where the file has none.
 * Owned by the caller; NULL without memory. */
char *runtime_install(const struct runtime *runtime);

/* Reads one file as the daemon would. 0, MALFORMED when the sink was told why, or -ENOMEM. */
int runtime_check_file(const char *path, const struct complaint_sink *sink);

/* Whether its indexers keep their state where [Persistence] of the configuration says. */
bool runtime_persists(const struct runtime *runtime);

/* The properties of [Service] in the file's order; lent. */
const struct setting *runtime_settings(const struct runtime *runtime, size_t *ret_n);

/*
 * Makes the spec for indexer-exec (proto/indexerd/exec/v1/spec.proto, packed): the command expanded
 * from the template, the environment (the runtime's, then the request's, then INDEXER_ID,
 * INDEXER_NAME, INDEXER_RUNNER_ADDRESS=runner_address, INDEXER_PROJECT_SOURCE,
 * INDEXER_PROJECT_DIR, and the variables of `state`), the log format. `source` is the project's
 * root as the process sees it, or NULL for project_source itself. *ret is malloc()ed and owned by
 * the caller. 0, REFUSED (the template does not expand for this definition) or -ENOMEM.
 */
int runtime_make_spec(const struct runtime *runtime, const struct definition *definition,
		      const char *source, const char *runner_address, const struct kv_list *state,
		      uint8_t **ret, size_t *ret_size, struct refusal *refusal);
