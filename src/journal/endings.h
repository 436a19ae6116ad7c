/*
 * What has been told of invocations that are about to end: that one was asked to, how its process
 * exited. A deleted tree has all its units end at once, so it grows with what is going on; a stream
 * about one indexer has next to nothing.
 *
 * A reader's own, on one thread at a time.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stddef.h>

#include "common/cleanup.h"
#include "journal/exit.h"

/*
 * So many of those that have ended are kept a while, if so many can be at all: a reader steps back
 * at times, and reads the last records once more.
 */
#define ENDINGS_ENDED_MAX 64

struct endings;

/* `most` is the number of invocations that may be about to end at one time. 0 or -ENOMEM. */
int endings_new(size_t most, struct endings **ret);
struct endings *endings_free(struct endings *endings);
DEFINE_CLEANUP(struct endings, endings_free);

/* What has been told of the invocation, or NULL: nothing. Valid until the next endings_get(). */
struct exit_fields *endings_find(struct endings *endings, uint64_t invocation);

/*
 * As endings_find(); one of which nothing has been told has all zero. Where there are too many, the
 * oldest is forgotten. NULL where there is no memory.
 */
struct exit_fields *endings_get(struct endings *endings, uint64_t invocation);

/* It has ended: there is nothing more to be told of it. */
void endings_end(struct endings *endings, uint64_t invocation);
