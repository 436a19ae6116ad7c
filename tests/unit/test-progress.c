/*
 * Progress: its text, and the patterns by which it is found, on lines of real programs and on those
 * of programs that mean ill.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "common/util.h"
#include "model/progress.h"
#include "model/progress_pattern.h"
#include "tap.h"

static void test_text(void)
{
	static const struct {
		struct progress progress;
		const char *text;
	} rows[] = {
		{ { 100, 1234, 2000, 1769860800000000, false },
		  "Block 1234 of 2000 (from 100), moved at 2026-01-31T12:00:00Z" },
		{ { 100, 1234, 2000, 1769860800000000, true },
		  "Block 1234 of 2000 (from 100), moved at 2026-01-31T12:00:00Z, stalled" },
		{ { 0, 0, 0, 1000000, false }, "Block 0 (from 0), moved at 1970-01-01T00:00:01Z" },
		{ { UINT64_MAX, UINT64_MAX, UINT64_MAX, 253402300799000000, true },
		  "Block 18446744073709551615 of 18446744073709551615 (from 18446744073709551615), "
		  "moved at 9999-12-31T23:59:59Z, stalled" },
	};
	char text[PROGRESS_TEXT_MAX];

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct progress progress = {};

		progress_write(&rows[i].progress, text);
		is_str(text, rows[i].text, "text %zu", i);
		is_int(progress_parse(text, &progress), 0, "is read");
		ok(progress_same(&progress, &rows[i].progress), "and says the same");
	}
	progress_write(&(struct progress){ .time = 1769860800999999 }, text);
	is_str(text, "Block 0 (from 0), moved at 2026-01-31T12:00:00Z", "whole seconds");
}

static void test_bad_text(void)
{
	static const char *const texts[] = {
		"",
		"The program runs.",
		"Block",
		"Block ",
		"Block 1",
		"Block 1 (from 1)",
		"Block 1 (from 1), moved at ",
		"Block 1 (from 1), moved at now",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00Z ",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00Z,",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00Z, stalled ",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00Z, stalled, stalled",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00.5Z",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00+00:00",
		"Block 1 (from 1), moved at 2026-01-32T12:00:00Z",
		"Block 1 (from 1), moved at 1970-01-01T00:00:00Z",
		"Block 1 (from 1), moved at 1969-12-31T23:59:59Z",
		"Block 1 (from 1), moved at 2026-01-31T12:00:00.00000000000000000000000000000000Z",
		"Block 01 (from 1), moved at 2026-01-31T12:00:00Z",
		"Block +1 (from 1), moved at 2026-01-31T12:00:00Z",
		"Block -1 (from 1), moved at 2026-01-31T12:00:00Z",
		"Block 18446744073709551616 (from 1), moved at 2026-01-31T12:00:00Z",
		"Block 1 of 0 (from 1), moved at 2026-01-31T12:00:00Z",
		"Block 1 of  2 (from 1), moved at 2026-01-31T12:00:00Z",
		"block 1 (from 1), moved at 2026-01-31T12:00:00Z",
		" Block 1 (from 1), moved at 2026-01-31T12:00:00Z",
	};

	for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
		struct progress progress = { .current_block = 77 };

		is_int(progress_parse(texts[i], &progress), -EINVAL, "refused: '%s'", texts[i]);
		is_int(progress.current_block, 77, "and nothing is changed");
	}
}

/* Finds patterns, separated by newlines, in a line: "current/head/starting", "-" for each that is
 * not there. */
static const char *find_in(const char *patterns, const char *line, size_t size)
{
	static char result[3 * 24];
	struct progress_patterns parsed = {};
	struct progress_values values;
	char copy[PROGRESS_PATTERNS_MAX * PROGRESS_PATTERN_MAX], *next = copy, *pattern;
	const char *problem;
	size_t at, n = 0;

	snprintf(copy, sizeof(copy), "%s", patterns);
	while ((pattern = strsep(&next, "\n")))
		if (progress_patterns_add(&parsed, pattern, &problem, &at) < 0)
			return problem;
	if (!progress_patterns_find(&parsed, line, size, &values))
		return "";
	for (size_t i = 0; i < PROGRESS_VALUES; i++) {
		const char *slash = i > 0 ? "/" : "";

		if (values.found & 1u << i)
			n += (size_t)snprintf(result + n, sizeof(result) - n, "%s%" PRIu64, slash,
					      values.value[i]);
		else
			n += (size_t)snprintf(result + n, sizeof(result) - n, "%s-", slash);
	}
	return result;
}

