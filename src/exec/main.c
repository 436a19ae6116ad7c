/*
 * indexer-exec: the constant ExecStart= of every indexer's unit. It takes what to run from the
 * credential `spec`, waits where it is one of systemd's own restarts, starts the log helper, and
 * becomes the program: the unit's main process is the indexer itself. See indexer-exec(8).
 *
 * The steps in their order, each with the exit code that says which one failed; systemd's names for
 * them appear in `systemctl status`. One thread, two processes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sysexits.h>
#include <syslog.h>

#include "common/journal-socket.h"
#include "common/log.h"
#include "common/notify.h"
#include "common/place.h"
#include "common/util.h"
#include "exec/alone.h"
#include "exec/environment.h"
#include "exec/helper.h"
#include "exec/pause.h"
#include "exec/spec.h"
#include "lines/complaint.h"
#include "model/exit.h"
#include "model/id.h"
#include "model/utf8.h"

#define STATUS_PREFIX	"STATUS="
#define STATUS_TEXT_MAX 512
#define STATUS_MAX	(STATUS_TEXT_MAX + sizeof("\nERRNO=-2147483648"))

/* What the steps before the execve() make for those after. */
struct launch {
	spec_t *spec;
	char **argv; /* the spec's strings, and NULL */
	char **environment;
	struct helper helper;
	struct pause pause;
};

/* Makes a text one value of a notification: systemd ignores what is not UTF-8. Returns its end. */
static char *make_value(char *text)
{
	char *end = text + strlen(text);
	uint32_t c;

	for (char *p = text; p < end;) {
		size_t n = utf8_decode(p, (size_t)(end - p), &c);

		if (n == 0)
			*p = '?';
		else if (c == '\n') /* it would begin another assignment */
			*p = ' ';
		p += MAX(n, (size_t)1);
	}
	return end;
}

/*
 * Says why the program does not run: to the journal, and as the unit's status, whose text the
 * daemon hands on to the client. The error, an errno, marks the text as a complaint.
 */
static void __attribute__((format(printf, 3, 4)))
complain(const struct launch *launch, int error, const char *format, ...)
{
	const char *identifier = launch->spec ? launch->spec->indexer_id : "indexer-exec";
	char state[STATUS_MAX] = STATUS_PREFIX, *text = state + strlen(STATUS_PREFIX), *end;
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, STATUS_TEXT_MAX - strlen(STATUS_PREFIX), format, ap);
	va_end(ap);
	end = make_value(text);
	/* Called by hand, it has somebody to tell; in a unit, stderr is /dev/null, or the pipe. */
	if (isatty(STDERR_FILENO) || complaint_send(JOURNAL_SOCKET, LOG_ERR, identifier, text) < 0)
		log_error("%s", text);
	(void)snprintf(end, (size_t)(state + sizeof(state) - end), "\nERRNO=%d", error);
	(void)notify(state);
}

static void launch_clear(void *userdata)
{
	struct launch *launch = userdata;

	free(TAKE(launch->argv));
	spec_free(TAKE(launch->spec));
	environment_free(TAKE(launch->environment));
	pause_clear(&launch->pause);
}

static int make_environment(struct launch *launch, const char *directory)
{
	struct environment_problem problem;
	int r = environment_build(environ, launch->spec, directory, &launch->environment, &problem);

	if (r >= 0)
		return EXIT_SUCCESS;
	if (!problem.variable) {
		complain(launch, -r, "cannot make the environment: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	complain(launch, -r, "cannot make the variable %s of the credential %s: %s",
		 problem.variable->key, problem.variable->credential, problem.words);
	return EXIT_CODE_CREDENTIALS;
}

static int load(struct launch *launch)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY"), *problem;
	int r;

	if (isempty(directory)) {
		complain(launch, ENOENT,
			 "CREDENTIALS_DIRECTORY is not set: this program is for units of indexerd");
		return EXIT_CODE_CONFIGURATION;
	}
	r = spec_load(directory, &launch->spec, &problem);
	if (r == -EBADMSG) {
		complain(launch, EBADMSG, "%s/spec is not usable: %s", directory, problem);
		return EXIT_CODE_CONFIGURATION;
	}
	if (r < 0) {
		complain(launch, -r, "cannot read %s/spec: %s", directory, strerror(-r));
		return EXIT_CODE_CONFIGURATION;
	}
	launch->argv = calloc(launch->spec->n_argv + 1, sizeof(*launch->argv));
	if (!launch->argv) {
		complain(launch, ENOMEM, "no memory for the command");
		return EXIT_FAILURE;
	}
	memcpy(launch->argv, launch->spec->argv, launch->spec->n_argv * sizeof(*launch->argv));
	return make_environment(launch, directory);
}

static int be_alone(struct launch *launch)
{
	char unit[UNIT_MAX_SIZE];
	pid_t pid;
	int r;

	unit_from_id(launch->spec->indexer_id, unit);
	r = alone_make(unit, &pid);

	if (r == 0)
		return EXIT_SUCCESS;
	complain(launch, -r, "process %d of an earlier start goes on, and cannot be ended: %s",
		 (int)pid, strerror(-r));
	return EXIT_FAILURE;
}

