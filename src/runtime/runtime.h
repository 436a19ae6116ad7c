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

struct runtime;
struct runtime_set;

/*
 * Loads all *.conf of the directories (NULL-terminated array, most important first: the first file
 * of a name wins). A file with an error is left out, and logged with its path and line; a runtime
 * that is named later is then refused. Returns 0 or a negative errno.
 */
int runtime_set_load(const char *const *directories, struct runtime_set **ret);
struct runtime_set *runtime_set_free(struct runtime_set *set);
DEFINE_CLEANUP(struct runtime_set, runtime_set_free);

/*
 * Finds the runtime of a definition and checks beforehand what can be checked of project_source,
 * project_dir and script under it: by their text (definition_validate_paths()); the source is an
 * absolute path; they exist, and with their links resolved stay inside the source; the script is a
 * file (executable for a runtime whose program it is); the project is not where the sandbox hides
 * it (/home, /root, /run/user, /tmp, ...). A child that has its parent's project has it by now.
 * REFUSED (INVALID_ARGUMENT) names the field and the value. An empty runtime is refused for now. On
 * success *ret is lent by the set.
 */
int runtime_resolve(const struct runtime_set *set, const struct definition *definition,
		    const struct runtime **ret, struct refusal *refusal);

/* Whether no file was left out for an error. */
bool runtime_set_is_good(const struct runtime_set *set);

/* The runtime of a name, or NULL; lent. */
const struct runtime *runtime_set_find(const struct runtime_set *set, const char *name);

const char *runtime_description(const struct runtime *runtime);

/* Whether its indexers keep their state where [Persistence] of the configuration says. */
bool runtime_persists(const struct runtime *runtime);

/* The properties of [Service] in the file's order; lent. */
const struct setting *runtime_settings(const struct runtime *runtime, size_t *ret_n);

/*
 * Makes the spec for indexer-exec (proto/indexerd/exec/v1/spec.proto, packed): the command expanded
 * from the template, the environment (the runtime's, then the request's, then INDEXER_ID,
 * INDEXER_NAME, INDEXER_RUNNER_ADDRESS=runner_address, INDEXER_PROJECT_SOURCE,
 * INDEXER_PROJECT_DIR, and the variables of `state`), the log format. *ret is malloc()ed and owned
 * by the caller. 0, REFUSED (the template does not expand for this definition) or -ENOMEM.
 */
int runtime_make_spec(const struct runtime *runtime, const struct definition *definition,
		      const char *runner_address, const struct kv_list *state, uint8_t **ret,
		      size_t *ret_size, struct refusal *refusal);
