#!/bin/bash
# A line now and then.
# SPDX-License-Identifier: Apache-2.0
for ((tick = 0; ; tick++)); do
	echo "tick $tick"
	sleep 0.3
done
