/*
 * The log pump; see pump.h. One thread, three descriptors, buffers of a fixed size.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>

#include "common/util.h"
#include "exec/notify.h"
#include "exec/pump.h"
#include "exec/sink.h"
#include "exec/splitter.h"
#include "model/exit.h"
#include "model/level.h"

/* In the table of descriptors, behind the streams. */
#define STATUS STREAM_N

struct pump {
	struct sink *sink;
	struct pollfd fds[STREAM_N + 1]; /* fd is -1 where it has ended */
	struct format_reader reader;
	struct splitter splitters[STREAM_N];
};

/* Untouched pages of the buffers take no memory. */
static struct pump pump;

static void end_fd(struct pollfd *fd)
{
	close(fd->fd);
	fd->fd = -1;
}

static void push_lines(enum stream stream)
{
	struct log_line line;

	while (splitter_next(&pump.splitters[stream], &line)) {
		format_read(&pump.reader, stream, &line);
		if (line.size > 0)
			sink_push(pump.sink, stream, &line);
	}
	sink_flush(pump.sink);
}

static void on_output(enum stream stream)
{
	struct splitter *splitter = &pump.splitters[stream];
	size_t room;
	char *into = splitter_room(splitter, &room);
	ssize_t n = read(pump.fds[stream].fd, into, room);

	if (n > 0) {
		splitter_fill(splitter, (size_t)n);
	} else if (n == 0 || errno != EINTR) {
		splitter_end(splitter);
		end_fd(&pump.fds[stream]);
	}
	push_lines(stream);
}

/* The helper has no stderr: that would be one of journald's streams. */
static void say(int error, const char *what)
{
	char text[256];
	struct log_line line = { .text = text, .priority = priority_from_level(LEVEL_ERROR) };

	line.size = (size_t)snprintf(text, sizeof(text), "indexer-exec: %s: %s", what,
				     strerror(-error));
	sink_push(pump.sink, STREAM_STDERR, &line);
	sink_flush(pump.sink);
}

/* The pipe's other end is close-on-exec: nothing in it, and gone, means that the program runs. */
static void on_status(void)
{
	char byte;
	ssize_t n = read(pump.fds[STATUS].fd, &byte, 1);
	int r = n == 0 ? notify("STATUS=" EXEC_STATUS_RUNNING) : 0;

	if (n < 0 && errno == EINTR)
		return; /* it is polled again */
	if (r < 0)
		say(r, "cannot tell systemd that the indexer runs");
	end_fd(&pump.fds[STATUS]);
}

int pump_run(const struct pump_config *config)
{
	int r;

	r = sink_new(config->journal_socket, config->identifier, &pump.sink);
	if (r < 0)
		return r;
	format_reader_init(&pump.reader, config->format);
	pump.fds[STATUS] = (struct pollfd){ .fd = config->status, .events = POLLIN };
	for (int i = 0; i < STREAM_N; i++)
		pump.fds[i] = (struct pollfd){ .fd = config->streams[i], .events = POLLIN };

	while (pump.fds[STREAM_STDOUT].fd >= 0 || pump.fds[STREAM_STDERR].fd >= 0 ||
	       pump.fds[STATUS].fd >= 0) {
		/* No limit: an indexer may be silent for ever, and its end ends the pipes. */
		if (poll(pump.fds, ELEMENTSOF(pump.fds), -1) < 0)
			continue;
		if (pump.fds[STATUS].revents)
			on_status();
		for (int i = 0; i < STREAM_N; i++)
			if (pump.fds[i].revents)
				on_output((enum stream)i);
	}
	sink_settle(pump.sink);
	pump.sink = sink_free(pump.sink);
	return 0;
}
