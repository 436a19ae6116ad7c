# SPDX-License-Identifier: Apache-2.0
#
# Cleaning up, for bash scripts: sourced, it runs what was given to at_exit, last first, when the
# script ends, also by a failure, SIGINT, SIGTERM or SIGHUP. The script's exit code stays; a signal
# gives 128 + its number.
#
#	. "$(dirname "$0")/../lib/cleanup.sh"
#	scratch dir                     # a directory of one's own, its path in $dir
#	at_exit 'kill "$server"'        # a string, evaluated at the end
#	limit 60 make                   # run a command that may take long, see below
#	wait_for 20 test -e file        # wait until a command succeeds
#
# A trap waits until the command in the foreground has ended, so what may take long is run by
# `limit`: it passes the signal on to the command at once.

_at_exit=()

at_exit() { _at_exit=("$1" "${_at_exit[@]}"); }

_run_at_exit() {
	local status=$? step
	trap '' INT TERM HUP
	trap - EXIT
	set +e
	for step in "${_at_exit[@]}"; do
		eval "$step"
	done
	exit "$status"
}

# scratch VARIABLE [PARENT]: a temporary directory that is removed at the end.
scratch() {
	local -n _scratch=$1
	_scratch=$(mktemp -u -d "${2:-${TMPDIR:-/var/tmp}}/indexerd-test.XXXXXX")
	at_exit "rm -rf '$_scratch'"
	mkdir -m 755 "$_scratch"
}

# limit SECONDS COMMAND...: the command's exit code, or 124 when the time is over. `timeout` makes
# it a process group of its own, and ends the whole group.
limit() {
	local seconds=$1 status=0
	shift
	timeout --kill-after=10 "$seconds" env --default-signal=INT,QUIT "$@" <&0 &
	_limited=$!
	wait "$_limited" || status=$?
	_limited=
	return "$status"
}

# wait_for SECONDS COMMAND...: until it succeeds.
wait_for() {
	local end=$((SECONDS + $1))
	shift
	until "$@"; do
		((SECONDS < end)) || { echo "not within its limit: $*" >&2; return 1; }
		read -rt 0.2 <> <(:) || :
	done
}

_on_signal() {
	local name=$1
	trap '' INT TERM HUP
	set +e
	if [[ ${_limited-} ]]; then
		kill -TERM "$_limited" 2>/dev/null
		wait "$_limited"
	fi
	exit $((128 + $(kill -l "$name")))
}

trap _run_at_exit EXIT
trap '_on_signal INT' INT
trap '_on_signal TERM' TERM
trap '_on_signal HUP' HUP
