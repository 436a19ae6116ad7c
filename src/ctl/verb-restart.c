/*
 * indexerctl restart: indexers, whatever their state is.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#include "ctl/verb.h"

static int restart_one(struct ctl *ctl, char *name, const void *config __attribute__((unused)))
{
	Indexerd__V1__RestartIndexerRequest request = INDEXERD__V1__RESTART_INDEXER_REQUEST__INIT;

	request.name = name;
	return ctl_control(ctl, "RestartIndexer", &request.base, TIMEOUT_START);
}

static int run_restart(struct ctl *ctl, void *config, char **operands)
{
	return ctl_each(ctl, operands, restart_one, config);
}

const struct verb verb_restart = {
	.name = "restart",
	.operands = "ID...",
	.summary = "Stop and start indexers",
	.n_operands = 1,
	.several = true,
	.run = run_restart,
};
