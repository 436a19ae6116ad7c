/*
 * Log formats: lines as real programs wrote them, with the level that each must have. The lines of
 * `apibara` are those of a built Apibara 2.1 project under Node 18 and 20, of consola 3 and of
 * @grpc/grpc-js, in the order in which they were written.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdlib.h>

#include "common/util.h"
#include "exec/ansi.h"
#include "exec/format.h"
#include "indexerd/exec/v1/spec.pb-c.h"
#include "model/level.h"
#include "tap.h"

#define RAW	INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_RAW
#define SYSLOG	INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_SYSLOG
#define APIBARA INDEXERD__EXEC__V1__LOG_FORMAT__LOG_FORMAT_APIBARA

struct row {
	char stream; /* 'O' or 'E'; 'n' and 'N': the same, as the first line of a new process */
	enum level level;
	const char *line;
	const char *text; /* NULL: the line itself */
};

#define T LEVEL_TRACE
#define D LEVEL_DEBUG
#define I LEVEL_INFO
#define W LEVEL_WARNING
#define E LEVEL_ERROR

static const struct row apibara[] = {
	/* the indexer's logger: one stream, whatever the level */
	{ 'n', I, "transfers | info Indexer transfers started" },
	{ 'O', D, "transfers | debug Block 0 is accepted" },
	{ 'O', I, "transfers | info Block 0: 3 transfers" },
	{ 'O', I, "transfers | success So far {" },
	{ 'O', I, "  blocks: 1," },
	{ 'O', I, "  asOf: 2024-01-01T00:00:00.000Z" },
	{ 'O', I, "}" },
	{ 'O', W, "transfers | warn Block 2: a large transfer of 955" },
	{ 'O', E, "transfers | error Block 10: a transfer from an account to itself, skipped" },
	{ 'O', I, "transfers | info Block 10: 3 transfers" },
	{ 'O', I, "transfers:sensitiv | info Indexer transfers started" },
	{ 'O', E, "transfers | fatal giving up" },
	{ 'O', E, "transfers | fail not this time" },
	{ 'O', I, "transfers | log plain" },
	{ 'O', I, "transfers | ready" },
	{ 'O', I, "transfers | start" },
	{ 'O', I, "transfers | box hello" },
	{ 'O', T, "transfers | trace deep" },
	{ 'O', T, "transfers | verbose deeper" },
	{ 'O', W, "pool      | warn a padded tag" },
	{ 'O', W, "ユーザー転送のインデクサー二十文字を | warn a tag of wide characters" },
	{ 'O', D, "transfers | debug Transforming block | orderKey:  1234n" },
	{ 'O', E, "transfers | error failed Error: boom" },
	{ 'O', E, "    at Object.transform (file:///srv/p/.apibara/build/start.mjs:43084:64)" },
	{ 'O', E, "    at dispatch (file:///srv/p/.apibara/build/start.mjs:35313:21) {" },
	{ 'O', E, "  [cause]: Error: inner" },
	{ 'O', E, "      at inner (file:///srv/p/.apibara/build/start.mjs:1:1)" },
	{ 'O', E, "}" },
	{ 'O', W, "transfers | warn [" },
	{ 'O', W, "  { a: 1 }," },
	{ 'O', W, "] (repeated 6 times)" },
	{ 'O', W, "transfers | warn slow (repeated 6 times)" },
	{ 'O', D, "transfers | debug tree" },
	{ 'O', D, "├ one" },
	{ 'O', D, "│ two" },
	{ 'O', D, "╰ three" },
	/* what the author prints without a logger */
	{ 'O', I, "Transforming block | orderKey:  1234n" },
	{ 'O', I, "error in my own words" },
	{ 'O', I, "orderKey: 1 | infos" },
	{ 'O', I, "[ 'an', 'array' ]" },
	{ 'O', I, "[infos] no type" },
	/* the same with colours (FORCE_COLOR=1, and an author's own) */
	{ 'n', I,
	  "\033[32mtransfers |\033[39m \033[36minfo\033[39m Indexer \033[94mtransfers\033[39m "
	  "started",
	  "transfers | info Indexer transfers started" },
	{ 'O', I, "\033[32mtransfers |\033[39m \033[32msuccess\033[39m So far {",
	  "transfers | success So far {" },
	{ 'O', I, "  blocks: \033[33m1\033[39m,", "  blocks: 1," },
	{ 'O', W,
	  "\033[32mtransfers |\033[39m \033[33mwarn\033[39m Block 2: a large transfer of 955",
	  "transfers | warn Block 2: a large transfer of 955" },
	{ 'N', W,
	  "\033[43m\033[30m WARN \033[39m\033[49m DNA_TOKEN environment variable is not set.",
	  " WARN  DNA_TOKEN environment variable is not set." },
	/* the framework: badges between empty lines on stderr, icons on stdout */
	{ 'E', W,
	  " WARN  DNA_TOKEN environment variable is not set. Trying to connect without "
	  "authentication." },
	{ 'E', W, "" },
	{ 'E', W, "" },
	{ 'E', E, " ERROR  Told to fail at block 3" },
	{ 'E', E, "" },
	{ 'E', E, "    at Object.transform (.apibara/build/start.mjs:43084:64)" },
	{ 'E', E, "    at .apibara/build/start.mjs:36178:11 " },
	{ 'E', E,
	  " ERROR  /dna.v2.stream.DnaStream/StreamData UNAVAILABLE: No connection established. "
	  "Last error: Error: connect ECONNREFUSED 127.0.0.1:1. Resolution note: " },
	{ 'E', E, " FATAL  the end" },
	{ 'E', W, "[dna]  WARN  with a tag" },
	{ 'E', W, "  continued" },
	{ 'E', W, " WARN " },
	{ 'O', I, "ℹ Loading the config" },
	{ 'O', I, "✔ Output written" },
	{ 'O', I, "◐ Starting" },
	{ 'O', E, "✖ a fail, which has no badge" },
	{ 'O', W, "⚠ a warning without badge" },
	{ 'O', D, "⚙ a detail" },
	{ 'O', T, "→ a trace" },
	{ 'O', T, "    at somewhere (file:///srv/p/x.mjs:1:1)" },
	{ 'O', I, "[dna] ✔ with a tag" },
	{ 'O', E, "× without Unicode" },
	{ 'O', I, " ╭──────────╮" },
	{ 'O', I, " │  a box   │" },
	{ 'O', I, " ╰──────────╯" },
	/* the same with CI=1 */
	{ 'N', W,
	  "[warn] DNA_TOKEN environment variable is not set. Trying to connect without "
	  "authentication." },
	{ 'E', E, "[error] Told to fail at block 3" },
	{ 'E', E, "  at Object.transform (.apibara/build/start.mjs:43084:64)" },
	{ 'E', E, "[fatal] the end" },
	{ 'O', I, "[info] Loading" },
	{ 'O', I, "[success] [dna] with a tag" },
	{ 'O', E, "[fail]" },
	{ 'O', I, "[log] plain" },
	{ 'O', D, "[debug] a detail" },
	{ 'O', I, " > a box" },
	/* usage, on stdout */
	{ 'n', I, "Start the indexer (indexer-runner start)" },
	{ 'O', I, "USAGE indexer-runner start [OPTIONS] --indexer" },
	{ 'O', I, "  --indexer (required)    Indexer name       " },
	{ 'O', I, "\t\t\t  --no-standalone: must run the indexer with apibara cli" },
	{ 'E', E, " ERROR  Missing required argument: --indexer" },
	/* Node's reports of a crash */
	{ 'N', E, "<anonymous_script>:1" },
	{ 'E', E, "{bad" },
	{ 'E', E, " ^" },
	{ 'E', E, "SyntaxError: Expected property name or '}' in JSON at position 1" },
	{ 'E', E, "    at JSON.parse (<anonymous>)" },
	{ 'E', E, "Node.js v20.20.2" },
	{ 'N', E, "node:internal/modules/cjs/loader:1210" },
	{ 'E', E, "  throw err;" },
	{ 'E', E, "Error: Cannot find module '/srv/p/.apibara/build/none.mjs'" },
	{ 'E', E, "    at node:internal/main/run_main_module:28:49 {" },
	{ 'E', E, "  code: 'MODULE_NOT_FOUND'," },
	{ 'E', E, "  requireStack: []" },
	{ 'E', E, "}" },
	{ 'N', E, "file:///srv/p/.apibara/build/start.mjs:43084" },
	{ 'E', E, "        throw new Error(\"boom\");" },
	{ 'E', E, "              ^" },
	{ 'E', E, "Error: boom" },
	{ 'N', E, "<--- Last few GCs --->" },
	{ 'E', E, "[12345:0x5f0e2c0]     1234 ms: Mark-sweep 19.9 (24.1) -> 19.4 (24.6) MB" },
	{ 'E', E,
	  "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory" },
	{ 'E', E, " 1: 0xb09980 node::Abort() [node]" },
	/* and what else it says there */
	{ 'N', W,
	  "(node:4711) [DEP0040] DeprecationWarning: The `punycode` module is deprecated." },
	{ 'E', W, "(Use `node --trace-deprecation ...` to show where the warning was created)" },
	{ 'E', W,
	  "(node:4711) Warning: Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable" },
	{ 'E', W, "    at process.emitWarning (node:internal/process/warning:1:1)" },
	{ 'E', I,
	  "Debugger listening on ws://127.0.0.1:9229/0f2c936f-b1cd-4ac9-aab3-f63b0f33d55e" },
	{ 'E', I, "For help, see: https://nodejs.org/en/docs/inspector" },
	{ 'E', T, "Trace: here" },
	{ 'E', T, "    at main (file:///srv/p/x.mjs:1:1)" },
	{ 'E', D,
	  "D 2024-11-19T11:35:45.123Z | v1.10.9 4711 | subchannel | (1) 127.0.0.1:7007 READY" },
	{ 'E', E, "E No address added out of total 1 resolved" },
	{ 'E', E, "an author's console.error()" },
	{ 'N', E, "    a stack that lost its head" },
};

