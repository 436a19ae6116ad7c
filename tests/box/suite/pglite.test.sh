#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# An Apibara project of version 2 with its database in its state directory; the tests are in pglite.js.
# Beside the host come the project, built, and a stand-in of Apibara's stream server.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"
tests=$(cd "$(dirname "$0")/../.." && pwd)

modules=${INDEXERD_NODE_MODULES:-$("$tests/lib/node-modules" "$tests/box")}
apibara=$("$tests/apibara/build") || tap_bail 'the project is built'
box_up_installed host -b "$tests/box/suite:/opt/tests/suite" -b "$modules:/opt/tests/node_modules" \
	-b "$apibara:/opt/apibara" || tap_bail 'a host boots'
box run -t 420 "$host" node /opt/tests/suite/pglite.js </dev/null
