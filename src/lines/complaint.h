/*
 * What a helper itself has to say, to the journal.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

/*
 * Writes one line of a priority of syslog.h, without a number of its own among the indexer's lines,
 * by the native protocol: the unit has no stream of journald's, of which there are 4,096. Returns
 * when journald has read it, since the caller may be about to end, or after some seconds. `path` is
 * journald's socket; neither identifier nor text has a newline. 0 or a negative errno.
 */
int complaint_send(const char *path, int priority, const char *identifier, const char *text);
