#!/bin/sh
# A first line, and a last one when somebody has opened the pipe and closed it again; see units.sh.
# SPDX-License-Identifier: Apache-2.0
echo "first $NUMBER"
read -r _ </run/bench-units
echo "last $NUMBER"
