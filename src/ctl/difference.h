/*
 * What an existing indexer has otherwise than a command that would have created it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "ctl/options.h"
#include "indexerd/v1/indexer_runner.pb-c.h"

/*
 * Compares what was asked for with what is there, field by field of the options' table. *ret is
 * the names of the options that differ, "--label, --script", or "" where nothing does; owned by the
 * caller. What the server fills in where nothing is asked for (parent, project, restart policy) is
 * no difference. 0 or a negative errno.
 */
int difference_options(const Indexerd__V1__Indexer *asked, const Indexerd__V1__Indexer *got,
		       const struct option_table *options, char **ret);
