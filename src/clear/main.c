/*
 * indexer-clear: clears the state of deleted indexers out of Redis and etcd, for the daemon. See
 * indexer-clear(8).
 *
 * The daemon itself has no network, and reads nothing that a back end has sent: systemd starts this
 * program for its connection, in a sandbox of its own and as a user of its own. It is told one key
 * after the other, and ends with the connection. Whatever hangs beyond the time that a request
 * gives is ended by SIGALRM, and with it the program.
 *
 * One thread, but for those of gRPC.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <grpc/grpc.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sysexits.h>

#include "clear/backend.h"
#include "common/log.h"
#include "common/util.h"

/* After the deadline, how long until the alarm: what keeps to the deadline says more. */
#define PATIENCE_USEC (USEC_PER_SEC / 2)

static void on_alarm(int signal)
{
	static const char words[] = "no answer in time";
	char reply[sizeof(words)] = { CLEAR_NO_BACKEND };

	memcpy(reply + 1, words, sizeof(words) - 1);
	(void)signal;
	(void)send(STDIN_FILENO, reply, sizeof(reply), MSG_NOSIGNAL | MSG_DONTWAIT);
	_exit(EXIT_SUCCESS);
}

static void set_alarm(uint64_t usec)
{
	const struct itimerval timer = {
		.it_value = { .tv_sec = (time_t)(usec / USEC_PER_SEC),
			      .tv_usec = (suseconds_t)(usec % USEC_PER_SEC) },
	};

	(void)setitimer(ITIMER_REAL, &timer, NULL);
}

static enum clear_reply clear(struct attempt *attempt)
{
	static enum clear_reply (*const clears[])(struct attempt *) = {
		[BACKEND_REDIS] = redis_clear,
		[BACKEND_ETCD] = etcd_clear,
	};
	struct backend_address address;
	const char *problem;

	if (!id_valid(attempt->request->id) ||
	    backend_address_parse(attempt->request->address, &address, &problem) < 0) {
		(void)snprintf(attempt->error, sizeof(attempt->error),
			       "the daemon asks for no key of a back end");
		return CLEAR_FAILED;
	}
	attempt->address = &address;
	return clears[address.backend](attempt);
}

/* The size of the reply, which is not what is sent but for the first byte where all went well. */
static size_t answer(const char *message, size_t n, char reply[1 + CLEAR_ERROR_MAX])
{
	struct clear_request request;
	struct attempt attempt = { .request = &request };

	if (clear_request_unpack(message, n, &request) < 0) {
		reply[0] = CLEAR_FAILED;
		return 1;
	}
	set_alarm(request.timeout_usec + PATIENCE_USEC);
	attempt.deadline = now_usec(CLOCK_MONOTONIC) + request.timeout_usec;
	reply[0] = (char)clear(&attempt);
	set_alarm(0);
	return 1 + (size_t)sprintf(reply + 1, "%s", attempt.error);
}

static int serve(int fd)
{
	char message[CLEAR_MESSAGE_MAX], reply[1 + CLEAR_ERROR_MAX];
	ssize_t n;

	while ((n = recv(fd, message, sizeof(message), 0)) > 0) {
		size_t size = answer(message, (size_t)n, reply);

		explicit_bzero(message, sizeof(message)); /* it has the password */
		if (send(fd, reply, size, MSG_NOSIGNAL) < 0)
			return EX_IOERR;
	}
	return n < 0 ? EX_IOERR : EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
	int r;

	if (argc > 1) {
		log_error("%s takes no arguments; systemd starts it for indexerd", argv[0]);
		return EX_USAGE;
	}
	(void)setenv("GRPC_VERBOSITY", "NONE", 0);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGALRM, on_alarm);
	grpc_init();
	r = serve(STDIN_FILENO);
	grpc_shutdown();
	return r;
}
