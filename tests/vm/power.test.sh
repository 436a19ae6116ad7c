#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Five power cuts and five reboots while fifty indexers are created and deleted (tests/vm/storm.js), each at
# another moment: what was answered holds, what was begun is finished, nothing is there twice, or half.
set -uo pipefail
. "$(dirname "$0")/../lib/vm.sh"
. "$(dirname "$0")/../lib/tap.sh"

# The answers after which the power fails, or the host is told to reboot.
moments=(1 0 4 0 8 1 12 3 18 6)

# answers N: so many were told, or all.
answers() { (($(grep -cE '^(created|deleted) ' "$now") >= $1)) || grep -qx 'done' "$now"; }

# life ROUND: compares what there is with what the life before told, and comes back when the storm is about to
# begin; it begins with `go`.
life() {
	rm -f "$work/pipe" && mkfifo "$work/pipe"
	exec {storm}<>"$work/pipe"
	vm_run "$host" node /opt/tests/vm/storm.js "$1" <"$work/pipe" >"$now" &
	storm_pid=$!
	cat "$before" >&"$storm" && echo 'that is all' >&"$storm"
	wait_for 400 grep -qx planned "$now"
}

go() { printf '%s\n' "$@" go >&"$storm"; }

# The storm has ended, by itself or with the machine.
over() {
	exec {storm}>&-
	wait "$storm_pid"
	mv "$now" "$before"
}

held() { ! grep '^wrong:' "$now" && grep -qx planned "$now"; }

scratch work
before=$work/before now=$work/now
: >"$before"
vm_up host || tap_bail 'a machine boots'

# Or no power cut here would mean anything.
vm_run -t 60 "$host" sh -c 'echo 1 >/srv/kept; sync; echo 1 >/srv/lost; sync -d /srv/kept' </dev/null &&
	vm_cut "$host" && [[ $(vm_run -t 60 "$host" ls /srv </dev/null) == kept ]]
ok 'a power cut leaves what was synced, and nothing else'

states() { vm_run -t 60 "$host" ls /var/lib/private/indexers </dev/null | xargs; }
vm_run -t 400 "$host" node /opt/tests/vm/erase.js </dev/null >"$now" &
wait_for 400 grep -qx erased "$now" && vm_cut "$host" && [[ $(states) == other ]] &&
	vm_run -t 60 "$host" indexerctl delete other </dev/null >/dev/null && [[ ! $(states) ]]
ok 'the state of a deleted indexer stays away'

life 0 && go && wait_for 300 grep -qx done "$now" && ! grep '^#' "$now"
ok 'half of fifty are created'
over
life 1 && held
ok 'they run'

for i in "${!moments[@]}"; do
	if ((i % 2)); then
		what=reboot
		go "reboot ${moments[i]}"
		vm_rebooted "$host"
	else
		what='power cut'
		go && wait_for 300 answers "${moments[i]}"
		vm_cut "$host"
	fi
	over
	life "$((i + 2))" && held
	ok "$what $((i / 2 + 1)): what was answered is so, what was begun is done, nothing is there twice"
done
tap_done
