/*
 * The daemon's side of indexer-clear; see client.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "clear/client.h"

#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "clear/request.h"
#include "common/log.h"
#include "common/timer.h"
#include "common/util.h"

/* The helper keeps to the time itself. This is for what systemd takes to start it, on a bad day. */
#define PATIENCE_USEC (10 * USEC_PER_SEC)
/* A connection is a process of the helper's, which is kept for what comes next of a tree. */
#define IDLE_USEC (2 * USEC_PER_SEC)
#define ERROR_MAX 512

struct question {
	struct question *next;
	clear_done *done;
	void *userdata;
	size_t size;
	char message[];
};

/* One back end: the same address with the same password. */
struct store {
	struct clear_client *client;
	struct store *next;
	char *name; /* persistence_format() of the choice */
	int fd;	    /* of the connection, or -1 */
	sd_event_source *io;
	sd_event_source *timer; /* of the first question, or of the idle connection */
	struct question *first, **last;
	bool asked; /* the first question is sent */
};

struct clear_client {
	sd_event *event;
	struct store *stores;
	uint64_t timeout_usec;
	struct sockaddr_un address;
};

static void store_go_on(struct store *store);

static void store_disconnect(struct store *store)
{
	store->io = sd_event_source_disable_unref(store->io);
	closep(&store->fd);
	store->fd = -1;
	store->asked = false;
}

static struct question *store_take(struct store *store)
{
	struct question *question = store->first;

	store->first = question->next;
	if (!store->first)
		store->last = &store->first;
	return question;
}

static void question_free(struct question *question)
{
	explicit_bzero(question->message, question->size); /* it has the password */
	free(question);
}

static void store_free(struct store *store)
{
	store_disconnect(store);
	sd_event_source_disable_unref(store->timer);
	while (store->first)
		question_free(store_take(store));
	free(store->name);
	free(store);
}

DEFINE_CLEANUP(struct store, store_free);

static void answer(struct question *question, const char *error)
{
	clear_done *done = question->done;
	void *userdata = question->userdata;

	question_free(question);
	done(error, userdata);
}

/* What is true of one is true of all that wait; who asks again meanwhile is not among them. */
static void fail_all(struct store *store, const char *error)
{
	struct question *question = store->first;

	store_disconnect(store);
	store->first = NULL;
	store->last = &store->first;
	while (question) {
		struct question *next = question->next;

		answer(question, error);
		question = next;
	}
}

static void on_reply(struct store *store, char *reply, size_t n)
{
	enum clear_reply kind = (enum clear_reply)reply[0];

	/* Words of another server, which go into the log: none may begin a line there. */
	for (size_t i = 1; i < n; i++)
		if ((unsigned char)reply[i] < ' ' || reply[i] == 0x7f)
			reply[i] = '?';
	reply[n] = '\0';
	store->asked = false;
	if (kind == CLEAR_NO_BACKEND)
		fail_all(store, reply + 1);
	else
		answer(store_take(store), kind == CLEAR_DONE ? NULL : reply + 1);
	store_go_on(store);
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *userdata)
{
	struct store *store = userdata;
	char reply[ERROR_MAX + 2];
	ssize_t n = recv(fd, reply, sizeof(reply) - 1, MSG_DONTWAIT);

	(void)source, (void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0 && store->asked) {
		on_reply(store, reply, (size_t)n);
		return 0;
	}
	if (store->asked)
		fail_all(store, "indexer-clear has ended without an answer");
	else
		store_disconnect(store); /* it is made again for the next one */
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *userdata)
{
	struct store *store = userdata;

	(void)source, (void)usec;
	if (store->asked)
		fail_all(store, "indexerd-clear@.service does not answer");
	else if (store->first)
		store_go_on(store);
	else
		store_disconnect(store);
	return 0;
}

