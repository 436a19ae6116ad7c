#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# Runs until it is killed, or where the file is there, crashes at once.
[ ! -e /srv/bench/crash ] || exit 3
exec sleep infinity