/* It is the wait after this one that suffers. */
static void warn_of_tries(const struct launch *launch, int error)
{
	char text[STATUS_TEXT_MAX];

	(void)snprintf(text, sizeof(text),
		       "cannot note that it is started, in RUNTIME_DIRECTORY: %s; the wait before "
		       "its next restart may be too short",
		       strerror(-error));
	(void)complaint_send(JOURNAL_SOCKET, LOG_WARNING, launch->spec->indexer_id, text);
}

/* Waits, where systemd has started the unit again by itself. */
static int wait_for_turn(struct launch *launch)
{
	int r = pause_before_try(launch->spec, &launch->pause);

	if (r < 0)
		warn_of_tries(launch, r);
	return EXIT_SUCCESS;
}

static int enter(struct launch *launch)
{
	const spec_t *spec = launch->spec;
	const char *source = spec->project_source, *dir = spec->project_dir;
	const char *script = spec->script_path;
	int r = place_enter(source, dir);

	if (r == PLACE_OUTSIDE)
		complain(launch, EPERM, "project_dir '%s' lies outside of project_source %s", dir,
			 source);
	else if (r < 0)
		complain(launch, -r, "cannot change to %s/%s: %s", source, dir, strerror(-r));
	if (r != 0)
		return EXIT_CODE_CHDIR;
	if (isempty(script))
		return EXIT_SUCCESS;

	r = place_check_script(source, script);
	if (r == PLACE_OUTSIDE)
		complain(launch, EPERM, "script '%s' lies outside of project_source %s", script,
			 source);
	else if (r < 0)
		complain(launch, -r, "cannot find script '%s' in %s/%s: %s", script, source, dir,
			 strerror(-r));
	return r == 0 ? EXIT_SUCCESS : EXIT_CODE_CHDIR;
}

/* Starts the helper and puts the pipes in their place. */
static int connect_helper(struct launch *launch)
{
	const spec_t *spec = launch->spec;
	struct progress_patterns patterns;
	struct helper_config config = {
		.identifier = spec->indexer_id,
		.format = format_find(spec->log_format),
		.patterns = &patterns,
		.stalled_usec = spec->stalled_usec,
		.tries = launch->pause.directory,
		.forget = launch_clear,
		.userdata = launch,
	};
	int r = spec_patterns(spec, &patterns);

	r = r < 0 ? r : helper_start(&config, &launch->helper);
	if (r < 0) {
		complain(launch, -r, "cannot start the log helper: %s", strerror(-r));
		return EXIT_FAILURE;
	}
	if (dup2(launch->helper.streams[STREAM_STDOUT], STDOUT_FILENO) < 0 ||
	    dup2(launch->helper.streams[STREAM_STDERR], STDERR_FILENO) < 0) {
		complain(launch, errno, "cannot redirect the output: %s", strerror(errno));
		helper_report_failure(&launch->helper);
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}

/* What is wrong with a program that cannot be executed, in words that tell its author what to do.
 */
static const char *execute_problem(const char *program, int error)
{
	if (error == ENOENT && access(program, F_OK) == 0)
		return "the interpreter that it names does not exist";
	if (error == ENOEXEC) /* what a shell would still run, as a script of its own */
		return "Exec format error: neither a binary for this machine nor a script whose "
		       "first line names its interpreter, such as #!/bin/sh";
	return strerror(error);
}

static int execute(struct launch *launch)
{
	char **argv = launch->argv;
	sigset_t none;
	int error, r;

	/* Dispositions are as systemd set them: nothing here has changed one. */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	(void)close_range(STDERR_FILENO + 1, ~0U, CLOSE_RANGE_CLOEXEC);
	r = pause_end(&launch->pause);
	if (r < 0)
		warn_of_tries(launch, r);
	/*
	 * From this process, and not when the program runs: systemd reads it before it hears of the
	 * process's end, however soon that is, and does not take a quick end for a failed start.
	 * The text comes first: in one message with it, READY=1 would be passed on before the text.
	 */
	r = notify(STATUS_PREFIX EXEC_STATUS_STARTING);
	r = r < 0 ? r : notify("READY=1");
	if (r < 0) {
		complain(launch, -r, "cannot tell systemd that the indexer runs: %s", strerror(-r));
		helper_report_failure(&launch->helper);
		return EXIT_FAILURE;
	}
	execve(argv[0], argv, launch->environment);

	error = errno;
	helper_report_failure(&launch->helper);
	complain(launch, error, "cannot execute %s: %s", argv[0], execute_problem(argv[0], error));
	return EXIT_CODE_EXEC;
}

int main(int argc, char **argv)
{
	static int (*const steps[])(struct launch *) = { load,	be_alone,	wait_for_turn,
							 enter, connect_helper, execute };
	struct launch launch = { .pause.directory = -1 };
	int r = EXIT_SUCCESS;

	if (argc > 1) {
		log_error("%s takes no arguments", argv[0]);
		return EX_USAGE;
	}
	for (size_t i = 0; i < ELEMENTSOF(steps) && r == EXIT_SUCCESS; i++)
		r = steps[i](&launch);
	launch_clear(&launch);
	return r;
}
