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
	struct client *client;
};

/* Limits of a call without --timeout, in microseconds. */
#define TIMEOUT_CREATE (60 * 1000000ULL)
#define TIMEOUT_READ   (30 * 1000000ULL)
#define TIMEOUT_NONE   0ULL

struct verb {
	const char *name;
	const char *operands; /* for the help, e.g. "ID"; "" for a verb without */
	const char *summary;
	int n_operands;
	const struct option_row *options;
	size_t n_options;
	size_t config_size; /* of what the options are stored in; all zero at first */
	/* Does it and returns an exit code, or a negative errno that main() tells. */
	int (*run)(struct ctl *ctl, void *config, char **operands);
	void (*clear)(void *config); /* frees what the options have allocated; may be NULL */
};

extern const struct verb verb_create, verb_get, verb_list, verb_delete, verb_logs;

/*
 * client_call() with the ordinary end: where the server refuses, tells why and returns the exit
 * code with *ret NULL. 0 with *ret set, or a negative errno.
 */
int ctl_call(struct ctl *ctl, const char *method, const ProtobufCMessage *request,
	     uint64_t default_timeout, ProtobufCMessage **ret);

/* rpc_status_report() with what the verb knows: 0 or an exit code. */
int ctl_report(const struct ctl *ctl, const struct rpc_status *status);

/* "indexers/ID" for both "ID" and "indexers/ID". NULL where there is no memory. */
char *ctl_name(const char *id_or_name);
