/*
 * An order on its way, as the files of this folder share it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "fetch/access.h"
#include "fetch/fetch.h"
#include "fetch/order.h"
#include "fetch/output.h"
#include "model/source-key.h"

/* The positive return value of a function that has told, in job->problem, what failed. */
#define FAILED 1

/* A commit, or an archive's SHA-256: up to 64 digits and the NUL. */
#define COMMIT_MAX 65

struct job {
	const struct fetch_config *config;
	order_t *order;
	struct source source;
	struct access access;
	struct mask mask;
	struct output *output;
	char *tree;		 /* path of what is made */
	char *scratch;		 /* path of what is removed at the end */
	char **environment;	 /* of all programs; NULL-terminated */
	char commit[COMMIT_MAX]; /* "" until known */
	char problem[WORDS_MAX];
	uint64_t counted;    /* the bytes that all takes, when that was counted last */
	uint64_t free_then;  /* of the disk */
	uint64_t count_next; /* of the monotonic clock, in microseconds */
};

/* Says what failed; FAILED. */
int job_fail(struct job *job, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * Runs a program in the tree if that is there already, else in the scratch directory. Its stdout
 * goes into a buffer, if there is one. 0, FAILED with its last words as the problem, or a negative
 * errno.
 */
int job_run(struct job *job, const char *const *argv);
int job_capture(struct job *job, const char *const *argv, char *buffer, size_t size);

/* The same with a descriptor as stdin, and in another directory. */
int job_feed(struct job *job, const char *const *argv, int input);
int job_run_at(struct job *job, const char *const *argv, int directory);

/* Whether all that was made is no larger than it may be. 0, FAILED or a negative errno. */
int job_check_size(struct job *job);

/* Makes the scratch directory, git's configuration in it, and the environment. 0 or a negative
 * errno. */
int job_prepare(struct job *job);

/* Frees what job_prepare() has made. */
void job_environment_free(struct job *job);

/* Finds the commit that the order's ref is. 0, FAILED or a negative errno. */
int git_resolve(struct job *job);

/* Makes the tree of the commit, with its submodules. 0, FAILED or a negative errno. */
int git_fetch(struct job *job);

/* Takes the archive's SHA-256 for its commit. 0, FAILED or a negative errno. */
int archive_resolve(struct job *job);

/* Makes the tree of the archive. 0, FAILED or a negative errno. */
int archive_fetch(struct job *job);
