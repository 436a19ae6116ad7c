#!/bin/sh
# 300,000 lines as those of lines.sh, and one more when it is told to.
# SPDX-License-Identifier: Apache-2.0
seq -f 'line %.0f of a backlog that somebody reads later, about a hundred bytes long as real ones are' 300000
until [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.1; done
echo 'the end'
exec sleep infinity
