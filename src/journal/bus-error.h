/*
 * Staying alive when a journal file is cut short while it is mapped: reading what is no longer
 * there is a SIGBUS, by default the end of the process. libsystemd leaves the signal to its user.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/*
 * From now on, in all threads, what a journal file has lost reads as zeros, which sd_journal takes
 * for damage and reports as an error. A SIGBUS of any other cause ends the process as before. To be
 * called once, before the first journal is opened. 0 or a negative errno.
 */
int journal_catch_bus_errors(void);
