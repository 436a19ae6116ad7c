/*
 * Opening the journal, and whether it can be read at all. Any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

#include "journal/journal.h"

/*
 * sd_journal passes over directories and files that it may not read, and shows an empty journal.
 * Returns -EACCES where a journal directory may not be read, or none of the journal files in it;
 * else 0, also where there is no journal.
 */
int journal_access(const struct journal_source *source);

/*
 * Opens the system's journal with the flags, or all that is in the directory, if that is not NULL.
 * 0 with *ret, which the caller closes, or a negative errno.
 */
int journal_open(const char *directory, int flags, sd_journal **ret);
