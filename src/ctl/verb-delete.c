/*
 * indexerctl delete: indexers, their descendants and their state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "common/util.h"
#include "ctl/output.h"
#include "ctl/verb.h"

struct delete_config {
	bool allow_missing;
};

static const struct option_row delete_options[] = {
	{ "allow-missing", 0, NULL, take_flag, offsetof(struct delete_config, allow_missing), NULL,
	  "succeed where there is no such indexer" },
};

static int delete_one(struct ctl *ctl, char *name, const void *userdata)
{
	const struct delete_config *config = userdata;
	_cleanup_message_ ProtobufCMessage *answer = NULL;
	Indexerd__V1__DeleteIndexerRequest request = INDEXERD__V1__DELETE_INDEXER_REQUEST__INIT;
	int r;

	request.name = name;
	request.allow_missing = config->allow_missing;
	r = ctl_call(ctl, "DeleteIndexer", &request.base, TIMEOUT_NONE, &answer);
	if (r != 0 || ctl->output != OUTPUT_JSON)
		return r;
	return print_json(answer);
}

static int run_delete(struct ctl *ctl, void *config, char **operands)
{
	return ctl_each(ctl, operands, delete_one, config);
}

const struct verb verb_delete = {
	.name = "delete",
	.operands = "ID...",
	.summary = "Delete indexers with all that they have spawned, and their state",
	.n_operands = 1,
	.several = true,
	.options = delete_options,
	.n_options = ELEMENTSOF(delete_options),
	.config_size = sizeof(struct delete_config),
	.run = run_delete,
};
