/*
 * Condition variables whose timed waits are by the clock that nobody sets.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <pthread.h>

#include "common/util.h"

static inline void condition_init(pthread_cond_t *condition)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(condition, &attributes);
	pthread_condattr_destroy(&attributes);
}

/* Waits, with the lock held, until it is signalled or until a time (CLOCK_MONOTONIC, microseconds;
 * UINT64_MAX: no end). */
static inline void condition_wait(pthread_cond_t *condition, pthread_mutex_t *lock, uint64_t usec)
{
	const struct timespec until = {
		.tv_sec = (time_t)(usec / USEC_PER_SEC),
		.tv_nsec = (long)(usec % USEC_PER_SEC * NSEC_PER_USEC),
	};

	if (usec == UINT64_MAX)
		pthread_cond_wait(condition, lock);
	else
		(void)pthread_cond_timedwait(condition, lock, &until);
}
