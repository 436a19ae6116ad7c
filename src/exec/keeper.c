/*
 * The keeper of the log helper; see keeper.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "exec/keeper.h"

/* Other than the helper's, which can so be named alone. */
#define KEEPER_NAME "indexer-keeper"
#define HELPER_NAME "indexer-log"

/* Before another try: a helper that dies at once is not to take a processor for itself. */
#define PAUSE_USEC (100 * USEC_PER_MSEC)

/* The child's status, as wait(2) has it; -errno where there can be none. */
static int run_child(struct pump *pump)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)prctl(PR_SET_NAME, HELPER_NAME);
		_exit(pump_run(pump) < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
	}
	while (waitpid(pid, &status, 0) < 0)
		assert(errno == EINTR);
	return status;
}

int keeper_run(struct pump *pump)
{
	(void)prctl(PR_SET_NAME, KEEPER_NAME);
	for (;;) {
		int status = run_child(pump);

		/* A unit at its limit of tasks or memory: rather without a keeper than without a
		 * log. */
		if (status < 0)
			return pump_run(pump);
		if (WIFEXITED(status))
			return WEXITSTATUS(status) == EXIT_SUCCESS ? 0 : -ENOMEM;
		pump_recover(pump, WTERMSIG(status));
		(void)usleep(PAUSE_USEC);
	}
}
