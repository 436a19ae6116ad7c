/*
 * Carrying out an order: what is fetched, built and left behind.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

struct fetch_config {
	const char *credentials;    /* directory that has the order, and what it names */
	const char *journal_socket; /* of journald's native protocol */
	const char *program;	    /* of indexer-fetch, which git asks for user and password */
};

/* Does what the order says. Returns the exit code: sysexits.h's EX_CONFIG where it is none. */
int fetch_run(const struct fetch_config *config);

/* Answers git, which asks for user and password on stdin. Returns the exit code. */
int fetch_answer(const char *credentials);
