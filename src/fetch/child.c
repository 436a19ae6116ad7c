/*
 * One program after the other; see child.h. One thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "common/read.h"
#include "common/util.h"

/* How often is watched. */
#define WATCH_USEC (2 * USEC_PER_SEC)
/* Reads that empty a pipe, however large it has been made. */
#define DRAIN_READS 64
/* What is left behind may start more while it is ended; the unit's end ends all of it. */
#define REAP_ROUNDS 1000
#define PIDS_MAX    4096

int child_prepare(void)
{
	/* What is built has our user, and would otherwise get at our memory by /proc. */
	return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0 ? -errno : 0;
}

static void __attribute__((noreturn)) become(const struct child *child, const int ends[STREAM_N])
{
	int input = child->input >= 0 ? child->input : open("/dev/null", O_RDONLY | O_CLOEXEC);
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(input, STDIN_FILENO) < 0 || dup2(ends[STREAM_STDOUT], STDOUT_FILENO) < 0 ||
	    dup2(ends[STREAM_STDERR], STDERR_FILENO) < 0)
		_exit(EXIT_FAILURE);
	if (fchdir(child->directory) < 0)
		dprintf(STDERR_FILENO, "cannot change to its directory: %m\n");
	else
		execvpe(child->argv[0], (char *const *)child->argv, child->environment);
	dprintf(STDERR_FILENO, "cannot execute %s: %m\n", child->argv[0]);
	_exit(127);
}

/* Reads stdout into the buffer. 1, 0 at its end, or a negative errno. */
static int capture(const struct child *child, size_t *used, int fd)
{
	ssize_t n = read(fd, child->capture + *used, child->capacity - *used);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	if ((size_t)n == child->capacity - *used)
		return -E2BIG;
	*used += (size_t)n;
	child->capture[*used] = '\0';
	return n > 0;
}

struct run {
	struct output *output;
	const struct child *child;
	struct pollfd fds[STREAM_N + 1]; /* the streams, and the process; fd is -1 at the end */
	size_t captured;
	uint64_t watch_at; /* of the monotonic clock, in microseconds */
};

/* 0 or a negative errno. */
static int read_stream(struct run *run, enum stream stream)
{
	struct pollfd *fd = &run->fds[stream];
	int r = stream == STREAM_STDOUT && run->child->capture
			? capture(run->child, &run->captured, fd->fd)
			: output_read(run->output, stream, fd->fd);

	if (r == 0)
		fd->fd = -1;
	return MIN(r, 0);
}

/* What is in the pipes when all have ended that write, or should have. */
static int drain(struct run *run)
{
	int r = 0;

	for (int i = 0; i < STREAM_N; i++)
		for (int n = 0; n < DRAIN_READS && run->fds[i].fd >= 0 && r == 0; n++) {
			if (poll(&run->fds[i], 1, 0) <= 0)
				break;
			r = read_stream(run, (enum stream)i);
		}
	return r;
}

static int watch(struct run *run)
{
	int r;

	if (!run->child->watch || now_usec(CLOCK_MONOTONIC) < run->watch_at)
		return 0;
	r = run->child->watch(run->child->userdata);
	run->watch_at = now_usec(CLOCK_MONOTONIC) + WATCH_USEC;
	return r;
}

/* Until the process ends. 0, or what ends it. */
static int follow(struct run *run)
{
	const int timeout = run->child->watch ? (int)(WATCH_USEC / USEC_PER_MSEC) : -1;
	int r = 0;

	while (r == 0) {
		int n = poll(run->fds, ELEMENTSOF(run->fds), timeout);

		if (n < 0 && errno != EINTR)
			return -errno;
		for (int i = 0; i < STREAM_N && n > 0 && r == 0; i++)
			if (run->fds[i].revents)
				r = read_stream(run, (enum stream)i);
		if (r != 0 || (n > 0 && run->fds[STREAM_N].revents))
			return r;
		r = watch(run);
	}
	return r;
}

/* The children of this process that are there, as the kernel lists them. */
static ssize_t list_children(pid_t pids[PIDS_MAX])
{
	_cleanup_free_ char *path = NULL, *text = malloc(PIDS_MAX * 8);
	_cleanup_close_ int fd = -1;
	size_t n = 0;
	ssize_t size;

	if (!text || asprintf(&path, "/proc/self/task/%d/children", (int)getpid()) < 0)
		return -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	size = read_all(fd, text, PIDS_MAX * 8);
	for (const char *p = text, *end = text + MAX(size, (ssize_t)0); p < end && n < PIDS_MAX;) {
		uint64_t pid;
		const char *next = decimal_read(p, end, &pid);

		if (!next || next == end) /* it may be cut */
			break;
		pids[n++] = (pid_t)pid;
		p = next + strspn(next, " ");
	}
	return (ssize_t)n;
}

/* Ends all that a program has left behind, which became children of ours. */
static void reap(void)
{
	pid_t pids[PIDS_MAX];

	for (int round = 0; round < REAP_ROUNDS; round++) {
		ssize_t n = list_children(pids);

		if (n <= 0)
			return;
		for (ssize_t i = 0; i < n; i++)
			(void)kill(pids[i], SIGKILL);
		for (ssize_t i = 0; i < n; i++)
			(void)waitpid(pids[i], NULL, 0);
	}
}

static int finish(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int watch_process(struct run *run, pid_t pid)
{
	_cleanup_close_ int process = pidfd_open(pid, 0);
	int r = process < 0 ? -errno : 0, code;

	run->fds[STREAM_N] = (struct pollfd){ .fd = process, .events = POLLIN };
	r = r == 0 ? follow(run) : r;
	if (r != 0)
		(void)kill(pid, SIGKILL);
	code = finish(pid);
	reap();
	r = r == 0 ? drain(run) : r;
	output_end(run->output);
	return r != 0 ? r : code;
}

int child_run(struct output *output, const struct child *child)
{
	struct run run = { .output = output, .child = child };
	int pipes[STREAM_N][2] = { { -1, -1 }, { -1, -1 } }, r = 0;
	pid_t pid = -1;

	output_begin(output);
	for (int i = 0; i < STREAM_N && r == 0; i++) {
		r = pipe2(pipes[i], O_CLOEXEC) < 0 ? -errno : 0;
		if (r == 0 && fcntl(pipes[i][0], F_SETFL, O_NONBLOCK) < 0)
			r = -errno;
		run.fds[i] = (struct pollfd){ .fd = pipes[i][0], .events = POLLIN };
	}
	if (r == 0) {
		pid = fork();
		r = pid < 0 ? -errno : 0;
	}
	if (pid == 0)
		become(child, (const int[STREAM_N]){ pipes[0][1], pipes[1][1] });
	for (int i = 0; i < STREAM_N; i++)
		closep(&pipes[i][1]);
	if (r == 0)
		r = watch_process(&run, pid);
	for (int i = 0; i < STREAM_N; i++)
		closep(&pipes[i][0]);
	return r;
}
