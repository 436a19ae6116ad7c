# SPDX-License-Identifier: Apache-2.0
#
# TAP for bash scripts: sourced, it counts what a script has found out.
#
#	some command
#	ok 'what that shows'            # by the exit code of the command before
#	tap_bail 'why nothing can be tested'
#	tap_done                        # the plan, and the script's exit code
# shellcheck shell=bash

_tap_n=0
_tap_failed=0

ok() {
	local status=$? word=ok
	if ((status != 0)); then
		word='not ok'
		_tap_failed=$((_tap_failed + 1))
	fi
	_tap_n=$((_tap_n + 1))
	printf '%s %d - %s\n' "$word" "$_tap_n" "$1"
}

tap_done() {
	printf '1..%d\n' "$_tap_n"
	exit $((_tap_failed > 0))
}

tap_bail() {
	false
	ok "$1"
	tap_done
}
