/*
 * indexer-fetch: brings a project onto this server, or builds it, for indexerd. See
 * indexer-fetch(8).
 *
 * systemd starts it as a transient unit, in a sandbox and as a user of its own. It takes what to do
 * from a credential, and leaves what came of it in the one directory that it may write.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

#include "common/journal-socket.h"
#include "common/log.h"
#include "common/util.h"
#include "fetch/fetch.h"

int main(int argc, char **argv)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const struct fetch_config config = {
		.credentials = credentials,
		.journal_socket = JOURNAL_SOCKET,
		.program = PKGLIBEXECDIR "/indexer-fetch",
	};

	/* git has three verbs for the helper that it asks for credentials; there is nothing to
	 * keep.
	 */
	if (argc == 2 && (streq(argv[1], "store") || streq(argv[1], "erase")))
		return EXIT_SUCCESS;
	if (isempty(credentials)) {
		log_error(
			"CREDENTIALS_DIRECTORY is not set: this program is for units of indexerd");
		return EX_CONFIG;
	}
	if (argc == 2 && streq(argv[1], "get"))
		return fetch_answer(credentials);
	if (argc > 1) {
		log_error("%s takes no arguments; systemd starts it for indexerd", argv[0]);
		return EX_USAGE;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	return fetch_run(&config);
}
