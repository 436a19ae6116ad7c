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

/* Sends the message back again and again, as often as in ECHO_REPEAT_USEC, to all such calls in
 * ECHO_REPEAT_PARTS parts of that time: as journald wakes who follows it. */
#define ECHO_REPEAT	  "/bench.Echo/Repeat"
#define ECHO_REPEAT_USEC  1000000
#define ECHO_REPEAT_PARTS 4
