/*
 * The verbs of indexerctl: one file each, and what they share.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "ctl/client.h"
#include "ctl/options.h"
#include "ctl/status.h"
#include "indexerd/v1/indexer_runner.pb-c.h"

enum output {
	OUTPUT_TABLE,
	OUTPUT_JSON,
};

struct verb;

/* What the common options say, and what is done. */
struct ctl {
	const char *address; /* as given, then as chosen */
	enum output output;
	uint64_t timeout; /* microseconds; 0 where it is not given */
	bool help, version;
	const struct verb *verb;
	bool given[OPTIONS_MAX]; /* which of the verb's own options are given, by their rows */
	struct client *client;
	bool unreachable; /* the last call has not found the daemon */
};

/* Limits of a call without --timeout, in microseconds. */
#define TIMEOUT_START (60 * 1000000ULL) /* of what answers when an indexer is started */
#define TIMEOUT_READ  (30 * 1000000ULL)
#define TIMEOUT_NONE  0ULL

struct verb {
	const char *name;
	const char *operands; /* for the help, e.g. "ID"; "" for a verb without */
	const char *summary;
	int n_operands; /* so many, or with `several` at least so many */
	bool several;
	bool local; /* asks no daemon: it has no client */
	const struct option_row *options;
	size_t n_options;
	size_t config_size; /* of what the options are stored in; all zero at first */
	/* Does it and returns an exit code, or a negative errno that main() tells. The operands end
	 * with NULL. */
	int (*run)(struct ctl *ctl, void *config, char **operands);
	void (*clear)(void *config); /* frees what the options have allocated; may be NULL */
};

extern const struct verb verb_create, verb_get, verb_list, verb_update, verb_start, verb_stop,
	verb_restart, verb_delete, verb_logs, verb_watch, verb_runtimes;

/*
 * client_call() with the ordinary end: where the server refuses, tells why and returns the exit
 * code with *ret NULL. 0 with *ret set, or a negative errno.
 */
int ctl_call(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
	     uint64_t default_timeout, ProtobufCMessage **ret);

/*
 * client_stream() with the ordinary end. Each message is given to `print`, or with -o json printed
 * as a line; what is in stdout's buffer is flushed whenever nothing more is there. An exit code, or
 * a negative errno, also of `print`.
 */
int ctl_stream(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
	       int (*print)(const ProtobufCMessage *message, void *userdata), void *userdata);

/*
 * Runs a function for each operand's name, also behind one that has failed, unless there is no
 * daemon to talk to. Returns the exit code of the first that has failed, or at once the function's
 * negative errno.
 */
int ctl_each(struct ctl *ctl, char **operands,
	     int (*run)(struct ctl *ctl, char *name, const void *config), const void *config);

/*
 * Prints an indexer that something was done to: name and state, and behind them the outcome where
 * it is not NULL; or with -o json all of it. Of one that is FAILED it tells the reason on stderr.
 * EXIT_DONE, EXIT_FAILED, or a negative errno.
 */
int ctl_show(const struct ctl *ctl, const Indexerd__V1__Indexer *indexer, const char *outcome);

/* ctl_call() of a method that answers with an indexer, and ctl_show() of that. */
int ctl_control(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
		uint64_t default_timeout);

/* "indexers/ID" for both "ID" and "indexers/ID". NULL where there is no memory. */
char *ctl_name(const char *id_or_name);