static void test_find(void)
{
	static const char *const rows[][3] = {
		/* Apibara v1, as text and as JSON */
		{ "block=${CURRENT}",
		  "2024-11-19T11:35:45.123996Z  INFO handle block batch block=7 status=accepted",
		  "7/-/-" },
		{ "\"block\":${CURRENT}",
		  "{\"timestamp\":\"2024-11-19T11:35:45.1Z\",\"level\":\"INFO\",\"fields\":"
		  "{\"message\":\"handle block batch\",\"block\":7,\"status\":\"accepted\"}}",
		  "7/-/-" },
		/* Others */
		{ "best: #${CURRENT}\ntarget=#${HEAD}",
		  "Syncing 12.3 bps, target=#400 (10 peers), best: #123 (0x1f...), finalized #100",
		  "123/400/-" },
		{ "Synced ${CURRENT}/${HEAD} blocks", "[x] Synced 12/200 blocks", "12/200/-" },
		{ "blocks ${STARTING} to ${HEAD}", "following blocks 5 to 9", "-/9/5" },
		{ "from block ${STARTING}\nblock ${CURRENT}", "resumes from block 100",
		  "100/-/100" },
		{ "costs $$${CURRENT}", "it costs $12", "12/-/-" },
		{ "block ${CURRENT} of ${HEAD}", "block\t 12 of   99", "12/99/-" },
		{ "\"block\" : ${CURRENT}", "{\"block\":12}", "12/-/-" },
		/* The first place, and the first pattern */
		{ "block=${CURRENT}", "block=x block=2 block=3", "2/-/-" },
		{ "x=${CURRENT}\ny${HEAD}", "y3 x=2", "2/3/-" },
		{ "a block=${CURRENT}\nblocks ${HEAD}\nblo ${STARTING}", "a block=1 blocks 2 blo 3",
		  "1/2/3" },
		{ "xblock=${CURRENT}\nblock=${HEAD}\nlock=${STARTING}", "lock=4", "-/-/4" },
		{ "to=${CURRENT}\nfrom=${CURRENT}", "from=1 to=2", "2/-/-" },
		{ "block=${CURRENT} head=${HEAD}\nblock=${CURRENT}", "block=2 head=9", "2/9/-" },
		{ "block=${CURRENT} head=${HEAD}\nblock=${CURRENT}", "block=2 gas=9", "2/-/-" },
		/* Whole words and numbers */
		{ "block=${CURRENT}", "superblock=2 sub_block=3", "" },
		{ "block=${CURRENT}", "x.block=2", "2/-/-" },
		{ "block=${CURRENT}", "block=12n", "" },
		{ "block=${CURRENT}n", "block=12n", "12/-/-" },
		{ "block=${CURRENT}n", "block=12next", "" },
		{ "block=${CURRENT}", "block=12.5", "" },
		{ "block=${CURRENT}", "block=12,345", "" },
		{ "block=${CURRENT}", "at block=12.", "12/-/-" },
		{ "block=${CURRENT}", "block=12,gas=1", "12/-/-" },
		{ "block=${CURRENT}", "block=0x12", "" },
		{ "block=${CURRENT}", "block=-12", "" },
		{ "block=${CURRENT}", "block=\"12\"", "" },
		{ "block=${CURRENT}", "block=007", "7/-/-" },
		{ "block=${CURRENT}", "block=0", "0/-/-" },
		{ "block=${CURRENT}", "block=18446744073709551615", "18446744073709551615/-/-" },
		{ "block=${CURRENT}", "block=18446744073709551616", "" },
		{ "block=${CURRENT}", "block=99999999999999999999999999999999999999", "" },
		{ "block=${CURRENT}", "block=", "" },
		{ "block=${CURRENT}", "", "" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++)
		is_str(find_in(rows[i][0], rows[i][1], strlen(rows[i][1])), rows[i][2], "%s: %s",
		       rows[i][0], rows[i][1]);
}

static void test_bad_patterns(void)
{
	static const struct {
		const char *text, *problem;
		size_t at;
	} rows[] = {
		{ "", "it has none of ${CURRENT}, ${HEAD} and ${STARTING}", 0 },
		{ "block", "it has none of ${CURRENT}, ${HEAD} and ${STARTING}", 5 },
		{ "${CURRENT}", "expected text before the first variable", 0 },
		{ " a${CURRENT}", "it begins with a blank", 0 },
		{ "a${CURRENT}${HEAD}", "expected text between two variables", 11 },
		{ "a${CURRENT} \t ${HEAD}", "expected text between two variables", 14 },
		{ "a${CURRENT}b${CURRENT}", "a variable is there twice", 12 },
		{ "a${NOPE}", "expected ${CURRENT}, ${HEAD} or ${STARTING}; a dollar is written $$",
		  1 },
		{ "a$", "expected ${CURRENT}, ${HEAD} or ${STARTING}; a dollar is written $$", 1 },
		{ "a${CURRENT",
		  "expected ${CURRENT}, ${HEAD} or ${STARTING}; a dollar is written $$", 1 },
	};
	char longest[PROGRESS_PATTERN_MAX + 1] = "${CURRENT}";
	struct progress_patterns patterns = {};
	const char *problem;
	size_t at;

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		problem = "none";
		is_int(progress_patterns_add(&patterns, rows[i].text, &problem, &at), -EBADMSG,
		       "refused: '%s'", rows[i].text);
		is_str(problem, rows[i].problem, "with the words");
		is_int(at, rows[i].at, "and the place");
	}
	memset(longest, 'x', sizeof(longest) - 1);
	memcpy(longest + 100, "${CURRENT}", 10);
	is_int(progress_patterns_add(&patterns, longest, &problem, &at), -EBADMSG, "256 bytes");
	longest[PROGRESS_PATTERN_MAX - 1] = '\0';
	is_int(progress_patterns_add(&patterns, longest, &problem, &at), 0, "255 bytes");
	while (patterns.n < PROGRESS_PATTERNS_MAX)
		assert(progress_patterns_add(&patterns, "a${CURRENT}", &problem, &at) == 0);
	is_int(progress_patterns_add(&patterns, "a${CURRENT}", &problem, &at), -E2BIG,
	       "one more than there can be");
}

