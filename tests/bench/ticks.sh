#!/bin/bash
# A line now and then. journald tells readers of one up to half a second later; lines that come faster
# than that are seen early by whoever is just being told of the one before.
# SPDX-License-Identifier: Apache-2.0
for ((tick = 0; ; tick++)); do
	echo "tick $tick"
	sleep 0.7
done