static const struct row syslog_rows[] = {
	{ 'O', E, "<0>emergency", "emergency" },
	{ 'O', E, "<3>error", "error" },
	{ 'O', W, "<4>warning", "warning" },
	{ 'O', I, "<5>notice", "notice" },
	{ 'E', I, "<6>info", "info" },
	{ 'E', D, "<7>debug", "debug" },
	{ 'E', I, "no prefix" },
	{ 'E', I, "<8>no priority" },
	{ 'E', I, "<13>a facility" },
	{ 'E', I, "<3" },
	{ 'E', E, "<3>", "" },
	{ 'E', I, " <3>not at the beginning" },
};

static const struct row raw_rows[] = {
	{ 'O', I, "<3>unchanged" },
	{ 'E', I, "transfers | error unchanged" },
	{ 'E', I, "\033[31mred\033[0m" },
};

/* Formats a copy of a string; returns the level, and the text in *ret, which is to be freed. */
static enum level run(const struct format *format, struct format_state *state, const char *text,
		      bool continued, char **ret)
{
	char *copy = strdup(text);
	struct log_line line = { .text = copy, .size = strlen(copy), .continued = continued };

	format_line(format, state, &line);
	*ret = strndup(line.text, line.size);
	free(copy);
	return level_from_priority(line.priority, line.trace);
}

