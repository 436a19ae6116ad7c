/*
 * Samples of a benchmark, and their median.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdlib.h>

#define SAMPLES_MAX 4096

struct samples {
	double value[SAMPLES_MAX];
	size_t n;
};

static inline void samples_add(struct samples *samples, double value)
{
	if (samples->n < SAMPLES_MAX)
		samples->value[samples->n++] = value;
}

static inline int samples_compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value that `share` (0 to 1) of the samples do not exceed; sorts them. 0 where there are none.
 */
static inline double samples_quantile(struct samples *samples, double share)
{
	if (samples->n == 0)
		return 0;
	qsort(samples->value, samples->n, sizeof(double), samples_compare);
	return samples->value[(size_t)((double)(samples->n - 1) * share)];
}

static inline double samples_median(struct samples *samples)
{
	return samples_quantile(samples, 0.5);
}
