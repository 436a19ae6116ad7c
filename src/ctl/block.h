/*
 * How far an indexer has come, as one word for a table or a line.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "indexerd/v1/indexer_runner.pb-c.h"

#define BLOCK_TEXT_MAX sizeof("18446744073709551615/18446744073709551615 (stalled)")

/* "1234/2000" with the head where it is known, and " (stalled)" behind it where it is; "-" for
 * NULL. */
void block_text(const Indexerd__V1__Progress *progress, char buffer[BLOCK_TEXT_MAX]);
