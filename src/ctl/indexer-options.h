/*
 * The options that say what an indexer is: one table for the verbs that create and update one, and
 * the messages that they make.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "ctl/options.h"
#include "ctl/value.h"
#include "indexerd/v1/indexer_runner.pb-c.h"

/* Keys of a map that are set, and keys that are taken out of it; no key is in both. */
struct map_options {
	struct kv_list set, unset;
};

/* What the options say; all zero at first. Strings are lent by the command line. */
struct indexer_options {
	const char *project_source, *project_dir, *script, *runtime, *preset, *spawned_by, *etag;
	struct map_options labels, environment;
	struct string_list args;
	bool no_args;
	uint64_t memory_max, tasks_max, tree_memory_max, tree_tasks_max;
	uint64_t initial_backoff, max_backoff; /* microseconds */
	uint32_t cpu_percent, tree_cpu_percent;
	Indexerd__V1__Policy policy;
};

void indexer_options_clear(void *options);

/*
 * The rows, whose config is a struct indexer_options. The table is one, and each verb has a part of
 * it: first what makes sense in an update only, then what is common to both, then what makes sense
 * for a new indexer only.
 */
#define UPDATE_OPTIONS_OWN 4
#define CREATE_OPTIONS_OWN 1
#define COMMON_OPTIONS	   18
#define UPDATE_OPTIONS	   (UPDATE_OPTIONS_OWN + COMMON_OPTIONS)
#define CREATE_OPTIONS	   (COMMON_OPTIONS + CREATE_OPTIONS_OWN)
extern const struct option_row
	indexer_option_rows[UPDATE_OPTIONS_OWN + COMMON_OPTIONS + CREATE_OPTIONS_OWN];
#define update_option_rows (&indexer_option_rows[0])
#define create_option_rows (&indexer_option_rows[UPDATE_OPTIONS_OWN])

/* An indexer with what it points to, which is owned; it must not be moved. */
struct indexer_message {
	Indexerd__V1__Indexer indexer;
	Indexerd__V1__Resources resources, tree_resources;
	Indexerd__V1__Restart restart;
	Google__Protobuf__Duration initial_backoff, max_backoff;
	char *project_source, *spawned_by;
	Indexerd__V1__Indexer__LabelsEntry **labels;
	Indexerd__V1__Indexer__EnvironmentEntry **environment;
};

/*
 * Makes a message of the options, by which its other strings are lent. 0 or -ENOMEM; it is cleared
 * by the caller in any case.
 */
int indexer_message_init(struct indexer_message *message, const struct indexer_options *options);
void indexer_message_clear(struct indexer_message *message);

/*
 * The paths of the fields that were given, as google.protobuf.FieldMask has them: "script",
 * "labels.team". `table` is update's, with what was given. 0 or -ENOMEM; the list and its strings
 * are owned by the caller in any case.
 */
int indexer_mask(const struct option_table *table, struct string_list *ret);
void indexer_mask_clear(struct string_list *mask);
