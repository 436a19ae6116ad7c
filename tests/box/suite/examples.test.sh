#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Each example that the package installs, run as its README says; the tests are in examples.js. Beside
# the host come what Debian has not: the example of Apibara, built, with a stand-in of its stream server.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"
tests=$(cd "$(dirname "$0")/../.." && pwd)

modules=${INDEXERD_NODE_MODULES:-$("$tests/lib/node-modules" "$tests/box")}
apibara=$("$tests/apibara/build") || tap_bail 'the example of Apibara is built'
box_up_installed host -b "$tests/box/suite:/opt/tests/suite" -b "$modules:/opt/tests/node_modules" \
	-b "$apibara:/opt/apibara" || tap_bail 'a host boots'
box run -t 300 "$host" node /opt/tests/suite/examples.js </dev/null
