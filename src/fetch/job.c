/*
 * What all programs of an order have in common: where they run, what they are told, and what
 * becomes of their words. See job.h. One thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/job.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include "common/util.h"
#include "fetch/child.h"
#include "fetch/tree.h"

/* Of the unit's own environment, what an administrator may set for all of them. */
static const char *const passed_on[] = {
	"http_proxy",	"https_proxy",	       "all_proxy", "no_proxy",	      "HTTP_PROXY",
	"HTTPS_PROXY",	"ALL_PROXY",	       "NO_PROXY",  "GIT_SSL_CAINFO", "SSL_CERT_FILE",
	"SSL_CERT_DIR", "NODE_EXTRA_CA_CERTS", "TZ",
};

/* Nothing asks, nothing waits for a terminal, and git has no configuration but ours. */
static const char *const constant[] = {
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	"LANG=C.UTF-8",
	"TERM=dumb",
	"NO_COLOR=1",
	"CI=1",
	"GIT_TERMINAL_PROMPT=0",
	"GIT_CONFIG_NOSYSTEM=1",
	"GIT_ATTR_NOSYSTEM=1",
	"GIT_SSH_VARIANT=ssh",
	"npm_config_audit=false",
	"npm_config_fund=false",
	"npm_config_update_notifier=false",
};

#define CONFIG_FILE "gitconfig"
#define HOME	    "home"
#define TEMPORARY   "tmp"

/* Counting is at most this part of the time, unless the disk fills. */
#define COUNT_SHARE 10

/* Variables that are made, beside those above; and the NULL. */
#define MADE_MAX 8

int job_fail(struct job *job, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(job->problem, sizeof(job->problem), format, ap);
	va_end(ap);
	return FAILED;
}

static uint64_t free_bytes(const struct job *job)
{
	struct statvfs disk;

	return statvfs(job->order->work, &disk) < 0 ? 0 : (uint64_t)disk.f_bavail * disk.f_frsize;
}

int job_check_size(struct job *job)
{
	uint64_t begun = now_usec(CLOCK_MONOTONIC), left = free_bytes(job), now;
	int r;

	if (job->order->max_bytes == 0)
		return 0;
	r = tree_size(job->order->work, &job->counted);
	now = now_usec(CLOCK_MONOTONIC);
	job->free_then = left;
	job->count_next = now + (now - begun) * COUNT_SHARE;
	if (r < 0 || job->counted <= job->order->max_bytes)
		return r;
	return job_fail(job,
			"it takes more than the %llu bytes of the disk that a project may take",
			(unsigned long long)job->order->max_bytes);
}

/* Whether so much was written since the last count, by whomever, that it may be too much. */
static bool has_filled(const struct job *job)
{
	return job->free_then > free_bytes(job) + (job->order->max_bytes - job->counted);
}

/* While a program runs, files come and go: where one was gone, it is looked at again. */
static int watch(void *userdata)
{
	struct job *job = userdata;
	int r = 0;

	if (now_usec(CLOCK_MONOTONIC) >= job->count_next || has_filled(job))
		r = job_check_size(job);
	return r < 0 ? 0 : r;
}

/* What a program is called in words: its name, and what git or npm is to do. */
static void name_program(const char *const *argv, char *name, size_t size)
{
	const char *slash = strrchr(argv[0], '/'), *verb = argv[1];
	bool is_verb = verb && verb[0] != '-' && !strpbrk(verb, "/ \n");

	(void)snprintf(name, size, "%s%s%.64s", slash ? slash + 1 : argv[0], is_verb ? " " : "",
		       is_verb ? verb : "");
}

