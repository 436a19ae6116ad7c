/*
 * The log pump; see pump.h. One thread, three descriptors, buffers of a fixed size.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/mman.h>

#include "common/notify.h"
#include "common/util.h"
#include "exec/pump.h"
#include "exec/tracker.h"
#include "lines/sink.h"
#include "lines/splitter.h"
#include "model/exit.h"
#include "model/level.h"

/* In the table of descriptors, behind the streams. */
#define STATUS STREAM_N

/* How far the journal has it: where a successor goes on. */
struct delivered {
	struct splitter_mark marks[STREAM_N];
	struct format_reader reader;
	struct line_numbers numbers;
};

struct pump {
	struct pump_config config;
	struct sink *sink;		 /* of the process that runs it */
	struct pollfd fds[STREAM_N + 1]; /* fd is -1 where it has ended */
	struct format_reader reader;
	struct tracker tracker;
	struct delivered delivered;
	int killed_by; /* the signal, until it is said; 0 if none */
	struct splitter splitters[STREAM_N];
};

static void end_fd(struct pollfd *fd)
{
	close(fd->fd);
	fd->fd = -1;
}

/* Sends what there is. A process that is killed between the two sends it again, with the same
 * numbers. */
static void deliver(struct pump *pump)
{
	sink_flush(pump->sink);
	for (int i = 0; i < STREAM_N; i++)
		pump->delivered.marks[i] = splitter_mark(&pump->splitters[i]);
	pump->delivered.reader = pump->reader;
	pump->delivered.numbers = sink_numbers(pump->sink);
}

/* Of a line in pieces only the first one is looked at: a number may be cut. */
static void follow(struct pump *pump, const struct log_line *line)
{
	struct progress_values values;

	if (!line->continued && tracker_find(&pump->tracker, line->text, line->size, &values))
		tracker_note(&pump->tracker, &values, now_usec(CLOCK_MONOTONIC),
			     now_usec(CLOCK_REALTIME));
}

static void push_lines(struct pump *pump, enum stream stream)
{
	struct log_line line;

	while (splitter_next(&pump->splitters[stream], &line)) {
		format_read(&pump->reader, stream, &line);
		follow(pump, &line);
		if (line.size > 0 && sink_push(pump->sink, stream, &line))
			deliver(pump);
	}
	deliver(pump);
}

static void on_output(struct pump *pump, enum stream stream)
{
	struct splitter *splitter = &pump->splitters[stream];
	size_t room;
	char *into = splitter_room(splitter, &room);
	ssize_t n;

	pump->delivered.marks[stream] = splitter_mark(splitter);
	n = read(pump->fds[stream].fd, into, room);
	if (n > 0) {
		splitter_fill(splitter, (size_t)n);
	} else if (n == 0 || errno != EINTR) {
		splitter_end(splitter);
		end_fd(&pump->fds[stream]);
	}
	push_lines(pump, stream);
}

/* The helper has no stderr: that would be one of journald's streams. */
static void __attribute__((format(printf, 2, 3))) say(struct pump *pump, const char *format, ...)
{
	char text[256] = "indexer-exec: ";
	struct log_line line = { .text = text, .priority = priority_from_level(LEVEL_ERROR) };
	size_t n = strlen(text);
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text + n, sizeof(text) - n, format, ap);
	va_end(ap);
	line.size = strlen(text);
	(void)sink_push(pump->sink, STREAM_STDERR, &line);
	deliver(pump);
}

/* The pipe's other end is close-on-exec: nothing in it, and gone, means that the program runs. */
static void on_status(struct pump *pump)
{
	char byte;
	ssize_t n = read(pump->fds[STATUS].fd, &byte, 1);
	int r = n == 0 ? notify("STATUS=" EXEC_STATUS_RUNNING) : 0;

	if (n < 0 && errno == EINTR)
		return; /* it is polled again */
	if (r < 0)
		say(pump, "cannot tell systemd that the indexer runs: %s", strerror(-r));
	end_fd(&pump->fds[STATUS]);
}

