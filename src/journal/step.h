/*
 * Steps from record to record that outlive libsystemd's assertions.
 *
 * Who empties a journal file that is being read makes sd_journal find objects of no type, and where
 * it looks at one twice, libsystemd 252 ends the process (`Assertion 'd->object.type ==
 * OBJECT_DATA' failed at src/libsystemd/sd-journal/journal-file.c`). One reader's file is not worth
 * the daemon.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <systemd/sd-journal.h>

/*
 * From now on, an abort() inside a step below, in any thread, ends that step only. To be called
 * once, before the first one. 0 or a negative errno.
 */
int journal_catch_aborts(void);

/*
 * As sd_journal_next() and sd_journal_previous(); or -ENOTRECOVERABLE where the step was given up:
 * the journal is then only to be closed, and to be opened anew. Any thread.
 */
int journal_next(sd_journal *j);
int journal_previous(sd_journal *j);
