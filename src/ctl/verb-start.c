/*
 * indexerctl start: indexers that were stopped, have failed or wait for their next restart.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/verb.h"

static int start_one(struct ctl *ctl, char *name, const void *config __attribute__((unused)))
{
	Indexerd__V1__StartIndexerRequest request = INDEXERD__V1__START_INDEXER_REQUEST__INIT;

	request.name = name;
	return ctl_control(ctl, "StartIndexer", &request.base, TIMEOUT_START);
}

static int run_start(struct ctl *ctl, void *config, char **operands)
{
	return ctl_each(ctl, operands, start_one, config);
}

const struct verb verb_start = {
	.name = "start",
	.operands = "ID...",
	.summary = "Start indexers",
	.n_operands = 1,
	.several = true,
	.run = run_start,
};