static int store_connect(struct store *store)
{
	const struct sockaddr_un *address = &store->client->address;

	if (store->fd >= 0)
		return 0;
	store->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (store->fd < 0)
		return -errno;
	if (connect(store->fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		return -errno;
	return sd_event_add_io(store->client->event, &store->io, store->fd, EPOLLIN, on_io, store);
}

static int store_send_first(struct store *store)
{
	const struct question *question = store->first;
	int r = store_connect(store);

	if (r >= 0 &&
	    send(store->fd, question->message, question->size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		r = -errno;
	return r;
}

/* Sends the first question, which is not under way yet. */
static int store_send(struct store *store)
{
	bool reused = store->fd >= 0;
	int r = store_send_first(store);

	if (r < 0 && reused) { /* the helper has just ended */
		store_disconnect(store);
		r = store_send_first(store);
	}
	if (r < 0)
		return r;
	store->asked = true;
	return timer_start(store->timer, store->client->timeout_usec + PATIENCE_USEC);
}

static void store_go_on(struct store *store)
{
	char error[ERROR_MAX];
	int r = 0;

	if (store->asked)
		return;
	if (store->first)
		r = store_send(store);
	else if (store->fd >= 0)
		r = timer_start(store->timer, IDLE_USEC);
	if (r >= 0)
		return;
	(void)snprintf(error, sizeof(error), "indexerd-clear.socket: %s", strerror(-r));
	fail_all(store, error);
}

static int store_new(struct clear_client *client, char **name, struct store **ret)
{
	_cleanup_(store_freep) struct store *store = calloc(1, sizeof(*store));
	int r;

	if (!store)
		return -ENOMEM;
	store->client = client;
	store->fd = -1;
	store->last = &store->first;
	r = timer_new(client->event, 0, on_timer, store, &store->timer);
	if (r < 0)
		return r;
	store->name = TAKE(*name);
	store->next = client->stores;
	client->stores = store;
	*ret = TAKE(store);
	return 0;
}

/* There are as many as the configuration ever named while there were indexers with them. */
static int store_find(struct clear_client *client, const struct persistence *persistence,
		      struct store **ret)
{
	_cleanup_free_ char *name = NULL;
	int r = persistence_format(persistence, &name);

	if (r < 0)
		return r;
	for (struct store *store = client->stores; store; store = store->next)
		if (streq(store->name, name)) {
			*ret = store;
			return 0;
		}
	return store_new(client, &name, ret);
}

/* From the loop, so that `done` is never called from inside of clear_client_ask(). */
static int wake(struct store *store)
{
	return store->asked || store->first->next ? 0 : timer_start(store->timer, 0);
}

int clear_client_ask(struct clear_client *client, const struct persistence *persistence,
		     const char *password, const char *id, clear_done *done, void *userdata)
{
	const struct clear_request request = {
		.address = persistence->address,
		.password = password ? password : "",
		.id = id,
		.timeout_usec = client->timeout_usec,
	};
	char message[CLEAR_MESSAGE_MAX];
	struct question *question;
	struct store *store;
	int r = store_find(client, persistence, &store), n;

	if (r < 0)
		return r;
	n = clear_request_pack(&request, message);
	question = n < 0 ? NULL : malloc(sizeof(*question) + (size_t)n);
	if (question) {
		*question =
			(struct question){ .done = done, .userdata = userdata, .size = (size_t)n };
		memcpy(question->message, message, (size_t)n);
	}
	explicit_bzero(message, sizeof(message));
	if (!question)
		return n < 0 ? n : -ENOMEM;
	*store->last = question;
	store->last = &question->next;
	return wake(store);
}

int clear_client_new(sd_event *event, const char *socket, uint64_t timeout_usec,
		     struct clear_client **ret)
{
	_cleanup_(clear_client_freep) struct clear_client *client = calloc(1, sizeof(*client));

	if (!client)
		return -ENOMEM;
	client->event = sd_event_ref(event);
	client->timeout_usec = timeout_usec;
	client->address.sun_family = AF_UNIX;
	if (strlen(socket) >= sizeof(client->address.sun_path))
		return -ENAMETOOLONG;
	strcpy(client->address.sun_path, socket);
	*ret = TAKE(client);
	return 0;
}

struct clear_client *clear_client_free(struct clear_client *client)
{
	if (!client)
		return NULL;
	for (struct store *store = client->stores, *next; store; store = next) {
		next = store->next;
		store_free(store);
	}
	sd_event_unref(client->event);
	free(client);
	return NULL;
}
