/*
 * Batches of lines to journald; see sink.h. For one thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/journal-socket.h"
#include "common/util.h"
#include "lines/native.h"
#include "lines/sink.h"

#define BATCH_MAX   64
#define RETRY_USEC  (100 * USEC_PER_MSEC)
#define SETTLE_USEC (10 * USEC_PER_SEC)

/* Head, text and tail of a line. */
#define PARTS 3

struct sink {
	const char *path;
	const char *identifier;
	int fd; /* -1 while not connected */
	struct line_numbers last;
	size_t n; /* lines in the batch */
	struct iovec parts[BATCH_MAX * PARTS];
	char heads[BATCH_MAX][NATIVE_HEAD_MAX];
};

int sink_new(const char *path, const char *identifier, const struct line_numbers *last,
	     struct sink **ret)
{
	struct sink *sink = calloc(1, sizeof(*sink));

	if (!sink)
		return -ENOMEM;
	assert(strlen(identifier) < NATIVE_IDENTIFIER_MAX);
	assert(strlen(path) < sizeof(((struct sockaddr_un *)NULL)->sun_path));
	sink->path = path;
	sink->identifier = identifier;
	sink->fd = -1;
	sink->last = *last;
	*ret = sink;
	return 0;
}

struct sink *sink_free(struct sink *sink)
{
	if (!sink)
		return NULL;
	closep(&sink->fd);
	free(sink);
	return NULL;
}

static void sleep_usec(uint64_t usec)
{
	const struct timespec pause = {
		.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC * NSEC_PER_USEC),
	};

	(void)nanosleep(&pause, NULL);
}

/* After an error: the socket may have been replaced, or the kernel is short of memory. */
static void reconnect(struct sink *sink)
{
	closep(&sink->fd);
	sleep_usec(RETRY_USEC);
	sink->fd = journal_socket_connect(sink->path);
}

struct line_numbers sink_numbers(const struct sink *sink)
{
	return sink->last;
}

/* The next numbers, of the classes that the line is in. */
static struct line_numbers number_line(struct sink *sink, const struct log_line *line)
{
	struct line_numbers numbers = { 0 };

	for (int i = 0; i < CLASS_N; i++)
		if (class_has_priority((enum level_class)i, line->priority))
			numbers.n[i] = ++sink->last.n[i];
	return numbers;
}

bool sink_push(struct sink *sink, enum stream stream, const struct log_line *line)
{
	struct iovec *parts = &sink->parts[sink->n * PARTS];
	const struct line_numbers numbers = number_line(sink, line);
	char *head = sink->heads[sink->n];

	assert(sink->n < BATCH_MAX);
	parts[0].iov_base = head;
	parts[0].iov_len = native_head(head, sink->identifier, stream, &numbers, line);
	parts[1] = (struct iovec){ line->text, line->size };
	parts[2] = (struct iovec){ (void *)NATIVE_TAIL, NATIVE_TAIL_SIZE };
	return ++sink->n == BATCH_MAX;
}

/* Sends datagrams in their order, however long it takes. */
static void send_all(struct sink *sink, struct mmsghdr *messages, size_t n)
{
	int sent;

	if (sink->fd < 0)
		sink->fd = journal_socket_connect(sink->path);
	while (n > 0) {
		sent = sendmmsg(sink->fd, messages, (unsigned)n, MSG_NOSIGNAL);
		if (sent < 0 && errno == EMSGSIZE)
			sent = 1; /* It never fits: net.core.wmem_default is very low. That it
				   * is left out, the gap in INDEXER_LINE tells. */
		if (sent > 0) {
			messages += sent;
			n -= (size_t)sent;
		} else if (errno != EINTR) {
			reconnect(sink);
		}
	}
}

void sink_flush(struct sink *sink)
{
	struct mmsghdr messages[BATCH_MAX];

	/*
	 * A datagram for each line, as the protocol is defined. The journald of systemd 252 takes
	 * several entries out of one, at less cost; that of 253 and newer takes the first one, and
	 * drops the others without a word.
	 */
	for (size_t i = 0; i < sink->n; i++)
		messages[i] = (struct mmsghdr){
			.msg_hdr = { .msg_iov = &sink->parts[i * PARTS], .msg_iovlen = PARTS },
		};
	send_all(sink, messages, sink->n);
	sink->n = 0;
}

void sink_settle(struct sink *sink)
{
	sink_flush(sink);
	if (sink->last.n[CLASS_ALL] == 0)
		return;
	send_all(sink, &(struct mmsghdr){ 0 }, 1);
	(void)journal_socket_settle(sink->fd, SETTLE_USEC);
}
