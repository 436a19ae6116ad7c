/*
 * The keeper: the log helper's second process, which does nothing but wait for the first.
 *
 * Without readers of its pipes an indexer would get EPIPE. Shells, Go and Rust end by that, and are
 * restarted; Node.js and Python's logging ignore it and go on without a word for ever. So the
 * keeper holds the pipes as well, and where the process that reads them is killed, starts another.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#include "exec/pump.h"

/* Runs the pump in a child, and again as often as it is killed; where there can be no child, in
 * this process. Returns when it is done: 0, or a negative errno. */
int keeper_run(struct pump *pump);