/* Lines that nearly match at each byte: none may cost more than a moment. The limit is a hundred
 * times what they take. */
static void test_hostile(void)
{
	static const char *const rows[][2] = {
		{ "a a a a a a a a ${CURRENT}", "a" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaa ${CURRENT}", "a" },
		{ "a ${CURRENT}", "a        " },
		{ "= ${CURRENT} of ${HEAD}", "= 1 of " },
		{ "orderKey: ${CURRENT}n", "orderKey: 1" },
		{ "1${CURRENT}x", "1" },
	};
	size_t size = 48 * 1024;
	char *line = malloc(size);
	uint64_t begin;

	assert(line);
	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		for (size_t k = 0; k < size; k++)
			line[k] = rows[i][1][k % strlen(rows[i][1])];
		begin = now_usec(CLOCK_THREAD_CPUTIME_ID);
		for (int n = 0; n < 10; n++)
			is_str(find_in(rows[i][0], line, size), "", "a hostile line for %s",
			       rows[i][0]);
		ok(now_usec(CLOCK_THREAD_CPUTIME_ID) - begin < USEC_PER_SEC, "ends soon");
	}
	memset(line, ' ', size);
	memcpy(line + PROGRESS_LINE_MAX - 8, "block=12", 8);
	is_str(find_in("block=${CURRENT}", line, size), "12/-/-", "as far as it is looked at");
	memcpy(line + PROGRESS_LINE_MAX - 7, " block=12", 9);
	is_str(find_in("block=${CURRENT}", line, size), "12/-/-", "and no number is cut there");
	memcpy(line + PROGRESS_LINE_MAX - 7, "     block=12", 13);
	is_str(find_in("block=${CURRENT}", line, size), "", "no further");
	is_str(find_in("a\xff${CURRENT}",
		       "\0a\xff"
		       "12\0",
		       6),
	       "12/-/-", "any bytes");
	free(line);
}

int main(void)
{
	test_text();
	test_bad_text();
	test_find();
	test_bad_patterns();
	test_hostile();
	return tap_done();
}
