/*
 * What a StreamLogs stream is fed from: the journal's stream, packed and put on the journal's
 * threads. Where the client does not read, the journal's stream is closed, and another one opened
 * behind the last message sent when the client reads on.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "journal/journal.h"
#include "rpc/call.h"

/* Makes a stream of the call and feeds it with what the query asks for. 0 or -ENOMEM. Any thread.
 */
int log_feed_open(struct call *call, const struct log_query *query);
