/*
 * Log levels of the API and syslog priorities of the journal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The numbers are those of LogLevel in the API. */
enum level {
	LEVEL_UNKNOWN = 0,
	LEVEL_TRACE = 1,
	LEVEL_DEBUG = 2,
	LEVEL_INFO = 3,
	LEVEL_WARNING = 4,
	LEVEL_ERROR = 5,
};

/* What a record says in INDEXER_LEVEL= where its priority alone cannot tell TRACE from DEBUG. */
#define INDEXER_LEVEL_TRACE "trace"

/*
 * The level of a journal record: priority 0-3 is ERROR, 4 WARNING, 5-6 INFO, 7 DEBUG, or TRACE
 * where the record is marked so. A record without a priority (-1) is INFO, journald's own default.
 */
enum level level_from_priority(int priority, int is_trace);

/* The priority that a level is written with: ERROR 3, WARNING 4, INFO 6, DEBUG and TRACE 7. */
int priority_from_level(enum level level);

/* The highest priority value of a record that may pass a minimum level; 7 for UNKNOWN. */
int priority_limit_of_level(enum level minimum);

/*
 * Lines are numbered by an invocation of a unit in three ways: among all, among those of WARNING
 * or ERROR, and among those of ERROR.
 */
enum level_class { CLASS_ALL, CLASS_WARNING, CLASS_ERROR, CLASS_N };

struct line_numbers {
	uint64_t n[CLASS_N]; /* from 1 on; 0: none */
};

/* The numbers that have no gap in a stream of a minimum level. */
enum level_class class_of_level(enum level minimum);

/* Whether a line of this priority is numbered in a class. */
bool class_has_priority(enum level_class class, int priority);

/*
 * The level of "trace", "debug", "info", "warning" or "warn", "error" or "err", case ignored;
 * -EINVAL for anything else.
 */
int level_from_name(const char *name);
