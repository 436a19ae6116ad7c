/*
 * Carrying out an order; see fetch.h. The steps in their order: the commit is found, the tree is
 * made unless it is known, it is built, and what came of it is written down.
 *
 * What a repository has in it is run by a build, with this process' own rights: until all that has
 * ended, nothing that lies in the work directory is trusted.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "common/log.h"
#include "common/notify.h"
#include "common/place.h"
#include "common/util.h"
#include "fetch/child.h"
#include "fetch/job.h"
#include "fetch/tree.h"

#define TREE	"tree"
#define SCRATCH "scratch"
#define RESULT	"result"
#define ERROR	"error"

#define STATUS_MAX 512

/* Says what happens: to the journal, and as the unit's status. */
static void __attribute__((format(printf, 2, 3)))
say_status(struct job *job, const char *format, ...)
{
	char state[STATUS_MAX] = "STATUS=", *text = state + strlen(state);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(state) - strlen(state), format, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	output_say(job->output, LOG_INFO, "%s", text);
	(void)notify(state);
}

/* Puts a file into the work directory, whole or not at all, for all to read. 0 or a negative errno.
 */
static int write_file(struct job *job, const char *name, const char *text)
{
	_cleanup_free_ char *path = NULL, *temporary = NULL;
	_cleanup_close_ int fd = -1;
	size_t n = strlen(text);
	ssize_t written;

	if (asprintf(&path, "%s/%s", job->order->work, name) < 0)
		path = NULL;
	if (asprintf(&temporary, "%s/%s.new", job->order->work, name) < 0)
		temporary = NULL;
	if (!path || !temporary)
		return -ENOMEM;
	if (unlink(temporary) < 0 && errno != ENOENT)
		return -errno;
	fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
	if (fd < 0 || fchmod(fd, 0644) < 0)
		return -errno;
	written = write(fd, text, n);
	if (written < 0)
		return -errno;
	if ((size_t)written < n) /* and no errno says why */
		return -ENOSPC;
	return fsync(fd) < 0 || rename(temporary, path) < 0 ? -errno : 0;
}

