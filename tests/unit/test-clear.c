/*
 * What the daemon and indexer-clear say to each other, and the daemon's side of it against a helper
 * that answers as the test says.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clear/client.h"
#include "clear/request.h"
#include "common/util.h"
#include "tap.h"

static void test_messages(void)
{
	const struct clear_request request = { "redis://h", "p\n w", "an-id", 5000000 };
	struct clear_request long_one = request, got;
	char message[CLEAR_MESSAGE_MAX], text[CLEAR_MESSAGE_MAX];
	int n = clear_request_pack(&request, message), bad = 0;

	ok(n > 0 && clear_request_unpack(message, (size_t)n, &got) == 0,
	   "a request there and back");
	ok(streq(got.address, request.address) && streq(got.password, request.password) &&
		   streq(got.id, request.id) && got.timeout_usec == request.timeout_usec,
	   "is the same");
	for (int i = 0; i < n; i++)
		bad += clear_request_unpack(message, (size_t)i, &got) == -EBADMSG;
	is_int(bad, n, "no part of it is one");
	message[n] = '\0';
	is_int(clear_request_unpack(message, (size_t)n + 1, &got), -EBADMSG, "nor one with more");
	message[n - 2] = 'x';
	is_int(clear_request_unpack(message, (size_t)n, &got), -EBADMSG, "nor one without a time");
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	long_one.password = text;
	is_int(clear_request_pack(&long_one, message), -E2BIG, "what does not fit is refused");
}

/* The helper: one connection after the other, each served by what the test says about its back end.
 */
struct helper {
	sd_event *event;
	int fd;
	unsigned connections;
	const char *reply; /* "" ends the connection without one; NULL never answers */
	char last[CLEAR_MESSAGE_MAX];
};

static int on_request(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct helper *helper = userdata;
	ssize_t n = recv(fd, helper->last, sizeof(helper->last), MSG_DONTWAIT);

	(void)events;
	if (n > 0 && !helper->reply)
		return 0;
	if (n > 0 && *helper->reply) {
		(void)send(fd, helper->reply, strlen(helper->reply), MSG_NOSIGNAL);
		return 0;
	}
	(void)sd_event_source_set_enabled(source, SD_EVENT_OFF); /* it floats: the loop's own */
	close(fd);
	return 0;
}

static int on_connection(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct helper *helper = userdata;
	int connection = accept4(fd, NULL, NULL, SOCK_CLOEXEC);

	(void)source, (void)events;
	helper->connections++;
	return sd_event_add_io(helper->event, NULL, connection, EPOLLIN, on_request, helper);
}

static void helper_begin(struct helper *helper, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	helper->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (helper->fd < 0 || bind(helper->fd, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(helper->fd, 8) < 0 ||
	    sd_event_add_io(helper->event, NULL, helper->fd, EPOLLIN, on_connection, helper) < 0)
		abort();
}

struct answers {
	unsigned n, good;
	char error[1024]; /* of the last that was not good */
};

static void note(const char *error, void *userdata)
{
	struct answers *answers = userdata;

	answers->n++;
	if (error)
		(void)snprintf(answers->error, sizeof(answers->error), "%s", error);
	else
		answers->good++;
}

static void wait_for(sd_event *event, const struct answers *answers, unsigned n)
{
	for (int i = 0; i < 1000 && answers->n < n; i++)
		if (sd_event_run(event, 20 * USEC_PER_MSEC) < 0)
			abort();
}

static void ask(struct clear_client *client, const char *row, const char *id,
		struct answers *answers)
{
	_cleanup_(persistence_clear) struct persistence persistence = {};

	if (persistence_parse(row, &persistence) < 0 ||
	    clear_client_ask(client, &persistence, "pw", id, note, answers) < 0)
		abort();
}

static void test_client(struct helper *helper, struct clear_client *client)
{
	struct answers one = {}, all = {}, other = {}, last = {};
	struct clear_request request;

	helper->reply = "+";
	ask(client, "redis redis://a", "x", &one);
	is_int(one.n, 0, "no answer before the loop runs");
	wait_for(helper->event, &one, 1);
	is_int(one.good, 1, "a key is cleared");
	clear_request_unpack(helper->last,
			     sizeof("redis://a") + sizeof("pw") + sizeof("x") + sizeof("5000000"),
			     &request);
	ok(streq(request.address, "redis://a") && streq(request.id, "x") &&
		   streq(request.password, "pw"),
	   "by what was asked");
	for (int i = 0; i < 50; i++)
		ask(client, "redis redis://a", "y", &all);
	wait_for(helper->event, &all, 50);
	is_int(all.good, 50, "and so are 50");
	is_int(helper->connections, 1, "over one connection");

	helper->reply = "-NOPERM\n<0>x\x7f";
	ask(client, "redis redis://a", "z", &one);
	wait_for(helper->event, &one, 2);
	is_str(one.error, "NOPERM?<0>x?", "an error comes without what could begin a line");

	helper->reply = "!down";
	for (int i = 0; i < 50; i++)
		ask(client, "redis redis://a", "y", &all);
	wait_for(helper->event, &all, 100);
	is_int(all.n, 100, "when it is down all that wait are told");
	is_str(all.error, "down", "and why");

	helper->reply = NULL;
	ask(client, "redis redis://a", "y", &last);
	for (int i = 0; i < 10; i++)
		sd_event_run(helper->event, 10 * USEC_PER_MSEC);
	helper->reply = "+";
	ask(client, "etcd http://b", "y", &other);
	wait_for(helper->event, &other, 1);
	ok(other.good == 1 && last.n == 0, "one that hangs does not hold up another back end");

	helper->reply = "";
	ask(client, "etcd http://b", "y", &other);
	wait_for(helper->event, &other, 2);
	ok(other.n == 2 && other.good == 1, "a helper that ends is told of");
	helper->reply = "+";
	ask(client, "etcd http://b", "y", &other);
	wait_for(helper->event, &other, 3);
	is_int(other.good, 2, "and there is another one for the next");
}

int main(void)
{
	char directory[] = "/tmp/test-clear.XXXXXX", path[64];
	struct helper helper = { .fd = -1 };
	struct clear_client *client;
	struct answers nobody = {};

	test_messages();
	if (!mkdtemp(directory) || sd_event_new(&helper.event) < 0)
		abort();
	(void)snprintf(path, sizeof(path), "%s/clear.sock", directory);
	is_int(clear_client_new(helper.event, path, 5000000, &client), 0, "a client");
	ask(client, "redis redis://a", "x", &nobody);
	wait_for(helper.event, &nobody, 1);
	is_str(nobody.error, "indexerd-clear.socket: No such file or directory",
	       "without a helper");
	helper_begin(&helper, path);
	test_client(&helper, client);
	clear_client_free(client);
	/* The other ends see that their connections are closed. */
	for (int i = 0; i < 10; i++)
		sd_event_run(helper.event, 10 * USEC_PER_MSEC);
	sd_event_unref(helper.event);
	close(helper.fd);
	unlink(path);
	rmdir(directory);
	return tap_done();
}
