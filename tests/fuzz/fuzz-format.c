/*
 * Fuzz target: what an indexer's program writes, on its way through splitter, format and encoding.
 * The first byte chooses format, stream and how the rest is cut into chunks; whatever that is, all
 * that goes out must be well formed, and the chunks must make no difference.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "lines/native.h"
#include "lines/splitter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define FORMATS 8

struct target {
	struct format_reader reader;
	enum stream stream;
	struct line_numbers numbers;
	uint64_t hash; /* of all that went out */
};

static void add(struct target *target, const char *bytes, size_t size)
{
	for (size_t i = 0; i < size; i++)
		target->hash = (target->hash ^ (unsigned char)bytes[i]) * 0x100000001b3;
}

static void drain(struct target *target, struct splitter *splitter)
{
	struct log_line line;

	while (splitter_next(splitter, &line)) {
		const char *begin = line.text, *end = line.text + line.size;
		char head[NATIVE_HEAD_MAX];
		size_t n;

		assert(line.size <= SPLITTER_LINE_MAX && !memchr(line.text, '\n', line.size));
		format_read(&target->reader, target->stream, &line);
		assert(line.text >= begin && line.text + line.size <= end);
		assert(line.priority >= 0 && line.priority <= 7 &&
		       (!line.trace || line.priority == 7));
		target->numbers.n[CLASS_ALL]++;
		n = native_head(head, "id", target->stream, &target->numbers, &line);
		add(target, head, n);
		add(target, line.text, line.size);
	}
}

static uint64_t run(uint8_t choice, const uint8_t *data, size_t size, size_t chunk)
{
	static struct splitter splitter;
	struct target target = { .stream = choice & 0x80 ? STREAM_STDERR : STREAM_STDOUT };

	memset(&splitter, 0, offsetof(struct splitter, buffer));
	format_reader_init(&target.reader, format_find(1 + choice % FORMATS));
	while (size > 0) {
		size_t room, n;
		char *into = splitter_room(&splitter, &room);

		assert(room > 0);
		n = MIN(MIN(chunk, room), size);
		memcpy(into, data, n);
		splitter_fill(&splitter, n);
		data += n;
		size -= n;
		drain(&target, &splitter);
	}
	splitter_end(&splitter);
	drain(&target, &splitter);
	return target.hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t choice;

	if (size == 0)
		return 0;
	choice = data[0];
	if (run(choice, data + 1, size - 1, SIZE_MAX) !=
	    run(choice, data + 1, size - 1, 1 + choice % 61))
		abort();
	return 0;
}
