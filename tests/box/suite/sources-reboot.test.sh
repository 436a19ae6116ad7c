#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A project that was fetched, over reboots: its checkout is used again; one that is lost is fetched again at the same
# commit, although its branch has gone on; and a fetch that a power cut has ended begins anew.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"

in_box() { box run -t 60 "$host" "$@"; }
git='git -c user.name=t -c user.email=t@t -c init.defaultBranch=main'
status() { in_box indexerctl get fetched 2>/dev/null; }
runs() { [[ $(status) == *RUNNING*"of commit $1"* ]]; }
fetches() { in_box journalctl -q -b -o cat --grep 'Starting.*Fetch of an indexer' _PID=1 | wc -l; }

box_up_installed host || tap_bail 'a host boots'
in_box bash -c "$git init -q --bare /srv/r.git && $git clone -q /srv/r.git /srv/w 2>/dev/null && cd /srv/w &&
	printf '#!/bin/sh\nexec sleep infinity\n' >main.sh && chmod 755 main.sh && $git add -A && $git commit -qm 1 && $git push -q origin main"
commit=$(in_box git -C /srv/w rev-parse HEAD)
in_box indexerctl create fetched --project-source='file:///srv/r.git#main' --script=main.sh >/dev/null
wait_for 30 runs "$commit"
ok 'a project is fetched'
in_box bash -c "cd /srv/w && $git commit -q --allow-empty -m 2 && $git push -q origin main"

box reboot "$host" && wait_for 60 runs "$commit"
ok 'after a reboot it runs, at the same commit'
[[ $(fetches) == 0 ]]
ok 'without being fetched'

in_box bash -c 'rm -rf /var/cache/indexerd /var/cache/private'
box reboot -f "$host" && wait_for 60 runs "$commit"
ok 'after a power cut that has cost it its checkout, it runs at the same commit'
[[ $(fetches) == 1 ]]
ok 'which was fetched once'

# A server that takes the connection and says nothing.
in_box bash -c 'nohup python3 -c "
import socket, time
s = socket.create_server((\"127.0.0.1\", 2022))
kept = []
while True: kept.append(s.accept())" >/dev/null 2>&1 &'
in_box sh -c 'indexerctl create waits --project-source=ssh://git@127.0.0.1:2022/p.git --script=main.sh >/dev/null 2>&1 &'
fetching() { [[ $(in_box indexerctl get waits 2>/dev/null) == *STARTING*fetching* ]]; }
wait_for 20 fetching
ok 'another one is being fetched'
box reboot -f "$host"
failed() { [[ $(in_box indexerctl get waits 2>/dev/null) == *FAILED*'cannot be fetched'* ]]; }
wait_for 60 failed
ok 'after a power cut it is fetched anew, and fails with that alone'
wait_for 30 runs "$commit"
ok 'and the other one runs'
in_box indexerctl delete waits >/dev/null
clean() { [[ ! $(in_box ls /var/cache/indexerd | grep -vE '^[0-9a-f]{64}$') ]]; }
wait_for 30 clean
ok 'nothing is left of what was interrupted'

tap_done
