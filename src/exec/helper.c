/*
 * The log helper's start; see helper.h. Its work is the pump's, and the keeper's.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <sys/wait.h>

#include "common/journal-socket.h"
#include "common/util.h"
#include "exec/helper.h"
#include "exec/keeper.h"
#include "exec/pump.h"
#include "exec/tries.h"
#include "lines/native.h"
#include "lines/sink.h"

/* Three pipes: the streams' and the status's. */
#define STATUS STREAM_N
#define PIPES  (STREAM_N + 1)

static void close_side(int pipes[PIPES][2], int side)
{
	for (int i = 0; i < PIPES; i++) {
		closep(&pipes[i][side]);
		pipes[i][side] = -1;
	}
}

static int open_pipes(int pipes[PIPES][2])
{
	for (int i = 0; i < PIPES; i++)
		if (pipe2(pipes[i], O_CLOEXEC) < 0)
			return -errno;
	return 0;
}

/*
 * Lets go of all that came with the fork: the project's directory, and a stderr that an
 * administrator's drop-in may have made a stream of journald's.
 */
static int detach(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0)
		return -errno;
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (dup2(null, fd) < 0)
			return -errno;
	if (null > STDERR_FILENO)
		close(null);
	if (chdir("/") < 0)
		return -errno;
	return 0;
}

/* The life of the helper and its keeper. All signals stay blocked, so `systemctl kill` does not end
 * it either. */
static int run(const struct helper_config *helper, const char *identifier, int tries,
	       int pipes[PIPES][2])
{
	struct pump_config config = {
		.identifier = identifier,
		.format = helper->format,
		.patterns = helper->patterns,
		.stalled_usec = helper->stalled_usec,
		.journal_socket = JOURNAL_SOCKET,
		.status = pipes[STATUS][0],
	};
	struct pump *pump;
	int r;

	for (int i = 0; i < STREAM_N; i++)
		config.streams[i] = pipes[i][0];
	close_side(pipes, 1);
	r = detach();
	if (r < 0)
		return r;
	r = pump_new(&config, &pump);
	r = r < 0 ? r : keeper_run(pump);
	if (tries >= 0)
		tries_end(tries);
	return r;
}

/* Forks twice and waits for the one between. */
static int fork_helper(const struct helper_config *config, int pipes[PIPES][2])
{
	char name[NATIVE_IDENTIFIER_MAX];
	int status, tries;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		pid = fork();
		if (pid != 0)
			_exit(pid < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
		(void)snprintf(name, sizeof(name), "%s", config->identifier);
		tries = config->tries < 0 ? -1 : fcntl(config->tries, F_DUPFD_CLOEXEC, 0);
		config->forget(config->userdata);
		(void)malloc_trim(0);
		_exit(run(config, name, tries, pipes) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -EAGAIN;
}

int helper_start(const struct helper_config *config, struct helper *ret)
{
	int pipes[PIPES][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	sigset_t all, before;
	int r = open_pipes(pipes);

	if (r >= 0) {
		/* From its first moment on: a stop may come at any time. */
		sigfillset(&all);
		sigprocmask(SIG_SETMASK, &all, &before);
		r = fork_helper(config, pipes);
		sigprocmask(SIG_SETMASK, &before, NULL);
	}
	close_side(pipes, 0);
	if (r < 0) {
		close_side(pipes, 1);
		return r;
	}
	for (int i = 0; i < STREAM_N; i++)
		ret->streams[i] = pipes[i][1];
	ret->status = pipes[STATUS][1];
	return 0;
}

void helper_report_failure(const struct helper *helper)
{
	ssize_t n = write(helper->status, "x", 1);

	(void)n; /* a helper that is gone says nothing either */
}
