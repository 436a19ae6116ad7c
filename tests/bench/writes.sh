#!/bin/bash
# A line a second, without a process for each.
# SPDX-License-Identifier: Apache-2.0
exec 3<> <(:)
for ((n = 0; ; n++)); do
	echo "line $n of somebody who is followed, about a hundred bytes long as those of real ones are"
	read -rt 1 -u 3 || :
done
