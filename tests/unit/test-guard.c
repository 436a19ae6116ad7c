/*
 * What a guard counts of HTTP/2 frames, however they are cut into pieces.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/util.h"
#include "rpc/guard.h"
#include "tap.h"

#define STREAM_MAX (1 << 20)
#define PREFACE	   24

enum { DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, CONTINUATION = 9 };

/* What a peer sends, growing. */
struct sent {
	uint8_t *bytes;
	size_t n;
};

static void begin(struct sent *sent)
{
	sent->bytes = realloc(sent->bytes, STREAM_MAX);
	if (!sent->bytes)
		abort();
	sent->n = PREFACE;
	memcpy(sent->bytes, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", PREFACE);
}

static void frame(struct sent *sent, int type, size_t size)
{
	uint8_t *to = sent->bytes + sent->n;

	assert(sent->n + GUARD_FRAME_HEADER + size <= STREAM_MAX);
	memset(to, 0xff, GUARD_FRAME_HEADER + size); /* a payload that looks like nothing else */
	to[0] = (uint8_t)(size >> 16);
	to[1] = (uint8_t)(size >> 8);
	to[2] = (uint8_t)size;
	to[3] = (uint8_t)type;
	sent->n += GUARD_FRAME_HEADER + size;
}

/* Feeds it in pieces of a size; the words of the limit that was broken, or NULL. */
static const char *feed(const struct sent *sent, size_t piece)
{
	struct guard_meter meter = {};
	struct guard guard = { .meter = &meter };

	for (size_t at = 0; at < sent->n; at += piece)
		if (!guard_feed(&guard, sent->bytes + at, MIN(piece, sent->n - at)))
			break;
	return guard.broken;
}

static void check(const struct sent *sent, const char *want, const char *what)
{
	static const size_t pieces[] = { 1, 7, 9, 10, 4096, STREAM_MAX };

	for (size_t i = 0; i < ELEMENTSOF(pieces); i++) {
		const char *broken = feed(sent, pieces[i]);

		ok(want ? broken && strstr(broken, want) : !broken, "%s, in pieces of %zu: %s",
		   what, pieces[i], broken ? broken : "-");
	}
}

static void test_blocks(struct sent *sent)
{
	begin(sent);
	frame(sent, SETTINGS, 0);
	for (int i = 0; i < 20; i++) {
		frame(sent, HEADERS, 10000);
		frame(sent, CONTINUATION, 10000);
		frame(sent, DATA, 16384);
	}
	check(sent, NULL, "many header blocks");

	begin(sent);
	frame(sent, HEADERS, 16384);
	for (int i = 0; i < 3; i++)
		frame(sent, CONTINUATION, 16384);
	check(sent, NULL, "a header block of 64 KiB");
	frame(sent, CONTINUATION, 1);
	check(sent, "64 KiB of headers", "one byte more");

	begin(sent);
	frame(sent, HEADERS, 0);
	for (int i = 0; i < 1000; i++)
		frame(sent, CONTINUATION, 100);
	check(sent, "64 KiB of headers", "a block of small frames");
}

static void test_resets(struct sent *sent)
{
	struct guard_meter meter = {};
	struct guard guard = { .meter = &meter }, second = { .meter = &meter };
	bool open = true;

	begin(sent);
	for (int i = 0; i < 4000; i++)
		frame(sent, RST_STREAM, 4);
	ok(guard_feed(&guard, sent->bytes, sent->n), "4,000 resets at once");
	/* Two seconds may be touched, in one of which are more than half of these. */
	for (int i = 0; open && i < 3; i++)
		open = guard_feed(&second, sent->bytes, sent->n) &&
		       guard_feed(&guard, sent->bytes + PREFACE, sent->n - PREFACE);
	ok(!open, "and many more on two connections of one caller");
	for (int i = 0; i < 5000; i++) /* more than half of it is within one second */
		frame(sent, RST_STREAM, 4);
	check(sent, "reset more than 4,096 streams", "and 9,000 on one");
}

/* A real socket, as gRPC would read it. */
static void test_socket(struct sent *sent)
{
	struct guard_meter meter = {};
	struct guard guard = { .meter = &meter }, other = { .meter = &meter };
	uint8_t piece[65536];
	struct iovec iov = { piece, sizeof(piece) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct stat st;
	int pair[2];
	bool ended = false;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || fstat(pair[0], &st) < 0)
		abort();
	guard_set(pair[0], st.st_ino, &guard);
	begin(sent);
	frame(sent, HEADERS, 0);
	for (int i = 0; i < 10 && !ended; i++) {
		frame(sent, CONTINUATION, 10000);
		ok(write(pair[1], sent->bytes, sent->n) == (ssize_t)sent->n, "the peer sends");
		sent->n = 0;
		ended = recvmsg(pair[0], &message, 0) == 0;
	}
	ok(ended && guard.broken, "the reader finds the end when a limit is broken");
	guard_unset(pair[0], &other);
	begin(sent);
	ok(write(pair[1], sent->bytes, sent->n) > 0 && recvmsg(pair[0], &message, 0) == 0,
	   "and goes on to, also when another guard is taken away");
	guard_unset(pair[0], &guard);
	ok(write(pair[1], sent->bytes, sent->n) > 0 && recvmsg(pair[0], &message, 0) > 0,
	   "without a guard everything is read");
	guard_set(pair[0], st.st_ino + 1, &guard);
	ok(write(pair[1], sent->bytes, sent->n) > 0 && recvmsg(pair[0], &message, 0) > 0,
	   "and with one of a socket that had the number before");
	guard_unset(pair[0], &guard);
	close(pair[0]);
	close(pair[1]);
}

int main(void)
{
	struct sent sent = {};

	test_blocks(&sent);
	test_resets(&sent);
	test_socket(&sent);
	free(sent.bytes);
	return tap_done();
}
