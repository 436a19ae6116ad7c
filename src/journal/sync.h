/*
 * Asking journald to write down what it has received.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdint.h>

struct journal;

/*
 * Returns when all that was sent to journald before `since` (CLOCK_MONOTONIC, microseconds) can be
 * read. The default namespace and that of the source are waited for a second each at most, and
 * once: a journald that does not answer must not keep a stream from its end. Does nothing for a
 * journal directory, or where that was done after `since` already. On a worker thread.
 */
void journal_synchronize(struct journal *journal, uint64_t since);
