/*
 * indexerctl delete: an indexer, its descendants and their state.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include <errno.h>

#include "common/util.h"
#include "ctl/output.h"
#include "ctl/verb.h"
#include "indexerd/v1/indexer_runner.pb-c.h"

static int run_delete(struct ctl *ctl, void *config __attribute__((unused)), char **operands)
{
	_cleanup_message_ ProtobufCMessage *answer = NULL;
	_cleanup_free_ char *name = ctl_name(operands[0]);
	Indexerd__V1__DeleteIndexerRequest request = INDEXERD__V1__DELETE_INDEXER_REQUEST__INIT;
	int r;

	if (!name)
		return -ENOMEM;
	request.name = name;
	r = ctl_call(ctl, "DeleteIndexer", &request.base, TIMEOUT_NONE, &answer);
	if (r != 0 || ctl->output != OUTPUT_JSON)
		return r;
	return print_json(answer);
}

const struct verb verb_delete = {
	.name = "delete",
	.operands = "ID",
	.summary = "Delete an indexer with all that it has spawned, and their state",
	.n_operands = 1,
	.run = run_delete,
};
