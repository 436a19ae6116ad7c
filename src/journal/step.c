/*
 * Steps from record to record; see step.h.
 *
 * POSIX and glibc allow a handler of SIGABRT not to return, and abort() holds no lock while it
 * runs. sd_journal has none either, and the assertion stands before anything is changed: what it
 * holds is as it was, and can be closed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stddef.h>
#include <unistd.h>

#include "journal/step.h"

/* Where this thread's step goes on; NULL while it is in none. */
static _Thread_local sigjmp_buf *way_out;

/* abort() comes on the thread that calls it; systemd's watchdog sends the same signal from outside.
 */
static void on_abort(int signal_number, siginfo_t *info, void *context)
{
	(void)context;
	if (way_out && info->si_code == SI_TKILL && info->si_pid == getpid())
		siglongjmp(*way_out, 1);
	(void)signal(signal_number, SIG_DFL);
	(void)raise(signal_number); /* when the handler has returned */
}

int journal_catch_aborts(void)
{
	const struct sigaction action = { .sa_sigaction = on_abort, .sa_flags = SA_SIGINFO };

	return sigaction(SIGABRT, &action, NULL) < 0 ? -errno : 0;
}

/* The handler has been left with its signal blocked; to save the mask each time would be dear. */
static int give_up(void)
{
	sigset_t aborts;

	way_out = NULL;
	sigemptyset(&aborts);
	sigaddset(&aborts, SIGABRT);
	(void)pthread_sigmask(SIG_UNBLOCK, &aborts, NULL);
	return -ENOTRECOVERABLE;
}

static int step(sd_journal *j, int (*direction)(sd_journal *j))
{
	sigjmp_buf here;
	int r;

	if (sigsetjmp(here, 0) != 0)
		return give_up();
	way_out = &here;
	r = direction(j);
	way_out = NULL;
	return r;
}

int journal_next(sd_journal *j)
{
	return step(j, sd_journal_next);
}

int journal_previous(sd_journal *j)
{
	return step(j, sd_journal_previous);
}