static int run(struct job *job, struct child *child)
{
	_cleanup_close_ int tree = open(job->tree, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	_cleanup_close_ int scratch = open(job->scratch, O_PATH | O_DIRECTORY | O_CLOEXEC);
	const char *words;
	char name[160];
	int r;

	if (child->directory < 0)
		child->directory = tree < 0 ? scratch : tree;
	child->environment = job->environment;
	child->watch = watch;
	child->userdata = job;
	job->problem[0] = '\0';
	r = child_run(job->output, child);
	if (job->problem[0])
		return FAILED;
	if (r <= 0)
		return r;
	words = output_words(job->output);
	name_program(child->argv, name, sizeof(name));
	if (r > 128)
		return job_fail(job, "%s was ended by signal %d%s%s", name, r - 128,
				*words ? ": " : "", words);
	if (*words)
		return job_fail(job, "%s", words);
	return job_fail(job, "%s ended with exit code %d", name, r);
}

int job_run(struct job *job, const char *const *argv)
{
	return run(job, &(struct child){ .argv = argv, .directory = -1, .input = -1 });
}

int job_feed(struct job *job, const char *const *argv, int input)
{
	return run(job, &(struct child){ .argv = argv, .directory = -1, .input = input });
}

int job_run_at(struct job *job, const char *const *argv, int directory)
{
	return run(job, &(struct child){ .argv = argv, .directory = directory, .input = -1 });
}

int job_capture(struct job *job, const char *const *argv, char *buffer, size_t size)
{
	return run(job, &(struct child){ .argv = argv,
					 .directory = -1,
					 .input = -1,
					 .capture = buffer,
					 .capacity = size });
}

/*
 * git's whole configuration. A repository of this server may belong to anybody: git would refuse it
 * for fear of what that one's configuration could run, which here is no more than what its build
 * runs anyway. Local repositories are for who names one; a submodule elsewhere may not.
 */
static int write_config(const struct job *job, const char *path)
{
	_cleanup_fclose_ FILE *file = fopen(path, "wxe");
	bool local = job->source.kind == SOURCE_GIT && startswith(job->source.url, "file://");

	if (!file)
		return -errno;
	fprintf(file, "[protocol]\n\tallow = never\n"
		      "[protocol \"https\"]\n\tallow = always\n"
		      "[protocol \"ssh\"]\n\tallow = always\n"
		      "[core]\n\thooksPath = /dev/null\n\tfsmonitor = false\n"
		      "[http]\n\tlowSpeedLimit = 1\n\tlowSpeedTime = 60\n"
		      "[gc]\n\tauto = 0\n"
		      "[maintenance]\n\tauto = false\n"
		      "[advice]\n\tdetachedHead = false\n");
	if (local)
		fprintf(file, "[protocol \"file\"]\n\tallow = always\n[safe]\n\tdirectory = *\n");
	if (job->access.content && !job->access.is_key)
		fprintf(file, "[credential]\n\thelper = %s\n", job->config->program);
	return fflush(file) == 0 ? 0 : -EIO;
}

/*
 * ssh reads no configuration, asks nothing, and knows only hosts whose keys the administrator has
 * written down. Paths are of plain bytes, but for that of the credentials' directory.
 */
static int make_ssh_command(const struct job *job, char **ret)
{
	_cleanup_free_ char *hosts = strdup("");
	const bool is_key = job->access.is_key;

	for (size_t i = 0; i < job->order->n_known_hosts && hosts; i++) {
		char *more;

		if (asprintf(&more, "%s%s%s", hosts, i > 0 ? " " : "", job->order->known_hosts[i]) <
		    0)
			return -ENOMEM;
		free(hosts);
		hosts = more;
	}
	if (!hosts || (is_key && strchr(job->access.path, '\'')))
		return hosts ? -EINVAL : -ENOMEM;
	if (asprintf(ret,
		     "GIT_SSH_COMMAND=ssh -F none -o BatchMode=yes -o StrictHostKeyChecking=yes "
		     "-o UpdateHostKeys=no -o UserKnownHostsFile=/dev/null "
		     "-o 'GlobalKnownHostsFile=%s' -o IdentityAgent=none -o IdentitiesOnly=yes "
		     "-o ConnectTimeout=30 -o ServerAliveInterval=15 -o IdentityFile=%s%s%s",
		     *hosts ? hosts : "/dev/null", is_key ? "'" : "",
		     is_key ? job->access.path : "none", is_key ? "'" : "") < 0)
		return -ENOMEM;
	return 0;
}

static int add(char **environment, size_t *n, const char *key, const char *value)
{
	if (asprintf(&environment[*n], "%s=%s", key, value) < 0) {
		environment[*n] = NULL;
		return -ENOMEM;
	}
	(*n)++;
	return 0;
}

static int make_environment(struct job *job, const char *config, const char *home,
			    const char *temporary)
{
	size_t n = 0, most = ELEMENTSOF(passed_on) + ELEMENTSOF(constant) + MADE_MAX;
	char **environment = calloc(most, sizeof(*environment));
	int r = 0;

	job->environment = environment;
	if (!environment)
		return -ENOMEM;
	for (size_t i = 0; i < ELEMENTSOF(passed_on) && r == 0; i++)
		if (getenv(passed_on[i]))
			r = add(environment, &n, passed_on[i], getenv(passed_on[i]));
	for (size_t i = 0; i < ELEMENTSOF(constant) && r == 0; i++) {
		environment[n] = strdup(constant[i]);
		r = environment[n++] ? 0 : -ENOMEM;
	}
	r = r < 0 ? r : add(environment, &n, "GIT_CONFIG_GLOBAL", config);
	r = r < 0 ? r : add(environment, &n, "GIT_CEILING_DIRECTORIES", job->order->work);
	r = r < 0 ? r : add(environment, &n, "HOME", home);
	r = r < 0 ? r : add(environment, &n, "TMPDIR", temporary);
	r = r < 0 ? r : add(environment, &n, "CREDENTIALS_DIRECTORY", job->config->credentials);
	return r < 0 ? r : make_ssh_command(job, &environment[n]);
}

void job_environment_free(struct job *job)
{
	for (char **p = job->environment; p && *p; p++)
		free(*p);
	free(job->environment);
	job->environment = NULL;
}

int job_prepare(struct job *job)
{
	_cleanup_free_ char *config = NULL, *home = NULL, *temporary = NULL;
	int r;

	if (asprintf(&config, "%s/" CONFIG_FILE, job->scratch) < 0)
		config = NULL;
	if (asprintf(&home, "%s/" HOME, job->scratch) < 0)
		home = NULL;
	if (asprintf(&temporary, "%s/" TEMPORARY, job->scratch) < 0)
		temporary = NULL;
	if (!config || !home || !temporary)
		return -ENOMEM;
	job->free_then = free_bytes(job);
	if (mkdir(job->scratch, 0700) < 0 || mkdir(home, 0700) < 0 || mkdir(temporary, 0700) < 0)
		return -errno;
	r = write_config(job, config);
	return r < 0 ? r : make_environment(job, config, home, temporary);
}
