#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# More units than journald takes streams (4,096): each runs, writes a first line, waits with all the
# others, and writes a last one. By indexer-exec, and beside it by the unit's own stdout. Counted are the
# streams that they hold while they run, and the lines that are not in the journal afterwards.
#
#	units.sh N	in a box; /srv/bench has last.sh, and in spec/ a spec that runs it
#
# The units are plain: root's, without a sandbox, and of a template. There are only 4,336 dynamic users.
set -euo pipefail

n=$1
batch=250
pipe=/run/bench-units

# unit NAME TYPE COMMAND OUTPUT
unit() {
	cat >"/run/systemd/system/$1@.service" <<-END
		[Service]
		Type=$2
		NotifyAccess=all
		ExecStart=$3
		StandardOutput=$4
		StandardError=null
		Environment=NUMBER=%i CREDENTIALS_DIRECTORY=/srv/bench/spec
	END
}

# Connections that journald has accepted on its stream socket.
streams() { awk '$NF == "/run/systemd/journal/stdout" && $6 == "03"' /proc/net/unix | wc -l; }

# missing NAME WORD: how many of the units' lines with this word are not in the journal. PID 1's records
# are of another unit.
missing() {
	local there
	there=$(journalctl -q -o cat _SYSTEMD_SLICE="system-$1.slice" | grep -E "^$2 [0-9]+$" | sort -u | wc -l)
	echo $((n - there))
}

# PID 1, with thousands of ends to look after, does not answer everybody: asked is the kernel.
running() { find "/sys/fs/cgroup/system.slice/system-$1.slice" -mindepth 1 -maxdepth 1 -type d 2>/dev/null | wc -l; }

# settle SECONDS COMMAND...: until it prints 0, or the same for ten seconds.
settle() {
	local end=$((SECONDS + $1)) last='' now since=$SECONDS
	shift
	while ((SECONDS < end && SECONDS < since + 10)); do
		now=$("$@")
		[[ $now != 0 ]] || return 0
		[[ $now == "$last" ]] || since=$SECONDS
		last=$now
		read -rt 0.5 <> <(:) || :
	done
}

# measure NAME: prints the streams that the units hold, the first and the last lines that are missing,
# and how many were started in a second.
measure() {
	local name=$1 before held first i began=$SECONDS
	before=$(streams)
	for ((i = 1; i <= n; i += batch)); do
		seq -f "$name@%.0f.service" "$i" $((i + batch > n ? n : i + batch - 1)) |
			xargs systemctl start
	done
	local seconds=$((SECONDS - began))
	journalctl --sync
	settle 60 missing "$name" first
	held=$(($(streams) - before))
	first=$(missing "$name" first)
	# Who comes to the pipe only now is let through by the next round.
	while (($(running "$name") > 0)); do
		: >"$pipe" &
		read -rt 1 <> <(:) || :
		kill $! 2>/dev/null || :
	done
	journalctl --sync
	settle 60 missing "$name" last
	echo "$held $first $(missing "$name" last) $((n / (seconds > 0 ? seconds : 1)))"
}

[[ -p $pipe ]] || mkfifo "$pipe"
unit benchexec notify /usr/libexec/indexerd/indexer-exec null
unit benchbare exec /srv/bench/last.sh journal
systemctl daemon-reload
read -r held first last rate < <(measure benchexec)
read -r bare_held bare_first bare_last bare_rate < <(measure benchbare)
row() { echo "| $n plain units: $1 | $2 | $3 | - | $4 |"; }
row 'streams of journald that they hold' "$held" "$bare_held" 0
row 'first lines that are lost' "$first" "$bare_first" 0
row 'last lines that are lost' "$last" "$bare_last" 0
row 'starts a second' "$rate" "$bare_rate" -
