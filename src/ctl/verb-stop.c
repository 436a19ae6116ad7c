/*
 * indexerctl stop: indexers, until they are started again.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/verb.h"

static int stop_one(struct ctl *ctl, char *name, const void *config __attribute__((unused)))
{
	Indexerd__V1__StopIndexerRequest request = INDEXERD__V1__STOP_INDEXER_REQUEST__INIT;

	request.name = name;
	return ctl_control(ctl, "StopIndexer", &request.base, TIMEOUT_NONE);
}

static int run_stop(struct ctl *ctl, void *config, char **operands)
{
	return ctl_each(ctl, operands, stop_one, config);
}

const struct verb verb_stop = {
	.name = "stop",
	.operands = "ID...",
	.summary = "Stop indexers until they are started again",
	.n_operands = 1,
	.several = true,
	.run = run_stop,
};
