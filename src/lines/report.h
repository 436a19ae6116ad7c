/*
 * What the runtimes of languages say themselves, without any logger: that a program has crashed,
 * and warnings. Node.js, Python, Go, Rust and Deno.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "lines/format.h"
#include "model/level.h"

struct report {
	enum level level;
	enum report_kind kind;
};

/*
 * Whether a line, from p to end, is the first of a report on its stream; all but a traceback stand
 * on stderr only. Sets *ret.
 */
bool report_begins(enum stream stream, const char *p, const char *end, struct report *ret);
