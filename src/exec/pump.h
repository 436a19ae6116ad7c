/*
 * The log pump: what the log helper does for as long as it lives. It reads both pipes to their end
 * and gives each line to the journal as soon as it is complete.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "exec/format.h"

struct pump_config {
	const char *identifier;
	const struct format *format;
	const char *journal_socket;
	int streams[STREAM_N]; /* the pipes' reading ends; closed by the pump at their end */
	int status; /* ends when the program runs; something to read: it could not be run */
};

/*
 * Returns when both pipes have ended and the journal has all lines; tells systemd in between that
 * the program runs. 0 or -ENOMEM.
 */
int pump_run(const struct pump_config *config);
