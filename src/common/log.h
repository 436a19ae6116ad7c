/*
 * The daemon's own log. An error is logged once, where it is handled.
 *
 * Lines go to stderr with the `<N>` prefix that journald reads as priority, so the same output is
 * right under systemd and readable on a terminal. Any thread may log.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <syslog.h>

/*
 * Writes one line of at most LOG_LINE_MAX - 1 bytes with a syslog priority (LOG_ERR, ...). Messages
 * above the maximum priority are left out. Keeps errno.
 */
void log_line(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Sets the highest priority value that is written; LOG_INFO at the start. */
void log_set_max_priority(int priority);

#define LOG_LINE_MAX 2048

#define log_error(...)	 log_line(LOG_ERR, __VA_ARGS__)
#define log_warning(...) log_line(LOG_WARNING, __VA_ARGS__)
#define log_notice(...)	 log_line(LOG_NOTICE, __VA_ARGS__)
#define log_info(...)	 log_line(LOG_INFO, __VA_ARGS__)
#define log_debug(...)	 log_line(LOG_DEBUG, __VA_ARGS__)
