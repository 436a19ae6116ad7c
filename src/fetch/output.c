/*
 * What programs say; see output.h. One thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "fetch/output.h"

#include <errno.h>
#include <stdarg.h>

#include "common/util.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "lines/sink.h"
#include "lines/splitter.h"

#define OWN_LINE_MAX 4096

/* The end of a stream, in whole lines if one of them fits. */
struct tail {
	char text[2 * WORDS_MAX];
	size_t size;
};

struct output {
	struct sink *sink;
	const struct mask *mask;
	struct format_reader reader;
	struct splitter splitters[STREAM_N];
	struct tail tails[STREAM_N];
};

int output_new(const char *journal_socket, const char *identifier, const struct mask *mask,
	       struct output **ret)
{
	_cleanup_(output_freep) struct output *output = calloc(1, sizeof(*output));
	int r;

	if (!output)
		return -ENOMEM;
	output->mask = mask;
	r = sink_new(journal_socket, identifier, &(struct line_numbers){}, &output->sink);
	if (r < 0)
		return r;
	output_begin(output);
	*ret = TAKE(output);
	return 0;
}

struct output *output_free(struct output *output)
{
	if (!output)
		return NULL;
	sink_free(output->sink);
	free(output);
	return NULL;
}

void output_begin(struct output *output)
{
	memset(output->splitters, 0, sizeof(output->splitters));
	memset(output->tails, 0, sizeof(output->tails));
	format_reader_init(&output->reader,
			   format_find(INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_AUTO));
}

static void tail_add(struct tail *tail, const struct log_line *line)
{
	size_t n = MIN(line->size, (size_t)WORDS_MAX - 2), room = sizeof(tail->text) - 1;

	if (tail->size + n + 1 > room) {
		size_t drop = tail->size + n + 1 - room;
		char *newline = memchr(tail->text + drop, '\n', tail->size - drop);

		drop = newline ? (size_t)(newline + 1 - tail->text) : tail->size;
		tail->size -= drop;
		memmove(tail->text, tail->text + drop, tail->size);
	}
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)line->text[i];

		tail->text[tail->size++] = c < 0x20 || c == 0x7f ? ' ' : (char)c;
	}
	tail->text[tail->size++] = '\n';
	tail->text[tail->size] = '\0';
}

static void push(struct output *output, enum stream stream)
{
	struct log_line line;

	while (splitter_next(&output->splitters[stream], &line)) {
		mask_line(output->mask, line.text, line.size);
		format_read(&output->reader, stream, &line);
		if (line.size == 0)
			continue;
		tail_add(&output->tails[stream], &line);
		if (sink_push(output->sink, stream, &line))
			sink_flush(output->sink);
	}
	sink_flush(output->sink);
}

bool output_read(struct output *output, enum stream stream, int fd)
{
	size_t room;
	char *into = splitter_room(&output->splitters[stream], &room);
	ssize_t n = read(fd, into, room);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN;
	splitter_fill(&output->splitters[stream], (size_t)n);
	push(output, stream);
	return n > 0;
}

void output_end(struct output *output)
{
	for (int i = 0; i < STREAM_N; i++) {
		splitter_end(&output->splitters[i]);
		push(output, (enum stream)i);
	}
}

/* What fits of the end, from the beginning of a line if there is one in it. */
static const char *tail_words(const struct tail *tail)
{
	const char *words = tail->text, *newline;

	if (tail->size < WORDS_MAX)
		return words;
	words += tail->size - (WORDS_MAX - 1);
	newline = strchr(words, '\n');
	return newline && newline[1] ? newline + 1 : words;
}

const char *output_words(const struct output *output)
{
	const struct tail *tails = output->tails;

	return tail_words(&tails[tails[STREAM_STDERR].size > 0 ? STREAM_STDERR : STREAM_STDOUT]);
}

void output_say(struct output *output, int priority, const char *format, ...)
{
	char text[OWN_LINE_MAX];
	struct log_line line = { .text = text, .priority = priority };
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	for (char *p = text; *p; p++)
		if (*p == '\n')
			*p = ' ';
	line.size = strlen(text);
	mask_line(output->mask, text, line.size);
	(void)sink_push(output->sink, STREAM_STDERR, &line);
	sink_flush(output->sink);
}

void output_settle(struct output *output)
{
	sink_settle(output->sink);
}
