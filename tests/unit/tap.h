/*
 * Tests that print TAP: one line for each check, and the plan at the end.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static int tap_count, tap_failed;

/* One check; the format names it. Returns the condition. */
#define ok(condition, ...)                                                                         \
	({                                                                                         \
		bool ok_ = (condition);                                                            \
		printf("%s %d - ", ok_ ? "ok" : "not ok", ++tap_count);                            \
		printf(__VA_ARGS__);                                                               \
		printf("\n");                                                                      \
		if (!ok_) {                                                                        \
			tap_failed++;                                                              \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #condition);                   \
		}                                                                                  \
		ok_;                                                                               \
	})

/* Checks that two strings are equal and shows both where they are not. NULL equals only NULL. */
#define is_str(got, want, ...)                                                                     \
	({                                                                                         \
		const char *got_ = (got), *want_ = (want);                                         \
		bool same_ = got_ && want_ ? strcmp(got_, want_) == 0 : got_ == want_;             \
		ok(same_, __VA_ARGS__);                                                            \
		if (!same_)                                                                        \
			printf("# got  '%s'\n# want '%s'\n", got_ ? got_ : "(null)",               \
			       want_ ? want_ : "(null)");                                          \
		same_;                                                                             \
	})

#define is_int(got, want, ...)                                                                     \
	({                                                                                         \
		long long got_ = (got), want_ = (want);                                            \
		ok(got_ == want_, __VA_ARGS__);                                                    \
		if (got_ != want_)                                                                 \
			printf("# got %lld want %lld\n", got_, want_);                             \
		got_ == want_;                                                                     \
	})

/* Ends the program's main: prints the plan and returns the exit code. */
static inline int tap_done(void)
{
	printf("1..%d\n", tap_count);
	return tap_failed ? 1 : 0;
}
