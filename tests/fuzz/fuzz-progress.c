/*
 * Fuzz target: progress. Behind the first byte, either a status text ('S'), or patterns, a NUL
 * between each two, and behind an empty one the line in which they are looked for.
 *
 * A text that is read must be the one that is written for it; a value that is found stands as
 * digits in the line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/progress.h"
#include "model/progress_pattern.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_text(const char *text)
{
	struct progress progress = {};
	char again[PROGRESS_TEXT_MAX];

	if (progress_parse(text, &progress) < 0)
		return;
	assert(progress.time > 0);
	progress_write(&progress, again);
	assert(streq(again, text));
}

/* Whether the number begins somewhere in the line. */
static bool stands_in(const char *line, const char *end, uint64_t number)
{
	uint64_t n;

	for (const char *p = line; p < end; p++)
		if (decimal_read(p, end, &n) && n == number)
			return true;
	return false;
}

static void try_patterns(const char *text, const char *end)
{
	struct progress_patterns patterns = {};
	struct progress_values values;
	const char *problem;

	for (size_t n; (n = strlen(text)) > 0; text += n + 1) {
		size_t at = SIZE_MAX;
		int r = progress_patterns_add(&patterns, text, &problem, &at);

		assert(r == 0 || (patterns.n == PROGRESS_PATTERNS_MAX) == (at == SIZE_MAX));
		assert(r == 0 || at == SIZE_MAX || at <= n);
		if (text + n == end)
			return;
	}
	if (!progress_patterns_find(&patterns, text + 1, (size_t)(end - text) - (text < end),
				    &values))
		return;
	for (unsigned i = 0; i < PROGRESS_VALUES; i++)
		assert(!(values.found & 1u << i) || stands_in(text, end, values.value[i]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (size < 2)
		return 0;
	text = malloc(size);
	if (!text)
		abort();
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'S')
		try_text(text);
	else
		try_patterns(text, text + size - 1);
	free(text);
	return 0;
}
