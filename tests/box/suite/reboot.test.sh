#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A reboot, in order and by a power cut: what should run runs, once; a delete that had begun is finished.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"

in_box() { box run -t 60 "$host" "$@"; }
running() { (($(in_box indexerctl list -o json 2>/dev/null | grep -c STATE_RUNNING) == $1)); }
pid() { in_box systemctl show -P MainPID "indexer-$1.service"; }
all_once() {
	local i
	for i in 1 2 3 4 5; do
		[[ $(in_box systemctl show -P NRestarts "indexer-r$i.service") == 0 ]] || return 1
		# Of this boot only.
		[[ $(in_box journalctl -q -b -o cat -u "indexer-r$i" --grep '^started$' | wc -l) == 1 ]] || return 1
	done
}

limited() {
	local slice
	slice=$(in_box systemctl show -P Slice indexer-r1.service)
	[[ $slice == "indexer-$uid.slice" && $(in_box systemctl show -P TasksMax "$slice") == 77 ]]
}

last_exit() { in_box indexerctl get "$1" | grep '^Last exit:'; }
killed() { running 4 && [[ $(last_exit "$1") == *SIGKILL* ]]; }

box_up_installed host || tap_bail 'a host boots'
in_box sh -c 'mkdir /srv/r && printf "#!/bin/sh\necho started\nexec sleep infinity\n" >/srv/r/main.sh && chmod 755 /srv/r/main.sh'
for i in 1 2 3 4 5; do
	in_box indexerctl create "r$i" --runtime=exec --project-source=/srv/r --script=main.sh \
		--env "N=$i" --label "n=$i" >/dev/null
done
in_box indexerctl update r1 --tree-tasks-max=77 >/dev/null
running 5
ok 'five indexers run'

uid=$(in_box indexerctl get r1 -o json | sed -nE 's/.*"uid": ?"([0-9a-f]+)".*/\1/p')
box reboot "$host" && wait_for 60 running 5
ok 'after a reboot all five run'
all_once
ok 'each was started once in this boot'
[[ $uid && $(in_box indexerctl get r1 -o json) == *"$uid"* ]]
ok 'they are the same indexers'
limited
ok 'the limits of a tree are there again'

in_box systemctl stop indexer-r5.service
wait_for 20 running 4
ok 'one is stopped by the administrator'
in_box systemctl kill -s KILL indexer-r2.service
wait_for 20 killed r2
ok 'one is killed, and runs again'
before=$(last_exit r2)
box reboot -f "$host" && wait_for 60 running 5
ok 'after a power cut all five run, also the one that was stopped'
[[ $(last_exit r2) == "$before" ]]
ok 'how the one that was killed had ended is still known'
all_once
ok 'each was started once in this boot'

in_box sh -c 'printf "#!/bin/bash\ntrap \"\" TERM\nwhile :; do sleep 1; done\n" >/srv/r/slow.sh && chmod 755 /srv/r/slow.sh'
in_box indexerctl create slow --runtime=exec --project-source=/srv/r --script=slow.sh >/dev/null
in_box sh -c 'indexerctl delete slow >/dev/null 2>&1 &'
deleting() { in_box indexerctl get slow -o json 2>/dev/null | grep -q STATE_DELETING; }
wait_for 20 deleting
ok 'a delete has begun'
box reboot -f "$host"
gone() { ! in_box indexerctl get slow >/dev/null 2>&1 && running 5; }
wait_for 60 gone
ok 'it is finished after a power cut'
[[ ! $(in_box ls /var/lib/private/indexers | grep slow) && $(pid slow) == 0 ]]
ok 'with its unit and its state'

tap_done