static int write_result(struct job *job, const char *key, uint64_t bytes)
{
	_cleanup_free_ char *text = NULL;

	if (asprintf(&text, "%s %s %" PRIu64 "\n", key, job->commit, bytes) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return write_file(job, RESULT, text);
}

/* Flat, as the key has them. The strings are lent; the list is the caller's. */
static int list_words(const order_t *order, const char ***ret, size_t *ret_n)
{
	const char **words;
	size_t n = 0;

	for (size_t i = 0; i < order->n_build; i++)
		n += order->build[i]->n_argv + 1;
	words = calloc(n + 1, sizeof(*words));
	if (!words)
		return -ENOMEM;
	*ret = words;
	*ret_n = n;
	for (size_t i = 0; i < order->n_build; i++, words++)
		for (size_t k = 0; k < order->build[i]->n_argv; k++)
			*words++ = order->build[i]->argv[k];
	return 0;
}

static int make_key(struct job *job, char key[static SOURCE_KEY_MAX])
{
	struct source_build build = { .dir = job->order->build_dir };
	_cleanup_free_ const char **words = NULL;
	int r = list_words(job->order, &words, &build.n_words);

	build.words = words;
	return r < 0 ? r
		     : source_key(&job->source, job->commit,
				  job->order->n_build > 0 ? &build : NULL, key);
}

static bool is_known(const order_t *order, const char *key)
{
	for (size_t i = 0; i < order->n_known_keys; i++)
		if (streq(order->known_keys[i], key))
			return true;
	return false;
}

static int resolve(struct job *job)
{
	if (*job->order->tree) {
		(void)snprintf(job->commit, sizeof(job->commit), "%s",
			       job->source.ref ? job->source.ref : job->order->ref);
		return source_ref_is_commit(job->commit)
			       ? 0
			       : job_fail(job, "nothing says which commit the project's tree is");
	}
	say_status(job, "fetching %s%s%s",
		   job->source.kind == SOURCE_GIT ? job->source.url : job->source.path,
		   job->source.ref ? " " : "", job->source.ref ? job->source.ref : "");
	return job->source.kind == SOURCE_GIT ? git_resolve(job) : archive_resolve(job);
}

static int copy_tree(struct job *job)
{
	const char *const argv[] = { "cp",
				     "-R",
				     "--no-dereference",
				     "--reflink=auto",
				     "--preserve=mode,timestamps,links",
				     "--no-target-directory",
				     "--",
				     job->order->tree,
				     job->tree,
				     NULL };

	return job_run(job, argv);
}

static int make_tree(struct job *job)
{
	if (*job->order->tree)
		return copy_tree(job);
	return job->source.kind == SOURCE_GIT ? git_fetch(job) : archive_fetch(job);
}

/* Where the build runs. A descriptor, or -1 with the problem. */
static int enter_build(struct job *job)
{
	const char *dir = job->order->build_dir;
	int r = place_enter(job->tree, dir);
	int fd = r == 0 ? open(".", O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

	if (r == 0 && fd < 0)
		r = -errno;
	if (fd < 0)
		(void)job_fail(job, "cannot build in '%s': %s", dir,
			       r == PLACE_OUTSIDE ? "it lies outside of the project"
						  : strerror(-r));
	/* Nothing is to be done there but by the build. */
	if (chdir("/") < 0)
		closep(&fd);
	return fd;
}

static int run_command(struct job *job, const Indexerd__Fetch__V1__Command *command, int directory)
{
	_cleanup_free_ const char **argv = calloc(command->n_argv + 1, sizeof(*argv));
	char words[STATUS_MAX] = "";
	size_t n = 0;

	if (!argv)
		return -ENOMEM;
	for (size_t i = 0; i < command->n_argv; i++) {
		argv[i] = command->argv[i];
		n += (size_t)snprintf(words + n, sizeof(words) - n, " %s", argv[i]);
		n = MIN(n, sizeof(words) - 1);
	}
	say_status(job, "building:%s", words);
	return job_run_at(job, argv, directory);
}

static int build(struct job *job)
{
	_cleanup_close_ int directory = -1;
	int r = 0;

	if (job->order->n_build == 0)
		return 0;
	directory = enter_build(job);
	if (directory < 0)
		return FAILED;
	for (size_t i = 0; i < job->order->n_build && r == 0; i++)
		r = run_command(job, job->order->build[i], directory);
	return r;
}

/* Modes, what does not belong there, and how much it is. */
static int settle(struct job *job, uint64_t *ret_bytes)
{
	const char *const open_up[] = { "chmod", "-R", "u+rwX", "--", job->scratch, NULL };
	const char *const remove[] = { "rm", "-rf", "--", job->scratch, NULL };
	const bool strict = job->source.kind == SOURCE_ARCHIVE && !*job->order->tree;
	_cleanup_close_ int work = -1;
	int r = job_run(job, open_up);

	r = r != 0 ? r : job_run(job, remove);
	r = r != 0 ? r : tree_settle(job->tree, strict, job->problem, sizeof(job->problem));
	if (r == -EBADMSG)
		return FAILED;
	if (r != 0)
		return r;
	r = tree_size(job->tree, ret_bytes);
	r = r != 0 ? r : job_check_size(job);
	if (r != 0)
		return r;
	/* What is published must not be empty files after the power has failed. */
	work = open(job->order->work, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return work < 0 || syncfs(work) < 0 ? -errno : 0;
}

static int work(struct job *job)
{
	char key[SOURCE_KEY_MAX];
	uint64_t bytes = 0;
	int r;

	r = resolve(job);
	r = r != 0 ? r : make_key(job, key);
	if (r != 0)
		return r;
	if (!is_known(job->order, key)) {
		r = make_tree(job);
		r = r != 0 ? r : build(job);
		r = r != 0 ? r : settle(job, &bytes);
	}
	if (r != 0)
		return r;
	say_status(job, "the project is at %s %s",
		   job->source.kind == SOURCE_GIT ? "commit" : "sha256", job->commit);
	return write_result(job, key, bytes);
}

/* Says what failed, where the daemon and where people look for it. */
static void complain(struct job *job, int error)
{
	if (error < 0)
		(void)job_fail(job, "%s", strerror(-error));
	mask_line(&job->mask, job->problem, strlen(job->problem));
	for (size_t n = strlen(job->problem); n > 0 && job->problem[n - 1] == '\n'; n--)
		job->problem[n - 1] = '\0';
	if (job->output)
		output_say(job->output, LOG_ERR, "%s failed: %s",
			   job->order->n_build > 0 ? "building" : "fetching", job->problem);
	error = write_file(job, ERROR, job->problem);
	if (error < 0)
		log_error("cannot write %s/" ERROR ": %s", job->order->work, strerror(-error));
}

static int load_access(struct job *job)
{
	const char *problem;
	int r = access_load(job->config->credentials, &job->source, &job->access, &problem);

	if (r < 0)
		return job_fail(job, "the credential %s cannot be used: %s", job->source.credential,
				problem);
	r = access_mask(&job->access, &job->mask);
	return r < 0 ? job_fail(job, "the credential %s has too many lines", job->source.credential)
		     : 0;
}

static int carry_out(struct job *job)
{
	int r;

	if (asprintf(&job->tree, "%s/" TREE, job->order->work) < 0)
		job->tree = NULL;
	if (asprintf(&job->scratch, "%s/" SCRATCH, job->order->work) < 0)
		job->scratch = NULL;
	if (!job->tree || !job->scratch)
		return -ENOMEM;
	r = output_new(job->config->journal_socket, job->order->indexer_id, &job->mask,
		       &job->output);
	r = r < 0 ? r : child_prepare();
	r = r < 0 ? r : load_access(job);
	r = r != 0 ? r : job_prepare(job);
	return r != 0 ? r : work(job);
}

static void job_clear(struct job *job)
{
	job_environment_free(job);
	output_free(job->output);
	access_clear(&job->access);
	source_clear(&job->source);
	free(job->tree);
	free(job->scratch);
	order_free(job->order);
}

static int load_order(const char *directory, order_t **ret, struct source *ret_source)
{
	const char *problem;
	int r = order_load(directory, ret, ret_source, &problem);

	if (r == 0)
		return 0;
	log_error("the order in %s is not usable: %s", directory,
		  r == -EBADMSG ? problem : strerror(-r));
	return r;
}

int fetch_run(const struct fetch_config *config)
{
	_cleanup_(job_clear) struct job job = { .config = config };
	int r;

	umask(0022);
	if (load_order(config->credentials, &job.order, &job.source) < 0)
		return EX_CONFIG;
	r = carry_out(&job);
	if (r != 0)
		complain(&job, r);
	if (job.output)
		output_settle(job.output);
	return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

int fetch_answer(const char *credentials)
{
	_cleanup_(access_clear) struct access access = {};
	_cleanup_(order_freep) order_t *order = NULL;
	_cleanup_source_ struct source source = {};
	const char *problem;

	if (load_order(credentials, &order, &source) < 0 ||
	    access_load(credentials, &source, &access, &problem) < 0 ||
	    access_answer(&access, &source, stdin, stdout) < 0)
		return EXIT_FAILURE;
	return EXIT_SUCCESS;
}
