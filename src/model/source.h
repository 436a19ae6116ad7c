/*
 * Where a project comes from, as `project_source` says it: a directory, a repository of git, or an
 * archive. Only the text is looked at. Pure; any thread.
 *
 *	/PATH					a directory
 *	/PATH.tar.gz, /PATH.tgz, /PATH.tar.zst	an archive
 *	https://HOST[:PORT]/PATH
 *	ssh://[USER@]HOST[:PORT]/PATH
 *	file:///PATH				repositories; git+ may stand before each of the
 *three
 *
 * Behind a repository's address may stand ?credential=NAME, and then #REF: a branch, a tag, or the
 * whole id of a commit. The address is shown to everybody who may see the indexer, so there is no
 * place for a secret in it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/cleanup.h"

enum source_kind {
	SOURCE_NONE, /* an empty text */
	SOURCE_DIRECTORY,
	SOURCE_GIT,
	SOURCE_ARCHIVE,
};

/* In bytes, without the NUL. */
#define SOURCE_URL_MAX 2048
#define SOURCE_REF_MAX 255

/* All zero is none. The strings are owned. */
struct source {
	enum source_kind kind;
	char *path;	  /* of a directory and an archive: the text */
	char *url;	  /* of a repository, as git takes it: without git+, query and fragment */
	char *ref;	  /* or NULL: the remote's HEAD */
	char *credential; /* its name, or NULL */
};

/* Of a problem's words, NUL included. */
#define SOURCE_PROBLEM_MAX 256

/*
 * Takes a text apart. 0; -ENOMEM; or -EINVAL, and then `problem` says what is wrong, in words that
 * follow "project_source: ". No part of the text is in them that could be a secret, and the text
 * itself is not to be shown beside them. *ret is untouched where it fails.
 */
int source_parse(const char *text, struct source *ret, char problem[static SOURCE_PROBLEM_MAX]);

void source_clear(struct source *source);

/* Whether a ref is the whole id of a commit: 40 or 64 hexadecimal digits, in lower case. */
bool source_ref_is_commit(const char *ref);

#define _cleanup_source_ _cleanup_(source_clear)
