/*
 * The keeper and the pump: a socket stands in journald's place, and the process that reads the
 * pipes is killed in the middle of its work, by SIGKILL and by a signal as of a crash.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/util.h"
#include "exec/keeper.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "tap.h"

#define WAIT_MS 20000

/* A helper under its keeper, and all ends that a test holds of it. */
struct fixture {
	char dir[64], path[96], notify_path[96];
	int journal;
	int notify;	       /* in the place of systemd */
	int streams[STREAM_N]; /* to write to */
	int status;
	pid_t keeper;
};

static int bound_socket(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	assert(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0);
	return fd;
}

static void set_up(struct fixture *f)
{
	struct progress_patterns patterns = {};
	struct pump_config config = { .identifier = "id", .journal_socket = f->path };
	int pipes[STREAM_N + 1][2];
	const char *problem;
	struct pump *pump;
	size_t at;

	strcpy(f->dir, "/tmp/test-exec-keeper.XXXXXX");
	assert(mkdtemp(f->dir));
	snprintf(f->path, sizeof(f->path), "%s/socket", f->dir);
	snprintf(f->notify_path, sizeof(f->notify_path), "%s/notify", f->dir);
	f->journal = bound_socket(f->path);
	f->notify = bound_socket(f->notify_path);
	assert(setenv("NOTIFY_SOCKET", f->notify_path, true) == 0);
	assert(progress_patterns_add(&patterns, "block=${CURRENT}", &problem, &at) == 0);
	for (int i = 0; i <= STREAM_N; i++)
		assert(pipe2(pipes[i], O_CLOEXEC) == 0);
	for (int i = 0; i < STREAM_N; i++)
		config.streams[i] = pipes[i][0];
	config.status = pipes[STREAM_N][0];
	config.patterns = &patterns;
	config.format = format_find(INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG);
	f->keeper = fork();
	assert(f->keeper >= 0);
	if (f->keeper == 0) {
		for (int i = 0; i <= STREAM_N; i++)
			close(pipes[i][1]);
		_exit(pump_new(&config, &pump) < 0 || keeper_run(pump) < 0);
	}
	for (int i = 0; i <= STREAM_N; i++)
		close(pipes[i][0]);
	for (int i = 0; i < STREAM_N; i++)
		f->streams[i] = pipes[i][1];
	f->status = pipes[STREAM_N][1];
}

/* Ends the output; returns the keeper's exit code. */
static int tear_down(struct fixture *f)
{
	struct pollfd fd = { .fd = f->journal, .events = POLLIN };
	char buffer[4096];
	int status;

	for (int i = 0; i < STREAM_N; i++)
		close(f->streams[i]);
	close(f->status);
	/* It waits until all that it has sent is read. */
	while (waitpid(f->keeper, &status, WNOHANG) == 0)
		if (poll(&fd, 1, 20) > 0)
			(void)recv(f->journal, buffer, sizeof(buffer), 0);
	close(f->journal);
	close(f->notify);
	(void)unlink(f->path);
	(void)unlink(f->notify_path);
	(void)rmdir(f->dir);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* The helper's pid, when it is another one than `before`. */
static pid_t find_helper(const struct fixture *f, pid_t before)
{
	char path[64];
	pid_t pid = 0;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", f->keeper, f->keeper);
	for (int i = 0; i < WAIT_MS / 5 && (pid == 0 || pid == before); i++) {
		FILE *file = fopen(path, "re");

		if (!file || fscanf(file, "%d", &pid) != 1)
			pid = 0;
		if (file)
			fclose(file);
		(void)poll(NULL, 0, 5);
	}
	return pid;
}

/* Waits until a process sleeps: the helper has then noted what it has sent. */
static void wait_until_idle(pid_t pid)
{
	char path[64], state = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (int i = 0; i < WAIT_MS / 5 && state != 'S'; i++) {
		FILE *file = fopen(path, "re");

		assert(file && fscanf(file, "%*d %*s %c", &state) == 1);
		fclose(file);
		(void)poll(NULL, 0, 5);
	}
}

/* The next datagram of a socket as a string, the NULs of a record's sizes made visible. */
static const char *receive_from(int socket)
{
	static char buffer[65536];
	struct pollfd fd = { .fd = socket, .events = POLLIN };
	ssize_t n = poll(&fd, 1, WAIT_MS) > 0 ? recv(socket, buffer, sizeof(buffer) - 1, 0) : 0;

	for (ssize_t i = 0; i < n; i++)
		buffer[i] = buffer[i] ? buffer[i] : '0';
	buffer[MAX(n, (ssize_t)0)] = '\0';
	return buffer;
}

static const char *receive(const struct fixture *f)
{
	return receive_from(f->journal);
}

static bool has(const char *text, const char *part)
{
	return strstr(text, part);
}

static void say(const struct fixture *f, enum stream stream, const char *text)
{
	assert(write(f->streams[stream], text, strlen(text)) == (ssize_t)strlen(text));
}

static void test_killed(int signal, bool keeps)
{
	struct fixture f;
	const char *text;
	pid_t helper;

	set_up(&f);
	helper = find_helper(&f, 0);
	say(&f, STREAM_STDOUT, "<4>first\n<5>half a");
	text = receive(&f);
	ok(has(text, "first") && has(text, "INDEXER_LINE=1\n"), "signal %d: a line before", signal);
	wait_until_idle(helper);
	assert(kill(helper, signal) == 0);
	ok(find_helper(&f, helper) > 0, "another helper is started");
	text = receive(&f);
	ok(has(text, "has been started again") && has(text, "PRIORITY=3\n"), "it says so");
	ok(has(text, "INDEXER_LINE=2\n"), "its line has the next number");

	say(&f, STREAM_STDOUT, " line\n");
	text = receive(&f);
	ok(has(text, "half a") == keeps && has(text, " line\n"), "what was read before is %s",
	   keeps ? "kept" : "dropped");
	ok(has(text, keeps ? "PRIORITY=5\n" : "PRIORITY=6\n"), "with its level");
	say(&f, STREAM_STDERR, "other\n");
	ok(has(receive(&f), "INDEXER_STREAM=stderr\n"), "the other stream goes on too");
	is_int(tear_down(&f), 0, "it ends when the output does");
}

static void test_progress(void)
{
	struct fixture f;
	pid_t helper;

	set_up(&f);
	helper = find_helper(&f, 0);
	say(&f, STREAM_STDOUT, "block=7\n");
	ok(has(receive_from(f.notify), "STATUS=Block 7 (from 7), moved at "), "the first block");
	(void)receive(&f);
	wait_until_idle(helper);
	assert(kill(helper, SIGKILL) == 0);
	assert(find_helper(&f, helper) > 0);
	say(&f, STREAM_STDERR, "block=8\n");
	ok(has(receive_from(f.notify), "STATUS=Block 8 (from 7), moved at "),
	   "another helper goes on with what was known");
	is_int(tear_down(&f), 0, "and ends");
}

static void test_end(void)
{
	struct fixture f;

	set_up(&f);
	say(&f, STREAM_STDOUT, "no newline");
	close(f.streams[STREAM_STDOUT]);
	f.streams[STREAM_STDOUT] = dup(f.streams[STREAM_STDERR]);
	ok(has(receive(&f), "no newline"), "the last line needs no newline");
	is_int(tear_down(&f), 0, "a helper that ends is not started again");
}

int main(void)
{
	test_killed(SIGKILL, true);
	test_killed(SIGABRT, false);
	test_progress();
	test_end();
	return tap_done();
}
