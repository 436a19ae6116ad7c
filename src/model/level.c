/*
 * One table between the levels of the API and the priorities of syslog.
 *
 * No state; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "model/level.h"

#include <errno.h>
#include <strings.h>
#include <syslog.h>

#include "common/util.h"

static const struct {
	const char *name, *short_name;
	int priority; /* written with */
	int limit;    /* the highest priority value that may pass this minimum */
} levels[] = {
	[LEVEL_UNKNOWN] = { NULL, NULL, LOG_INFO, LOG_DEBUG },
	[LEVEL_TRACE] = { "trace", NULL, LOG_DEBUG, LOG_DEBUG },
	[LEVEL_DEBUG] = { "debug", NULL, LOG_DEBUG, LOG_DEBUG },
	[LEVEL_INFO] = { "info", NULL, LOG_INFO, LOG_INFO },
	[LEVEL_WARNING] = { "warning", "warn", LOG_WARNING, LOG_WARNING },
	[LEVEL_ERROR] = { "error", "err", LOG_ERR, LOG_ERR },
};

static bool is_level(enum level level)
{
	return (unsigned)level < ELEMENTSOF(levels);
}

enum level level_from_priority(int priority, int is_trace)
{
	if (priority < 0)
		return LEVEL_INFO;
	if (priority <= LOG_ERR)
		return LEVEL_ERROR;
	if (priority == LOG_WARNING)
		return LEVEL_WARNING;
	if (priority <= LOG_INFO)
		return LEVEL_INFO;
	return is_trace ? LEVEL_TRACE : LEVEL_DEBUG;
}

int priority_from_level(enum level level)
{
	return levels[is_level(level) ? level : LEVEL_UNKNOWN].priority;
}

int priority_limit_of_level(enum level minimum)
{
	return levels[is_level(minimum) ? minimum : LEVEL_UNKNOWN].limit;
}

enum level_class class_of_level(enum level minimum)
{
	if (minimum <= LEVEL_INFO)
		return CLASS_ALL;
	return minimum == LEVEL_WARNING ? CLASS_WARNING : CLASS_ERROR;
}

bool class_has_priority(enum level_class class, int priority)
{
	static const int limits[CLASS_N] = { LOG_DEBUG, LOG_WARNING, LOG_ERR };

	return priority <= limits[class];
}

int level_from_name(const char *name)
{
	for (size_t i = LEVEL_TRACE; i < ELEMENTSOF(levels); i++) {
		if (strcasecmp(name, levels[i].name) == 0)
			return (int)i;
		if (levels[i].short_name && strcasecmp(name, levels[i].short_name) == 0)
			return (int)i;
	}
	return -EINVAL;
}
