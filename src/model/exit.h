/*
 * Why a process ended: systemd's words in the API's terms.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "model/indexer.h"

/* Exit codes with a meaning of their own; the unit is not restarted after them. */
#define EXIT_CODE_CONFIGURATION 78  /* EX_CONFIG of sysexits.h; Apibara's sinks use it so */
#define EXIT_CODE_CHDIR		200 /* as systemd.exec(5) has it; indexer-exec uses both */
#define EXIT_CODE_EXEC		203
#define EXIT_CODE_CREDENTIALS	243 /* systemd's own, and indexer-exec's */

/*
 * The status texts of a unit, STATUS= of sd_notify(3): before READY=1, which comes just before the
 * execve() of the program, and when that has succeeded. With an ERRNO= the text says instead why
 * the program does not run.
 */
#define EXEC_STATUS_STARTING "The program is being executed."
#define EXEC_STATUS_RUNNING  "The program runs."

/*
 * The reason for an end. `result` is the unit's Result= or UNIT_RESULT= ("exit-code", "oom-kill",
 * "timeout", ...; NULL or "" where it is not known), code and signal are the main process's;
 * `executed` tells a code of the program's own from one of what comes before it in that process.
 */
enum exit_reason exit_reason_from_result(const char *result, int code, int signal, bool executed);

/*
 * Whether systemd ends a process with this code where it cannot start the program; a program may
 * use it too.
 */
bool exit_code_is_of_start(int code);

/*
 * Describes an exit in words into a buffer, e.g. "exited with code 1", "killed by SIGKILL".
 */
#define EXIT_TEXT_MAX 128
void exit_describe(const struct exit_record *record, char buffer[EXIT_TEXT_MAX]);

bool exit_same(const struct exit_record *a, const struct exit_record *b);
