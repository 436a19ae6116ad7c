/*
 * The daemon's own log; see log.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "common/log.h"
#include "common/util.h"

static atomic_int max_priority = LOG_INFO;

void log_set_max_priority(int priority)
{
	atomic_store_explicit(&max_priority, priority, memory_order_relaxed);
}

void log_line(int priority, const char *format, ...)
{
	char line[LOG_LINE_MAX];
	int saved = errno, head, body;
	size_t n;
	va_list ap;

	if (priority > atomic_load_explicit(&max_priority, memory_order_relaxed))
		return;

	/* The prefix is for journald; a person at a terminal has no use for it. */
	head = isatty(STDERR_FILENO) ? 0 : snprintf(line, sizeof(line), "<%d>", priority);
	errno = saved; /* for %m */
	va_start(ap, format);
	body = vsnprintf(line + head, sizeof(line) - (size_t)head - 1, format, ap);
	va_end(ap);

	n = (size_t)head + MIN((size_t)MAX(body, 0), sizeof(line) - (size_t)head - 2);
	for (size_t i = (size_t)head; i < n;
	     i++) /* a client's text never begins a line of its own */
		if (line[i] == '\n')
			line[i] = ' ';
	line[n++] = '\n';
	/* One write, so that lines of several threads do not mix. There is nobody to tell of a
	 * failure. */
	if (write(STDERR_FILENO, line, n) < 0)
		errno = 0;
	errno = saved;
}
