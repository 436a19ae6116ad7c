/*
 * What git, tar and a build say: each line to the journal, without secrets, and the last words of
 * each stream for who asks why it failed.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"
#include "fetch/mask.h"
#include "lines/format.h"

/* Of a failure, NUL included. */
#define WORDS_MAX 1001

struct output;

/* The strings and the mask are lent for as long as it lives. 0 or -ENOMEM. */
int output_new(const char *journal_socket, const char *identifier, const struct mask *mask,
	       struct output **ret);
struct output *output_free(struct output *output);
DEFINE_CLEANUP(struct output, output_free);

/* Begins with the output of another program. */
void output_begin(struct output *output);

/*
 * Reads what there is from a descriptor that does not block, and passes all complete lines on.
 * Returns whether more may come.
 */
bool output_read(struct output *output, enum stream stream, int fd);

/* No more will come: passes on what is left. */
void output_end(struct output *output);

/* The last words of the program, those of stderr if there are any; lent until output_begin(). */
const char *output_words(const struct output *output);

/* Writes a line of one's own, with a priority of syslog.h. */
void output_say(struct output *output, int priority, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Waits until the journal has all; see sink_settle(). */
void output_settle(struct output *output);
