#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# A million numbered lines of one indexer, at mixed levels, through all of it: indexer-exec, journald,
# the daemon, and clients that are cut at any moment and go on with their cursors. Meanwhile the
# journal's files are rotated and removed, journald is restarted and killed, and so is the daemon. Each
# line comes to each client once and in order, or is in the count of a LOST.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"

deb=${INDEXERD_DEB:-$("$_box_lib/deb" | tail -n 1)}
count=1000000
clients=8
limit=400

in_box() { box run -t "$((limit + 60))" "$host" "$@" </dev/null; }

box_up_installed host || tap_bail 'a host boots'
box push "$host" "${deb%/*}/tools" /root/tools || tap_bail 'the tools are built'

# journald's own limits of files and rate would lose lines of themselves.
in_box sh -c 'mkdir -p /etc/systemd/journald.conf.d /srv/million
	printf "[Journal]\nSystemMaxFiles=10000\nRateLimitBurst=0\n" >/etc/systemd/journald.conf.d/million.conf
	systemctl restart systemd-journald.service
	cp /root/tools/line-print /srv/million'

# For as long as the indexer writes: what is removed behind the last line could not be counted.
# systemd gives up what is restarted so often, unless it is made to forget.
box push "$host" /dev/stdin /root/churn <<'CHURN' || tap_bail 'the host takes a file'
kill_service() { systemctl reset-failed "$1"; systemctl kill -s KILL "$1"; }
while systemctl is-active -q indexer-million.service; do
	case $((RANDOM % 8)) in
	0 | 1 | 2) journalctl -q --rotate ;;
	3 | 4) journalctl -q --rotate --vacuum-files=30 ;;
	5) systemctl reset-failed systemd-journald.service; systemctl restart systemd-journald.service ;;
	6) kill_service systemd-journald.service ;;
	7) kill_service indexerd.service ;;
	esac
	sleep "0.$((RANDOM % 10))"
done
CHURN

in_box indexerctl create million --runtime=exec --project-source=/srv/million --script=line-print \
	--arg="$count" --restart=never
ok 'an indexer begins to write'
in_box systemd-run --quiet --unit=churn bash /root/churn
said=$(in_box /root/tools/logs-resume million "$count" "$clients" "$limit")
ok 'each line came once to each client, or was counted as lost'
sed 's/^/# /' <<< "$said"
grep -Eq "^$clients of $clients streams complete, .* [1-9][0-9]+ cuts, [1-9][0-9]* calls without a record, 0 wrong" <<< "$said"
ok 'all of them, which were cut often and missed the daemon'
tap_done
