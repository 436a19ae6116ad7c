/*
 * Log formats: the lines of log-lines.tsv, which real programs wrote, have the levels that stand
 * there; what is written of a line; and what no table can say.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <stdlib.h>

#include "common/util.h"
#include "lines/ansi.h"
#include "lines/format.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "model/level.h"
#include "tap.h"

#define TABLE	 "tests/unit/log-lines.tsv"
#define TEXT_MAX 4096

static const char *const names[] = {
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW] = "raw",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG] = "syslog",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA] = "apibara",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_TRACING] = "tracing",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_JSON] = "json",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_LOGFMT] = "logfmt",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_PYTHON] = "python",
	[INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_AUTO] = "auto",
};

static const struct format *find(const char *name)
{
	for (size_t i = 0; i < ELEMENTSOF(names); i++)
		if (names[i] && streq(names[i], name))
			return format_find((int)i);
	abort();
}

static void start(struct format_reader *reader, const char *name)
{
	format_reader_init(reader, find(name));
}

/* Reads a copy of a line; returns its level, and what is to be written in ret. */
static enum level read_line(struct format_reader *reader, enum stream stream, const char *text,
			    bool continued, char ret[static TEXT_MAX])
{
	char copy[TEXT_MAX];
	struct log_line line = { .text = copy, .size = strlen(text), .continued = continued };

	assert(line.size < TEXT_MAX);
	memcpy(copy, text, line.size);
	format_read(reader, stream, &line);
	memcpy(ret, line.text, line.size);
	ret[line.size] = '\0';
	return level_from_priority(line.priority, line.trace);
}

/* The level alone. */
static enum level level_of(struct format_reader *reader, enum stream stream, const char *text)
{
	char ignored[TEXT_MAX];

	return read_line(reader, stream, text, false, ignored);
}

/* --- the table ------------------------------------------------------------------------------- */

static char *unescape(char *text)
{
	static const char codes[] = "et\\", bytes[] = "\033\t\\";
	char *to = text;

	for (const char *p = text; *p; p++)
		*to++ = *p == '\\' && p[1] ? bytes[strchr(codes, *++p) - codes] : *p;
	*to = '\0';
	return text;
}

/* What is written of a line: colours are all that the table has of control sequences, and a prefix
 * of a priority is no text. */
static void make_plain(const char *line, char *ret)
{
	if (line[0] == '<' && line[1] >= '0' && line[1] <= '7' && line[2] == '>')
		line += 3;
	for (; *line; line++)
		if (*line == '\033')
			line += strcspn(line, "m");
		else
			*ret++ = *line;
	*ret = '\0';
}

static void test_row(struct format_reader *reader, char *const row[5])
{
	char want[TEXT_MAX], text[TEXT_MAX];
	enum stream stream = row[2][0] == 'E' ? STREAM_STDERR : STREAM_STDOUT;
	enum level level;

	if (row[2][0] == '=') {
		struct log_line line = { .text = want, .size = 0 };

		format_read(reader, STREAM_STDOUT, &line);
		is_str(line.format ? line.format : "-", row[3], "%s: %s", row[1], row[3]);
		return;
	}
	(void)unescape(row[4]);
	if (streq(row[0], "raw"))
		strcpy(want, row[4]);
	else
		make_plain(row[4], want);
	level = read_line(reader, stream, row[4], false, text);
	ok(streq(text, want) && (!*text || (int)level == level_from_name(row[3])), "%s, %s: %s %s",
	   row[0], row[1], row[3], text);
}

static void test_table(void)
{
	const char *top = getenv("srcdir");
	char path[4096], *buffer = NULL, process[512] = "";
	struct format_reader reader;
	size_t size = 0, rows = 0;
	ssize_t n;
	FILE *file;

	snprintf(path, sizeof(path), "%s/" TABLE, top ? top : ".");
	file = fopen(path, "re");
	assert(file);
	while ((n = getline(&buffer, &size, file)) > 0) {
		char *row[5], *rest = buffer, now[512];

		buffer[n - 1] = '\0';
		if (*buffer == '#' || !*buffer)
			continue;
		for (size_t i = 0; i < ELEMENTSOF(row); i++)
			assert((row[i] = strsep(&rest, "\t")));
		snprintf(now, sizeof(now), "%s\t%s", row[0], row[1]);
		if (!streq(now, process))
			start(&reader, row[0]);
		strcpy(process, now);
		test_row(&reader, row);
		rows++;
	}
	ok(rows >= 150, "%zu rows", rows);
	free(buffer);
	fclose(file);
}

