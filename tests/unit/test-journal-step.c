/*
 * Steps that libsystemd ends with abort(), as it does where an assertion fails; and what is no
 * step.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <dlfcn.h>
#include <errno.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "journal/journal.h"
#include "journal/step.h"
#include "tap.h"

static atomic_int aborts; /* so many steps from now on end with it */
static void (*in_step)(void);

/* Stands before libsystemd's own. */
int sd_journal_next(sd_journal *j)
{
	int (*real)(sd_journal * j);

	*(void **)&real = dlsym(RTLD_NEXT, "sd_journal_next");
	if (in_step)
		in_step();
	if (atomic_load(&aborts) > 0 && atomic_fetch_sub(&aborts, 1) > 0)
		abort();
	return real(j);
}

/* The signal that a process dies by which calls the function; 0 where it lives on. */
static int death_by(void (*function)(sd_journal *j), sd_journal *j)
{
	const struct rlimit no_core = { 0 };
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		(void)setrlimit(RLIMIT_CORE, &no_core);
		function(j);
		_exit(0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		abort();
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

static void abort_after_step(sd_journal *j)
{
	(void)journal_next(j);
	abort();
}

/* As systemd does to a service that does not answer its watchdog. */
static void send_signal(void)
{
	pid_t child = fork();

	if (child == 0) {
		(void)kill(getppid(), SIGABRT);
		_exit(0);
	}
	(void)waitpid(child, NULL, 0);
}

static void step_into_signal(sd_journal *j)
{
	in_step = send_signal;
	(void)journal_next(j);
}

static void test_steps(const char *directory)
{
	sd_journal *j;

	if (!is_int(sd_journal_open_directory(&j, directory, 0), 0, "an empty journal"))
		return;
	is_int(journal_catch_aborts(), 0, "aborts are caught");
	is_int(journal_next(j), 0, "a step");
	for (int i = 0; i < 3; i++) {
		atomic_store(&aborts, 1);
		is_int(journal_next(j), -ENOTRECOVERABLE, "one that is given up");
		is_int(journal_next(j), 0, "and the next one");
	}
	is_int(journal_previous(j), 0, "backwards, too");
	is_int(death_by(abort_after_step, j), SIGABRT, "outside of a step it is the end");
	is_int(death_by(step_into_signal, j), SIGABRT, "and where the signal comes from outside");
	sd_journal_close(j);
}

static int on_record(const struct log_record *record, void *userdata)
{
	(void)record, (void)userdata;
	return 0;
}

static void on_end(int error, void *userdata)
{
	is_int(error, 0, "it ends without an error");
	sem_post((sem_t *)userdata);
}

/* Who follows a journal hears nothing of it: not of the workers' readers, not of the live one. */
static void test_stream(const char *directory)
{
	static const struct log_sink sink = { .record = on_record, .end = on_end };
	const struct journal_source source = { .directory = directory };
	struct log_query query = { .uid = "0123456789abcdef0123456789abcdef", .follow = true };
	struct log_stream *stream;
	struct journal *journal;
	struct timespec until;
	sem_t ended;

	sem_init(&ended, 0, 0);
	atomic_store(&aborts, 5);
	if (!is_int(journal_new(&source, &journal), 0, "a journal") ||
	    !is_int(log_stream_open(journal, &query, &sink, &ended, &stream), 0, "a stream"))
		return;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += 60;
	while (atomic_load(&aborts) > 0 && now_usec(CLOCK_REALTIME) < until.tv_sec * USEC_PER_SEC)
		(void)sched_yield();
	log_stream_finish(stream, now_usec(CLOCK_REALTIME), now_usec(CLOCK_MONOTONIC));
	ok(sem_timedwait(&ended, &until) == 0 && atomic_load(&aborts) <= 0,
	   "a stream whose steps are given up goes on");
	log_stream_close(stream);
	journal_free(journal);
}

int main(void)
{
	char directory[] = "/tmp/test-journal-step.XXXXXX";

	if (ok(mkdtemp(directory) != NULL, "a directory")) {
		test_steps(directory);
		test_stream(directory);
		rmdir(directory);
	}
	return tap_done();
}
