/*
 * What the clients of the benchmark's echo server have to know of it.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#pragma once

#define ECHO_ADDRESS "unix:/run/bench-echo.sock"

/* Sends the message back, and is over. */
#define ECHO_ONCE "/bench.Echo/Once"

/* Sends the message back, and stays open until the client ends it. */
#define ECHO_HOLD "/bench.Echo/Hold"
