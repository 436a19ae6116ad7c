/*
 * Why a process ended; see exit.h.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <stdio.h>
#include <string.h>

#include "model/exit.h"

/* Values of Result= that say more than the exit status does: systemd.service(5), "$SERVICE_RESULT".
 */
static const struct {
	const char *result;
	enum exit_reason reason;
} results[] = {
	{ "oom-kill", EXIT_REASON_OUT_OF_MEMORY },
	{ "timeout", EXIT_REASON_TIMED_OUT },
	{ "watchdog", EXIT_REASON_TIMED_OUT },
	{ "resources", EXIT_REASON_START_FAILED },
	{ "exec-condition", EXIT_REASON_START_FAILED },
	{ "start-limit-hit", EXIT_REASON_START_FAILED },
};

bool exit_code_is_of_start(int code)
{
	return code >= 200 && code <= 245; /* systemd.exec(5), "Process Exit Codes" */
}

enum exit_reason exit_reason_from_result(const char *result, int code, int signal, bool executed)
{
	for (size_t i = 0; !isempty(result) && i < ELEMENTSOF(results); i++)
		if (streq(result, results[i].result))
			return results[i].reason;
	if (signal != 0)
		return EXIT_REASON_SIGNALED;
	if (code == EXIT_CODE_CONFIGURATION)
		return EXIT_REASON_CONFIGURATION;
	return executed ? EXIT_REASON_EXITED : EXIT_REASON_START_FAILED;
}

bool exit_same(const struct exit_record *a, const struct exit_record *b)
{
	return a->time == b->time && a->code == b->code && a->signal == b->signal &&
	       a->reason == b->reason;
}

void exit_describe(const struct exit_record *record, char buffer[EXIT_TEXT_MAX])
{
	const char *name = record->signal ? sigabbrev_np(record->signal) : NULL;
	const char *why = "";

	if (record->reason == EXIT_REASON_OUT_OF_MEMORY)
		why = " (out of memory)";
	else if (record->reason == EXIT_REASON_TIMED_OUT)
		why = " (timed out)";
	else if (record->reason == EXIT_REASON_CONFIGURATION)
		why = " (configuration)";

	if (record->code == EXIT_CODE_EXEC && record->reason == EXIT_REASON_START_FAILED)
		(void)snprintf(buffer, EXIT_TEXT_MAX, "the program cannot be executed");
	else if (record->code == EXIT_CODE_CHDIR && record->reason == EXIT_REASON_START_FAILED)
		(void)snprintf(buffer, EXIT_TEXT_MAX,
			       "the project's directory or script cannot be used");
	else if (record->code == EXIT_CODE_CREDENTIALS &&
		 record->reason == EXIT_REASON_START_FAILED)
		(void)snprintf(
			buffer, EXIT_TEXT_MAX,
			"its credentials cannot be read or decrypted, or are more than 1 MiB");
	else if (record->signal)
		(void)snprintf(buffer, EXIT_TEXT_MAX, "killed by SIG%s%s", name ? name : "?", why);
	else if (record->reason == EXIT_REASON_START_FAILED && record->code)
		(void)snprintf(buffer, EXIT_TEXT_MAX,
			       "it could not be started (exit code %d of systemd.exec(5))",
			       (int)record->code);
	else if (record->reason == EXIT_REASON_START_FAILED)
		(void)snprintf(buffer, EXIT_TEXT_MAX, "systemd could not start it");
	else
		(void)snprintf(buffer, EXIT_TEXT_MAX, "exited with code %d%s", (int)record->code,
			       why);
}
