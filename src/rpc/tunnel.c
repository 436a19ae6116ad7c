/*
 * Tunnels; see tunnel.h.
 *
 * A side is read only when the other has taken all that it gave before, so a tunnel never holds
 * more than one piece in each direction; and nothing while it is idle. TLS is read in pieces that
 * hold a whole record, so OpenSSL never keeps back anything that epoll would not tell of.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/log.h"
#include "common/util.h"
#include "rpc/tunnel.h"

#define PIECE_MAX  SSL3_RT_MAX_PLAIN_LENGTH
#define PIECES_MAX 8 /* in each direction at one wake-up, so that others get their turn */

/* At most as often is a failed handshake logged. */
#define LOG_EACH_USEC (1 * USEC_PER_SEC)

/*
 * What the kernel may hold for a client that does not read: it is charged to the daemon, and by
 * default grows to megabytes for each.
 */
#define SOCKET_BUFFER_BYTES (128 * 1024)

/* What one side gave and the other has not taken yet. */
struct rest {
	uint8_t *data; /* owned */
	size_t size, done;
};

struct tunnel {
	const struct tunnel_handler *handler;
	void *userdata;
	struct poller *poller; /* not owned */
	SSL *ssl;
	/* The client's socket; and ours, which is not there before the handshake is over. */
	struct poller_watch outer, inner;
	struct rest up, down; /* from the client, to the client */
	uint32_t wanted;      /* what OpenSSL waits for on the outer side, as epoll has it */
	enum {
		OPEN,	 /* or still shaking hands */
		CLOSING, /* our end was closed: what is left in it is sent */
		PARTING, /* all was sent: the client's end is awaited */
	} phase;
};

/* What a step has come to: nothing to do, something done, or the end. */
enum step {
	STEP_IDLE,
	STEP_DONE,
	STEP_END,
};

static void rest_clear(struct rest *rest)
{
	free(rest->data);
	*rest = (struct rest){};
}

static bool rest_keep(struct rest *rest, const uint8_t *data, size_t size)
{
	rest->data = malloc(size);
	if (!rest->data)
		return false;
	memcpy(rest->data, data, size);
	rest->size = size;
	return true;
}

/* What an operation that returned no data means; the client's mistakes are nobody's business here.
 */
static enum step ssl_step(struct tunnel *tunnel, int result)
{
	switch (SSL_get_error(tunnel->ssl, result)) {
	case SSL_ERROR_WANT_READ:
		tunnel->wanted |= EPOLLIN;
		return STEP_IDLE;
	case SSL_ERROR_WANT_WRITE:
		tunnel->wanted |= EPOLLOUT;
		return STEP_IDLE;
	default:
		ERR_clear_error();
		return STEP_END;
	}
}

/* Writes to a side: the number of bytes, 0 where it takes none now, or -1 at the end. */
static ssize_t write_inner(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
	ssize_t n = send(tunnel->inner.fd, data, size, MSG_NOSIGNAL);

	return n < 0 && errno == EAGAIN ? 0 : n;
}

static ssize_t write_outer(struct tunnel *tunnel, const uint8_t *data, size_t size)
{
	int n;

	ERR_clear_error(); /* SSL_get_error() would find what others have left */
	n = SSL_write(tunnel->ssl, data, (int)size);

	if (n > 0)
		return n;
	return ssl_step(tunnel, n) == STEP_END ? -1 : 0;
}

typedef ssize_t write_side(struct tunnel *tunnel, const uint8_t *data, size_t size);

/* Writes a piece that was just read, and keeps what is not taken. */
static enum step pass_on(struct tunnel *tunnel, write_side *write, struct rest *rest,
			 const uint8_t *data, size_t size)
{
	size_t done = 0;

	while (done < size) {
		ssize_t n = write(tunnel, data + done, size - done);

		if (n < 0)
			return STEP_END;
		if (n == 0)
			return rest_keep(rest, data + done, size - done) ? STEP_DONE : STEP_END;
		done += (size_t)n;
	}
	return STEP_DONE;
}

/* Writes what was kept. */
static enum step flush(struct tunnel *tunnel, write_side *write, struct rest *rest)
{
	while (rest->done < rest->size) {
		ssize_t n = write(tunnel, rest->data + rest->done, rest->size - rest->done);

		if (n <= 0)
			return n < 0 ? STEP_END : STEP_IDLE;
		rest->done += (size_t)n;
	}
	rest_clear(rest);
	return STEP_DONE;
}

