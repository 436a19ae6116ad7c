/*
 * One program after the other: started without a shell, its output read, its end awaited, and the
 * end of all that it has left behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "fetch/output.h"

struct child {
	const char *const *argv; /* NULL-terminated; a name without a slash is looked for in PATH */
	char *const *environment;
	int directory;	 /* where it runs */
	int input;	 /* its stdin; negative for /dev/null */
	char *capture;	 /* or NULL: where its stdout goes instead of the journal, NUL-terminated */
	size_t capacity; /* of that, NUL included */
	/* Called every now and then; where it returns anything but 0, that is the result, and the
	 * program is ended. */
	int (*watch)(void *userdata);
	void *userdata;
};

/*
 * Runs a program to its end. Returns 0, its exit code, 128 and the signal's number, or a negative
 * errno: -E2BIG for more than what can be captured. There is no limit on its time: the unit's is
 * the limit.
 */
int child_run(struct output *output, const struct child *child);

/*
 * Makes the process the parent of all that its children leave behind, so that child_run() can end
 * that. 0 or a negative errno.
 */
int child_prepare(void);
