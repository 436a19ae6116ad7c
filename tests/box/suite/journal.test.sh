#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The journal's layer under load, without gRPC: many streams over lines that are still being written,
# each refusing at random and resumed by another thread, while the journal's files are rotated and
# removed under them and journald is restarted. Each line comes once and in order.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"

deb=${INDEXERD_DEB:-$("$_box_lib/deb" | tail -n 1)}
streams=40
last=21000
round=0
scratch directory
complaints=$directory/complaints
# What is restarted so often is given up by systemd, unless it is made to forget.
restart='systemctl reset-failed systemd-journald.service; systemctl restart systemd-journald.service'

in_box() { box run -t 180 "$host" "$@" </dev/null; }
unit() { in_box systemd-run --quiet "$@"; }

# stress CHURN [-g] MODE N: a writer in a unit like an indexer's, what is done to the journal
# meanwhile, over and over, and journal-stress beside both. What that says is in $said.
stress() {
	local churn=$1 uid status=0
	local -a flags=()
	shift
	[[ $1 != -g ]] || { flags=(-g) && shift; }
	round=$((round + 1))
	in_box journalctl -q --rotate --vacuum-files=1 # many files are slow to open
	uid=$(printf '%032x' "$round")
	unit --unit="writer-$round" --slice=indexer.slice --property="LogExtraFields=INDEXER_UID=$uid" \
		--property="LogExtraFields=INDEXER_ID=writer" --property="LogExtraFields=INDEXER_TREE=$uid" \
		--property="LogExtraFields=INDEXER_LINEAGE=$uid" \
		--property=LogRateLimitIntervalSec=0 /root/tools/journal-write 0 "$((last + 1))" 100
	# Only up to the last line: one that is removed behind it could not be missed by anybody, and the
	# more files there are, the longer each stream takes to begin.
	unit --unit="churn-$round" sh -c "until journalctl -q -n 1 -o cat INDEXER_UID=$uid \\
		INDEXER_LINE=$((last + 1)) | grep -q .; do $churn; sleep 0.2; done"
	[[ -z ${flags[*]} || $churn != *vacuum* ]] || wait_for 60 first_is_gone "$uid"
	said=$(in_box /root/tools/journal-stress "${flags[@]}" "$uid" "$last" "$@" 2>"$complaints") || status=$?
	in_box systemctl stop "writer-$round" "churn-$round" 2>/dev/null
	sed 's/^/# /' "$complaints"
	sed 's/^/# /' <<< "$said"
	return "$status"
}

# Whether the first line of an indexer is in no file any more, but others are.
first_is_gone() {
	[[ -n $(in_box journalctl -q -n 1 -o cat "INDEXER_UID=$1") &&
		-z $(in_box journalctl -q -o cat "INDEXER_UID=$1" INDEXER_LINE=1) ]]
}

# The file of the journal that has an indexer's last record.
file_of() {
	in_box sh -c 'for file in /var/log/journal/*/*.journal; do
		journalctl -q --file="$file" -n 1 -o cat INDEXER_UID="$1" INDEXER_LINE="$2" | grep -q . || continue
		echo "$file"
		break
	done' sh "$1" "$((last + 1))"
}

# What has been read of the first round's last record while its file is emptied, hundreds of times.
read_emptied() {
	local uid
	uid=$(printf '%032x' "$round")
	in_box journalctl -q --rotate
	in_box mkdir /var/tmp/copy
	in_box /root/tools/journal-emptied "$(file_of "$uid")" "$uid" /var/tmp/copy 1000
}

says() { grep -Eq "$1" <<< "$said"; }

box_up_installed host || tap_bail 'a host boots'
box push "$host" "${deb%/*}/tools" /root/tools || tap_bail 'the tools are built'

# Files that journald itself removes, 100 being its limit, would be lost lines on a slow machine.
in_box sh -c 'mkdir -p /etc/systemd/journald.conf.d
	printf "[Journal]\nSystemMaxFiles=10000\nRuntimeMaxFiles=10000\n" >/etc/systemd/journald.conf.d/files.conf
	systemctl restart systemd-journald.service'

stress 'journalctl -q --rotate' follow "$streams"
ok 'each stream has each line once while the journal is rotated'
says "$streams of $streams streams complete, .* [1-9][0-9]* refused, .* 0 gaps, 0 wrong"
ok 'all of them, and some were parked'

said=$(read_emptied)
ok 'a record whose file is emptied is read whole, or not at all'
echo "# $said"

stress 'journalctl -q --rotate --vacuum-files=2' -g follow "$streams"
ok 'each stream goes on where old files are removed, and has no line twice'
says "$streams of $streams streams complete, .* [1-9][0-9]* gaps, 0 wrong"
ok 'all of them, and some lines were gone'

stress "$restart" follow "$streams"
ok 'each stream has each line once while journald is restarted'

stress 'journalctl -q --rotate' resume "$streams"
ok 'streams that are cut and resumed by cursor have each line once'
says "$streams of $streams streams complete, .* [1-9][0-9]* cuts, 0 gaps, 0 wrong"
ok 'all of them, and many were cut'

stress 'journalctl -q --rotate --vacuum-files=2' -g resume "$streams"
ok 'streams that are cut and resumed while files are removed have each line, or a count of what is lost'
says "$streams of $streams streams complete, .* [1-9][0-9]* cuts, [1-9][0-9]* gaps, 0 wrong"
ok 'all of them, and some lines were lost'

stress "$restart; sleep 0.1; systemctl kill -s KILL systemd-journald.service" -g resume "$streams"
ok 'streams that are cut and resumed while journald is killed have each line, or a count of what is lost'

stress 'journalctl -q --rotate' handover 10
ok 'streams that begin near the end go over to the live ones without a break'

tap_done
