/*
 * Changes of indexers as lines.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include <stdio.h>

#include "indexerd/v1/indexer_runner.pb-c.h"

/*
 * Writes one line: the present time, the event, and of its indexer, where it is about one, the
 * name, the state and the PID ("-" where there is none), and the block where it is known.
 */
void event_print(FILE *file, const Indexerd__V1__WatchIndexersResponse *event,
		 const Google__Protobuf__Timestamp *now);
