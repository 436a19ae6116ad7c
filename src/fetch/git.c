/*
 * Fetching by git: the commit first, then no more of the repository than that, if the server gives
 * it so. See job.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>

#include "common/log.h"
#include "common/util.h"
#include "fetch/job.h"

/* Of the few lines that are asked for; a server may send others. */
#define LISTING_MAX (256 * 1024)

#define HEADS "refs/heads/"
#define TAGS  "refs/tags/"

/* A ref by one of the names that it may have, the first of which counts. */
struct names {
	char text[3][sizeof(TAGS) + SOURCE_REF_MAX + sizeof("^{}")];
	size_t n;
};

/* As `git clone --branch` has it, a branch goes before a tag; and of a tag with words of its own,
 * what it stands for before it. */
static void list_names(const char *ref, struct names *ret)
{
	ret->n = 0;
	if (!ref || streq(ref, "HEAD")) {
		strcpy(ret->text[ret->n++], "HEAD");
	} else if (startswith(ref, "refs/")) {
		(void)sprintf(ret->text[ret->n++], "%s^{}", ref);
		strcpy(ret->text[ret->n++], ref);
	} else {
		(void)sprintf(ret->text[ret->n++], HEADS "%s", ref);
		(void)sprintf(ret->text[ret->n++], TAGS "%s^{}", ref);
		(void)sprintf(ret->text[ret->n++], TAGS "%s", ref);
	}
}

/* The id before a name in lines of "ID\tNAME\n". Whether it is there. */
static bool find_id(const char *listing, const char *name, char ret[static COMMIT_MAX])
{
	for (const char *line = listing; *line;
	     line += strcspn(line, "\n"), line += *line == '\n') {
		size_t n = strcspn(line, "\t\n"), end = strcspn(line, "\n");

		if (line[n] != '\t' || n >= COMMIT_MAX || end - n - 1 != strlen(name) ||
		    strncmp(line + n + 1, name, end - n - 1) != 0)
			continue;
		memcpy(ret, line, n);
		ret[n] = '\0';
		return source_ref_is_commit(ret);
	}
	return false;
}

static int not_there(struct job *job)
{
	const char *ref = job->source.ref;

	if (!ref)
		return job_fail(job, "%s has no HEAD: it may be empty", job->source.url);
	return job_fail(job,
			"%s has no branch or tag '%s'; a commit is named by all digits of its id",
			job->source.url, ref);
}

int git_resolve(struct job *job)
{
	struct names names;
	const char *argv[10] = { "git", "ls-remote", "-q", "--", job->source.url };
	_cleanup_free_ char *listing = NULL;
	int r;

	if (job->source.ref && source_ref_is_commit(job->source.ref)) {
		strcpy(job->commit, job->source.ref);
		return 0;
	}
	listing = calloc(1, LISTING_MAX);
	if (!listing)
		return -ENOMEM;
	list_names(job->source.ref, &names);
	for (size_t i = 0; i < names.n; i++)
		argv[5 + i] = names.text[i];
	r = job_capture(job, argv, listing, LISTING_MAX);
	if (r == -E2BIG)
		return job_fail(job, "%s lists too many refs", job->source.url);
	if (r != 0)
		return r;
	for (size_t i = 0; i < names.n; i++)
		if (find_id(listing, names.text[i], job->commit))
			return 0;
	return not_there(job);
}

static int run_list(struct job *job, const char *const (*commands)[12], size_t n)
{
	int r = 0;

	for (size_t i = 0; i < n && r == 0; i++)
		r = job_run(job, commands[i]);
	return r;
}

/* An empty repository, in which the tree will be, and which knows where it came from: submodules
 * may be named relative to that. */
static int init(struct job *job)
{
	const char *format =
		strlen(job->commit) == 64 ? "--object-format=sha256" : "--object-format=sha1";
	const char *const commands[][12] = {
		{ "git", "init", "-q", "--template=", format, "--", job->tree },
		{ "git", "remote", "add", "--", "origin", job->source.url },
	};

	return run_list(job, commands, ELEMENTSOF(commands));
}

/* Not every server gives a commit that no ref of it has, and not every one a part of the history.
 */
static int fetch_commit(struct job *job)
{
	const char *const shallow[] = { "git",	     "fetch",	  "-q",
					"--depth=1", "--no-tags", "--no-recurse-submodules",
					"--",	     "origin",	  job->commit,
					NULL };
	const char *const full[] = { "git",
				     "fetch",
				     "-q",
				     "--no-tags",
				     "--no-recurse-submodules",
				     "--",
				     "origin",
				     "+refs/heads/*:refs/remotes/origin/*",
				     "+refs/tags/*:refs/tags/*",
				     NULL };
	_cleanup_free_ char *object = NULL;
	int r = job_run(job, shallow);

	if (r != FAILED)
		return r;
	output_say(job->output, LOG_INFO, "asking for all of the repository instead");
	r = job_run(job, full);
	if (r != 0)
		return r;
	if (asprintf(&object, "%s^{commit}", job->commit) < 0) {
		object = NULL;
		return -ENOMEM;
	}
	r = job_run(job, (const char *const[]){ "git", "cat-file", "-e", object, NULL });
	if (r == FAILED)
		return job_fail(job, "%s has no commit %s in its branches and tags",
				job->source.url, job->commit);
	return r;
}

static int fetch_submodules(struct job *job)
{
	const char *const shallow[] = { "git",	  "submodule",	 "-q",	      "update",
					"--init", "--recursive", "--depth=1", NULL };
	const char *const full[][12] = {
		{ "git", "submodule", "-q", "deinit", "-f", "--all" },
		{ "rm", "-rf", "--", ".git/modules" },
		{ "git", "submodule", "-q", "update", "--init", "--recursive" },
	};
	_cleanup_free_ char *list = NULL;
	int r;

	if (asprintf(&list, "%s/.gitmodules", job->tree) < 0) {
		list = NULL;
		return -ENOMEM;
	}
	if (access(list, F_OK) < 0)
		return 0;
	r = job_run(job, shallow);
	if (r != FAILED)
		return r;
	output_say(job->output, LOG_INFO, "asking for all of the submodules instead");
	return run_list(job, full, ELEMENTSOF(full));
}

int git_fetch(struct job *job)
{
	const char *const checkout[] = { "git",	      "checkout", "-q", "--detach",
					 job->commit, "--",	  NULL };
	const char *const forget[] = { "rm", "-rf", "--", ".git", NULL };
	int r = init(job);

	r = r != 0 ? r : fetch_commit(job);
	r = r != 0 ? r : job_run(job, checkout);
	r = r != 0 ? r : fetch_submodules(job);
	return r != 0 ? r : job_run(job, forget);
}