/* --- what needs more than a line ---------------------------------------------------------------
 */

static void test_pieces(void)
{
	struct format_reader reader;
	char text[TEXT_MAX];

	start(&reader, "apibara");
	is_int(read_line(&reader, STREAM_STDOUT, "t | error a very long", false, text), LEVEL_ERROR,
	       "a head");
	is_int(read_line(&reader, STREAM_STDOUT, "t | debug \033[1mpiece", true, text), LEVEL_ERROR,
	       "its pieces have its level, whatever they look like");
	is_str(text, "t | debug piece", "and lose their colours too");
}

static void test_streams_are_apart(void)
{
	static const struct {
		const char *format, *head;
	} rows[] = {
		{ "apibara", "t | error failed" }, { "tracing", "ERROR failed" },
		{ "json", "{\"level\":50}" },	   { "logfmt", "level=error" },
		{ "python", "ERROR:root:failed" }, { "auto", "ERROR:root:failed" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct format_reader reader;

		start(&reader, rows[i].format);
		is_int(level_of(&reader, STREAM_STDOUT, "started"), LEVEL_INFO, "%s: a plain line",
		       rows[i].format);
		is_int(level_of(&reader, STREAM_STDERR, rows[i].head), LEVEL_ERROR, "an error");
		is_int(level_of(&reader, STREAM_STDOUT, "  { a: 1 }"), LEVEL_INFO,
		       "does not give its level to what goes on elsewhere");
		is_int(level_of(&reader, STREAM_STDERR, "    at x"), LEVEL_ERROR,
		       "but to what continues it");
	}
}

static void test_traceback_of_a_crash(void)
{
	struct format_reader reader;

	start(&reader, "python");
	(void)level_of(&reader, STREAM_STDERR, "INFO:root:block 7");
	is_int(level_of(&reader, STREAM_STDERR, "Traceback (most recent call last):"), LEVEL_ERROR,
	       "a traceback behind INFO is that of a crash");
	(void)level_of(&reader, STREAM_STDERR, "WARNING:root:again");
	is_int(level_of(&reader, STREAM_STDERR, "Traceback (most recent call last):"),
	       LEVEL_WARNING, "behind WARNING, it belongs to that");
	(void)level_of(&reader, STREAM_STDOUT, "ERROR:root:failed");
	(void)level_of(&reader, STREAM_STDOUT, "Traceback (most recent call last):");
	(void)level_of(&reader, STREAM_STDOUT, "  File \"x.py\"");
	is_int(level_of(&reader, STREAM_STDOUT, "KeyError: 'x'"), LEVEL_ERROR, "the exception too");
	is_int(level_of(&reader, STREAM_STDOUT, "printed"), LEVEL_INFO,
	       "what is printed then, not");
}

/* What `auto` has chosen after a line has been read so often; "-" for nothing. */
static const char *chosen_after(struct format_reader *reader, const char *text, int times)
{
	char copy[TEXT_MAX];
	struct log_line line = { .format = NULL };

	for (int i = 0; i < times; i++) {
		line = (struct log_line){ .text = copy, .size = strlen(text) };
		memcpy(copy, text, line.size);
		format_read(reader, STREAM_STDOUT, &line);
	}
	return line.format ? line.format : "-";
}

static void test_learning(void)
{
	struct format_reader reader;

	start(&reader, "auto");
	is_str(chosen_after(&reader, "{\"level\":30}", 2), "-", "two lines are not enough");
	is_str(chosen_after(&reader, "INFO:root:x", 2), "-", "nor are two of another format");
	is_int(level_of(&reader, STREAM_STDERR, "level=error"), LEVEL_ERROR,
	       "meanwhile each line has the level that it says");
	is_str(chosen_after(&reader, "{\"level\":30}", 1), "json", "three are");
	is_int(level_of(&reader, STREAM_STDOUT, "ERROR:root:x"), LEVEL_INFO,
	       "then it is no other format any more");

	start(&reader, "auto");
	is_str(chosen_after(&reader, "block 7", 5000), "-",
	       "it looks at any number of plain lines");
	is_int(level_of(&reader, STREAM_STDOUT, "{\"level\":50}"), LEVEL_ERROR,
	       "and knows an error behind them");
	is_int(level_of(&reader, STREAM_STDOUT, "<4>careful"), LEVEL_WARNING, "of any format");
	is_int(level_of(&reader, STREAM_STDERR, "file:///srv/p/x.mjs:3"), LEVEL_ERROR,
	       "and a crash");
}

static void test_syslog_keeps_priority(void)
{
	for (char n = '0'; n <= '7'; n++) {
		char text[] = { '<', n, '>', 'x', '\0' };
		struct log_line line = { .text = text, .size = 4 };
		struct format_reader reader;

		start(&reader, "syslog");
		format_read(&reader, STREAM_STDOUT, &line);
		is_int(line.priority, n - '0', "<%c> is priority %c", n, n);
	}
}

/* Values that are cut or crooked say nothing, and nothing behind the line is looked at. */
static void test_crooked(void)
{
	static const struct {
		const char *format, *line;
	} rows[] = {
		{ "json", "{" },
		{ "json", "{\"" },
		{ "json", "{\"level" },
		{ "json", "{\"level\"" },
		{ "json", "{\"level\":" },
		{ "json", "{\"level\":\"" },
		{ "json", "{\"level\":\"error" },
		{ "json", "{\"level\":50" },
		{ "json", "{\"level\":5000}" },
		{ "json", "{\"level\":50.5}" },
		{ "json", "{\"level\":-50}" },
		{ "json", "{\"level\":9}" },
		{ "json", "{\"level\":null}" },
		{ "json", "{\"level\":{\"level\":50}}" },
		{ "json", "{\"a\":[{\"level\":50}" },
		{ "json", "{\"a\":\"\\" },
		{ "json", "[{\"level\":50}]" },
		{ "json", "{\"levels\":50}" },
		{ "logfmt", "level=" },
		{ "logfmt", "level=\"" },
		{ "logfmt", "level=\"error\\" },
		{ "logfmt", "level=errors" },
		{ "logfmt", "=error" },
		{ "logfmt", "xlevel=error" },
		{ "python", "ERRORS:x" },
		{ "python", "error:x" },
		{ "python", "2024-11-19" },
		{ "python", "2024-11-19 11:35:4" },
		{ "python", "2024-11-19 11:35:45" },
		{ "python", "2024-11-19 11:35:45 a b c d e f ERROR" },
		{ "python", "2024-11-19 11:35:45 an error" },
		{ "python", "[ERROR" },
		{ "tracing", "2024-11-19T11:35:45.1Z" },
		{ "tracing", "2024-11-19T11:35:45.1Z handle ERROR" },
		{ "apibara", "[error" },
		{ "apibara", "x | errors" },
		{ "auto", "<3" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		struct log_line line = { .size = strlen(rows[i].line) };
		char *exact = malloc(line.size); /* a read behind the end is found */
		struct format_reader reader;

		memcpy(exact, rows[i].line, line.size);
		line.text = exact;
		start(&reader, rows[i].format);
		format_read(&reader, STREAM_STDOUT, &line);
		is_int(line.priority, priority_from_level(LEVEL_INFO), "%s: %s", rows[i].format,
		       rows[i].line);
		free(exact);
	}
}

static void test_ansi(void)
{
	static const struct {
		const char *in, *out;
	} rows[] = {
		{ "plain", "plain" },
		{ "\033[0m", "" },
		{ "\033[1;38;5;200mx\033[39;49my", "xy" },
		{ "a\033[2K\033[1Gb", "ab" },
		{ "\033]0;title\ax", "x" },
		{ "\033]8;;https://example.org\033\\link\033]8;;\033\\", "link" },
		{ "\033]unterminated", "unterminated" },
		{ "\033(Bx", "x" },
		{ "\0337x\0338", "x" },
		{ "x\033", "x" },
		{ "x\033[", "x" },
		{ "x\033[31", "x" },
		{ "\033\033[1mx", "x" },
		{ "\033[1é", "é" },
	};

	for (size_t i = 0; i < ELEMENTSOF(rows); i++) {
		char *text = strdup(rows[i].in);
		size_t size = strlen(text), n = ansi_strip(text, size);

		ok(n == strlen(rows[i].out) && memcmp(text, rows[i].out, n) == 0, "ANSI row %zu",
		   i);
		ok(ansi_strip(text, size) == n && memcmp(text, rows[i].out, n) == 0,
		   "ANSI row %zu, once more", i);
		free(text);
	}
}

int main(void)
{
	test_table();
	test_pieces();
	test_streams_are_apart();
	test_traceback_of_a_crash();
	test_learning();
	test_syslog_keeps_priority();
	test_crooked();
	test_ansi();
	ok(!format_find(0) && !format_find(-1) && !format_find(99), "other numbers are no formats");
	return tap_done();
}