static void test_rows(int log_format, const struct row *rows, size_t n)
{
	const struct format *format = format_find(log_format);
	struct format_state states[STREAM_N];

	format_state_init(&states[STREAM_STDOUT], format, STREAM_STDOUT);
	format_state_init(&states[STREAM_STDERR], format, STREAM_STDERR);
	for (size_t i = 0; i < n; i++) {
		const struct row *row = &rows[i];
		enum stream stream = strchr("On", row->stream) ? STREAM_STDOUT : STREAM_STDERR;
		const char *want = row->text ? row->text : row->line;
		enum level level;
		char *text;

		if (strchr("nN", row->stream))
			format_state_init(&states[stream], format, stream);
		level = run(format, &states[stream], row->line, false, &text);
		ok(strcmp(text, want) == 0 && (level == row->level || !*text),
		   "format %d, level %d: %s", log_format, (int)level, text);
		free(text);
	}
}

static void test_pieces(void)
{
	const struct format *format = format_find(APIBARA);
	struct format_state state;
	char *text;

	format_state_init(&state, format, STREAM_STDOUT);
	is_int(run(format, &state, "t | error a very long", false, &text), LEVEL_ERROR, "a head");
	free(text);
	is_int(run(format, &state, "t | debug \033[1mpiece", true, &text), LEVEL_ERROR,
	       "its pieces have its level, whatever they look like");
	is_str(text, "t | debug piece", "and lose their colours too");
	free(text);
}

static void test_syslog_keeps_priority(void)
{
	const struct format *format = format_find(SYSLOG);

	for (char n = '0'; n <= '7'; n++) {
		char text[] = { '<', n, '>', 'x', '\0' };
		struct log_line line = { .text = text, .size = 4 };
		struct format_state state;

		format_state_init(&state, format, STREAM_STDOUT);
		format_line(format, &state, &line);
		is_int(line.priority, n - '0', "<%c> is priority %c", n, n);
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

		text[ansi_strip(text, strlen(text))] = '\0';
		is_str(text, rows[i].out, "ANSI row %zu", i);
		free(text);
	}
}

int main(void)
{
	test_rows(APIBARA, apibara, ELEMENTSOF(apibara));
	test_rows(SYSLOG, syslog_rows, ELEMENTSOF(syslog_rows));
	test_rows(RAW, raw_rows, ELEMENTSOF(raw_rows));
	test_pieces();
	test_syslog_keeps_priority();
	test_ansi();
	ok(!format_find(0) && !format_find(-1) && !format_find(99), "other numbers are no formats");
	return tap_done();
}