static void begin_closing(struct tunnel *tunnel)
{
	if (tunnel->phase != OPEN)
		return;
	tunnel->phase = CLOSING;
	rest_clear(&tunnel->up);
	tunnel->handler->closing(tunnel, tunnel->userdata);
}

static enum step step_up(struct tunnel *tunnel)
{
	uint8_t piece[PIECE_MAX];
	int n;

	if (tunnel->up.data)
		return flush(tunnel, write_inner, &tunnel->up);
	ERR_clear_error();
	n = SSL_read(tunnel->ssl, piece, sizeof(piece));
	return n > 0 ? pass_on(tunnel, write_inner, &tunnel->up, piece, (size_t)n)
		     : ssl_step(tunnel, n);
}

/*
 * The client is told that it is the end, and what it still sends is read: where a socket is closed
 * with something unread in it, the kernel drops what is on its way to the other side.
 */
static enum step part(struct tunnel *tunnel)
{
	(void)SSL_shutdown(tunnel->ssl);
	ERR_clear_error();
	if (shutdown(tunnel->outer.fd, SHUT_WR) < 0)
		return STEP_END;
	begin_closing(tunnel);
	tunnel->phase = PARTING;
	return STEP_IDLE;
}

static enum step step_down(struct tunnel *tunnel)
{
	uint8_t piece[PIECE_MAX];
	ssize_t n;

	if (tunnel->down.data)
		return flush(tunnel, write_outer, &tunnel->down);
	n = recv(tunnel->inner.fd, piece, sizeof(piece), 0);
	if (n > 0)
		return pass_on(tunnel, write_outer, &tunnel->down, piece, (size_t)n);
	if (n < 0 && errno == EAGAIN)
		return STEP_IDLE;
	return part(tunnel);
}

static int watch_inner(struct tunnel *tunnel)
{
	/* When our end was closed it is looked at only to read what lies in it: epoll would tell of
	 * the end again and again. */
	if (tunnel->phase == PARTING || (tunnel->phase == CLOSING && tunnel->down.data)) {
		poller_unset(tunnel->poller, &tunnel->inner);
		return 0;
	}
	return poller_set(tunnel->poller, &tunnel->inner,
			  (tunnel->down.data ? 0 : EPOLLIN) | (tunnel->up.data ? EPOLLOUT : 0));
}

static int watch_outer(struct tunnel *tunnel)
{
	bool reads = tunnel->phase == PARTING || (tunnel->phase == OPEN && !tunnel->up.data);

	return poller_set(tunnel->poller, &tunnel->outer,
			  (reads ? EPOLLIN : 0) | (tunnel->down.data ? EPOLLOUT : 0) |
				  (tunnel->wanted & EPOLLOUT));
}

static void pump(struct tunnel *tunnel)
{
	enum step up = STEP_DONE, down = STEP_DONE;

	tunnel->wanted = 0;
	for (unsigned i = 0; i < PIECES_MAX && (up == STEP_DONE || down == STEP_DONE); i++) {
		/* What comes from the client is of no use any more when our end was closed. */
		up = tunnel->phase == OPEN ? step_up(tunnel) : STEP_IDLE;
		down = up == STEP_END		  ? STEP_END
		       : tunnel->phase == PARTING ? STEP_IDLE
						  : step_down(tunnel);
		if (down == STEP_END)
			break;
	}
	if (down == STEP_END || watch_inner(tunnel) < 0 || watch_outer(tunnel) < 0)
		tunnel->handler->over(tunnel, tunnel->userdata);
}

static void on_inner(struct poller_watch *watch, uint32_t events)
{
	struct tunnel *tunnel = CONTAINER_OF(watch, struct tunnel, inner);

	if (events & EPOLLHUP)
		begin_closing(tunnel);
	pump(tunnel);
}

/* Makes the pair of sockets; *ret is gRPC's end. */
static int make_pair(struct tunnel *tunnel, int *ret)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	tunnel->inner = (struct poller_watch){ .run = on_inner, .fd = pair[0] };
	*ret = pair[1];
	return 0;
}

/* The handshake is over: who is it? */
static int open_inside(struct tunnel *tunnel)
{
	struct name_list names = {};
	const unsigned char *protocol;
	unsigned size;
	int fd = -1, r;

	SSL_get0_alpn_selected(tunnel->ssl, &protocol, &size);
	if (size == 0) {
		log_info("a TLS client has not asked for HTTP/2, as gRPC does");
		return -EPROTO;
	}
	r = tls_peer_names(tunnel->ssl, &names);
	if (r < 0)
		return r;
	r = make_pair(tunnel, &fd);
	if (r < 0)
		name_list_clear(&names);
	else
		tunnel->handler->opened(tunnel, fd, &names, tunnel->userdata);
	return r;
}

