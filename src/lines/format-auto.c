/*
 * The format `auto`: learns from the first lines which format a program writes; see format.h.
 *
 * While it learns, a line has the level that the first format to know it finds. The format that has
 * known three lines first is the choice from then on, for both streams. Until one has, it goes on
 * learning: a program may write thousands of plain lines before its first error.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "lines/format-impl.h"

#define VOTES_WANTED 3

static const struct {
	const struct format *format;
	bool (*head)(struct log_line *line); /* NULL: the format's own */
} candidates[FORMAT_CANDIDATES] = {
	{ &format_syslog, NULL },
	{ &format_json, NULL },
	{ &format_logfmt, NULL },
	{ &format_apibara, NULL },
	/* A level alone is rather Python's. */
	{ &format_tracing, format_tracing_stamped },
	{ &format_python, NULL },
};

static void choose(struct format_reader *reader, const struct format *format)
{
	reader->format = format;
	reader->chosen = true;
}

bool format_learn(struct format_reader *reader, struct log_line *line)
{
	for (size_t i = 0; i < ELEMENTSOF(candidates); i++) {
		const struct format *format = candidates[i].format;

		if (!(candidates[i].head ? candidates[i].head(line) : format->head(line)))
			continue;
		if (++reader->votes[i] == VOTES_WANTED)
			choose(reader, format);
		return true;
	}
	return false;
}

const struct format format_auto = {
	.name = "auto",
	.usual = { LEVEL_INFO, LEVEL_INFO },
	.strip_ansi = true,
};
