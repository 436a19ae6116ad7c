/*
 * Whether the journal can be read at all. Pure but for the file system; any thread.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/journal.h"

/*
 * sd_journal passes over directories and files that it may not read, and shows an empty journal.
 * Returns -EACCES where a journal directory may not be read, or none of the journal files in it;
 * else 0, also where there is no journal.
 */
int journal_access(const struct journal_source *source);