/* Tells systemd of the progress, if it is time. The log does not wait for systemd to take it. */
static void tell_progress(struct pump *pump)
{
	char state[sizeof("STATUS=") + PROGRESS_TEXT_MAX], text[PROGRESS_TEXT_MAX];

	if (!tracker_tell(&pump->tracker, now_usec(CLOCK_MONOTONIC), text))
		return;
	(void)snprintf(state, sizeof(state), "STATUS=%s", text);
	if (notify_now(state) < 0)
		tracker_untell(&pump->tracker);
}

int pump_new(const struct pump_config *config, struct pump **ret)
{
	/* Untouched pages of the buffers take no memory. */
	struct pump *pump = mmap(NULL, sizeof(*pump), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (pump == MAP_FAILED)
		return -ENOMEM;
	pump->config = *config;
	pump->config.patterns = NULL;
	format_reader_init(&pump->reader, config->format);
	tracker_init(&pump->tracker, config->patterns, config->stalled_usec);
	pump->delivered.reader = pump->reader;
	pump->fds[STATUS] = (struct pollfd){ .fd = config->status, .events = POLLIN };
	for (int i = 0; i < STREAM_N; i++)
		pump->fds[i] = (struct pollfd){ .fd = config->streams[i], .events = POLLIN };
	*ret = pump;
	return 0;
}

void pump_recover(struct pump *pump, int signal)
{
	for (int i = 0; i < STREAM_N; i++)
		if (signal == SIGKILL)
			splitter_rewind(&pump->splitters[i], pump->delivered.marks[i]);
		else
			splitter_clear(&pump->splitters[i]);
	pump->reader = pump->delivered.reader;
	tracker_untell(&pump->tracker);
	pump->killed_by = signal;
}

/* What a successor has to do first: the lines of the batch that may not have been sent, which get
 * the numbers that they had, and only then a line of its own. */
static void take_over(struct pump *pump)
{
	for (int i = 0; i < STREAM_N; i++)
		push_lines(pump, (enum stream)i);
	say(pump, "the log helper was killed by signal %d (%s) and has been started again; %s",
	    pump->killed_by, strsignal(pump->killed_by),
	    pump->killed_by == SIGKILL ? "lines before this one may be there twice"
				       : "lines before this one may be missing");
	pump->killed_by = 0;
}

/* Milliseconds until there is something to tell; -1 if nothing but a line will bring it. */
static int tell_timeout(const struct tracker *tracker)
{
	uint64_t due = tracker_due(tracker), now;

	if (due == UINT64_MAX)
		return -1;
	now = now_usec(CLOCK_MONOTONIC);
	/* Rounded up, and a long one in parts. */
	return due <= now ? 0 : (int)MIN((due - now) / USEC_PER_MSEC + 1, (uint64_t)INT_MAX);
}

/* Waits until there is something to read or to tell. No other limit: an indexer may be silent for
 * ever, and its end ends the pipes. Returns false when all have ended. */
static bool wait_for_output(struct pollfd *fds, size_t n, const struct tracker *tracker)
{
	bool open = false;

	for (size_t i = 0; i < n; i++)
		open = open || fds[i].fd >= 0;
	while (open && poll(fds, n, tell_timeout(tracker)) < 0)
		;
	return open;
}

int pump_run(struct pump *pump)
{
	const struct pump_config *config = &pump->config;
	int r;

	r = sink_new(config->journal_socket, config->identifier, &pump->delivered.numbers,
		     &pump->sink);
	if (r < 0)
		return r;
	if (pump->killed_by)
		take_over(pump);
	while (wait_for_output(pump->fds, ELEMENTSOF(pump->fds), &pump->tracker)) {
		if (pump->fds[STATUS].revents)
			on_status(pump);
		for (int i = 0; i < STREAM_N; i++)
			if (pump->fds[i].revents)
				on_output(pump, (enum stream)i);
		tell_progress(pump);
	}
	sink_settle(pump->sink);
	pump->sink = sink_free(pump->sink);
	return 0;
}