/*
 * For the administrator, who has to find out why somebody does not get in. Anybody can have this
 * said, so it is said once in a second at most.
 */
static void log_refused(const struct tunnel *tunnel)
{
	static uint64_t next; /* the poller's thread's, of which there is one */
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} peer;
	char host[NI_MAXHOST] = "an unknown address", why[REASON_MAX];
	socklen_t size = sizeof(peer);
	uint64_t now = now_usec(CLOCK_MONOTONIC);

	if (now < next)
		return;
	next = now + LOG_EACH_USEC;
	if (getpeername(tunnel->outer.fd, &peer.any, &size) == 0)
		(void)getnameinfo(&peer.any, size, host, sizeof(host), NULL, 0, NI_NUMERICHOST);
	tls_explain(tunnel->ssl, why);
	log_info("a TLS handshake with %s has failed: %s", host, why);
}

/*
 * The alert that says why is on its way. Where the socket was closed with something unread in it,
 * such as what a client sends at once, the kernel would drop that.
 */
static int part_refused(struct tunnel *tunnel)
{
	if (shutdown(tunnel->outer.fd, SHUT_WR) < 0)
		return -errno;
	tunnel->phase = PARTING;
	return watch_outer(tunnel);
}

static void shake_hands(struct tunnel *tunnel)
{
	int n, r = 0;

	ERR_clear_error();
	n = SSL_accept(tunnel->ssl);
	tunnel->wanted = 0;
	if (n == 1) {
		r = open_inside(tunnel);
	} else if (SSL_get_error(tunnel->ssl, n) == SSL_ERROR_SSL) {
		log_refused(tunnel);
		r = part_refused(tunnel);
	} else if (ssl_step(tunnel, n) == STEP_END) {
		r = -ECONNABORTED;
	} else {
		r = poller_set(tunnel->poller, &tunnel->outer, tunnel->wanted);
	}
	if (r < 0)
		tunnel->handler->over(tunnel, tunnel->userdata);
	else if (n == 1)
		pump(tunnel);
}

/* Reads until the client has closed, too. */
static void await_end(struct tunnel *tunnel)
{
	uint8_t piece[PIECE_MAX];
	ssize_t n = recv(tunnel->outer.fd, piece, sizeof(piece), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN))
		tunnel->handler->over(tunnel, tunnel->userdata);
}

static void on_outer(struct poller_watch *watch, uint32_t events)
{
	struct tunnel *tunnel = CONTAINER_OF(watch, struct tunnel, outer);

	if (events & (EPOLLERR | EPOLLHUP))
		tunnel->handler->over(tunnel, tunnel->userdata);
	else if (tunnel->phase == PARTING)
		await_end(tunnel);
	else if (tunnel->inner.fd < 0)
		shake_hands(tunnel);
	else
		pump(tunnel);
}

DEFINE_CLEANUP(struct tunnel, tunnel_free);

int tunnel_new(struct poller *poller, struct tls *tls, int fd, const struct tunnel_handler *handler,
	       void *userdata, struct tunnel **ret)
{
	_cleanup_(tunnel_freep) struct tunnel *tunnel = calloc(1, sizeof(*tunnel));
	const int yes = 1, bytes = SOCKET_BUFFER_BYTES;
	int r;

	if (!tunnel) {
		close(fd);
		return -ENOMEM;
	}
	*tunnel = (struct tunnel){ .handler = handler,
				   .userdata = userdata,
				   .poller = poller,
				   .outer = { .run = on_outer, .fd = fd },
				   .inner.fd = -1 };
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	tunnel->ssl = tls_open(tls, fd);
	if (!tunnel->ssl)
		return -ENOMEM;
	r = poller_set(poller, &tunnel->outer, EPOLLIN);
	if (r < 0)
		return r;
	*ret = TAKE(tunnel);
	return 0;
}

struct tunnel *tunnel_free(struct tunnel *tunnel)
{
	if (!tunnel)
		return NULL;
	SSL_free(tunnel->ssl);
	rest_clear(&tunnel->up);
	rest_clear(&tunnel->down);
	poller_unset(tunnel->poller, &tunnel->inner);
	poller_unset(tunnel->poller, &tunnel->outer);
	closep(&tunnel->inner.fd);
	closep(&tunnel->outer.fd);
	free(tunnel);
	return NULL;
}
