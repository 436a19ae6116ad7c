/*
 * Reports of crashes and warnings; see report.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <ctype.h>

#include "common/util.h"
#include "lines/report.h"
#include "lines/scan.h"

static const struct {
	const char *prefix;
	struct report report;
} remarks[] = {
	/* Node, and what it and grpc-js say that is no error */
	{ "(node:", { LEVEL_WARNING, REPORT_REMARK } },
	{ "(Use `node --trace-uncaught", { LEVEL_ERROR, REPORT_CRASH } },
	{ "(Use `node --", { LEVEL_WARNING, REPORT_REMARK } },
	{ "Debugger ", { LEVEL_INFO, REPORT_REMARK } },
	{ "For help, see: https://nodejs.org/", { LEVEL_INFO, REPORT_REMARK } },
	{ "Waiting for the debugger to disconnect", { LEVEL_INFO, REPORT_REMARK } },
	{ "Trace: ", { LEVEL_TRACE, REPORT_REMARK } }, /* console.trace() */
	{ "D 2", { LEVEL_DEBUG, REPORT_REMARK } },     /* GRPC_TRACE: a letter, and a time of this
							  millennium */
	{ "I 2", { LEVEL_INFO, REPORT_REMARK } },
	{ "<--- Last few GCs --->", { LEVEL_ERROR, REPORT_CRASH } },
	{ "FATAL ERROR: ", { LEVEL_ERROR, REPORT_CRASH } },
	{ "node: bad option: ", { LEVEL_ERROR, REPORT_CRASH } },
	{ "node: -", { LEVEL_ERROR, REPORT_CRASH } }, /* an option that lacks something */
	{ "Node.js v", { LEVEL_ERROR, REPORT_CRASH } },
	{ "Uncaught ", { LEVEL_ERROR, REPORT_CRASH } },
	{ "UnhandledPromiseRejection", { LEVEL_ERROR, REPORT_CRASH } },
	/* Deno, Go, Rust */
	{ "error: Uncaught ", { LEVEL_ERROR, REPORT_CRASH } },
	{ "panic: ", { LEVEL_ERROR, REPORT_CRASH } },
	{ "fatal error: ", { LEVEL_ERROR, REPORT_CRASH } },
	{ "thread '", { LEVEL_ERROR, REPORT_CRASH } },
};

/* Python's, also on stdout: its logging writes it where it writes the line before. */
static const char *const tracebacks[] = {
	"Traceback (most recent call last):",
	"  + Exception Group Traceback (most recent call last):",
	"During handling of the above exception, another exception occurred:",
	"The above exception was the direct cause of the following exception:",
};

/* "file:///srv/p/x.mjs:3", where Node begins to tell of an uncaught error: a place and no more. */
static bool is_place(const char *p, const char *end)
{
	static const char *const places[] = { "file:///", "node:", "/",
					      "<anonymous_script>:", "evalmachine.<anonymous>:" };
	const char *q = end;

	if (!scan_begins_with_one_of(p, end, places, ELEMENTSOF(places)))
		return false;
	while (q > p && isdigit((unsigned char)q[-1]))
		q--;
	return q < end && q > p && q[-1] == ':' && !memchr(p, ' ', (size_t)(end - p));
}

/* "TypeError: …", "Error [ERR_X]: …", "builtins.ValueError: …", "KeyError". */
static bool is_error(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && (isalnum((unsigned char)*q) || *q == '_' || *q == '.' || *q == '$'))
		q++;
	if (q < end && !scan_begins(q, end, ": ") && !scan_begins(q, end, " ["))
		return false;
	return (q - p >= 5 && memcmp(q - 5, "Error", 5) == 0) ||
	       (q - p >= 9 && memcmp(q - 9, "Exception", 9) == 0);
}

/* Python's "/srv/p/x.py:15: UserWarning: …". */
static bool is_python_warning(const char *p, const char *end)
{
	const char *file = memmem(p, (size_t)(end - p), ".py:", 4);

	return file && memmem(file, (size_t)(end - file), "Warning: ", 9);
}

static bool begins_on_stderr(const char *p, const char *end, struct report *ret)
{
	for (size_t i = 0; i < ELEMENTSOF(remarks); i++)
		if (scan_begins(p, end, remarks[i].prefix)) {
			*ret = remarks[i].report;
			return true;
		}
	if (is_place(p, end))
		*ret = (struct report){ LEVEL_ERROR, REPORT_CRASH };
	else if (is_error(p, end))
		*ret = (struct report){ LEVEL_ERROR, REPORT_REMARK };
	else if (is_python_warning(p, end))
		*ret = (struct report){ LEVEL_WARNING, REPORT_REMARK };
	else
		return false;
	return true;
}

bool report_begins(enum stream stream, const char *p, const char *end, struct report *ret)
{
	if (scan_begins_with_one_of(p, end, tracebacks, ELEMENTSOF(tracebacks))) {
		*ret = (struct report){ LEVEL_ERROR, REPORT_TRACEBACK };
		return true;
	}
	return stream == STREAM_STDERR && begins_on_stderr(p, end, ret);
}
