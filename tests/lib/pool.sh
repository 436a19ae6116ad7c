# SPDX-License-Identifier: Apache-2.0
#
# Several long commands beside each other, for bash scripts: sourced, it runs each as a job, of which
# there are only so many at a time, and ends them with the script, however that ends.
#
#	. "$(dirname "$0")/../lib/pool.sh"
#	ended() { echo "$1: exit code $2 after $3 s"; cat "$4"; }
#	pool_open ended                 # who is told of each job's end, one at a time
#	pool_start unit 600 make check  # a name, a limit in seconds, the command; waits for a place
#	pool_start -p 2 load 600 ./load # a job that does nothing but compute takes more places
#	pool_drain                      # waits for all
# shellcheck shell=bash

. "$(dirname "${BASH_SOURCE[0]}")/cleanup.sh"

# Most jobs wait more than they compute, a build for its own single steps, too: with one for each processor,
# half of those would be idle. With more than twice as many, all that is waited for would only take longer.
pool_places=$((2 * $(nproc)))

# A job has this long to clean up when it is told to end.
_pool_patience=90

pool_open() {
	_pool_told=$1
	_pool_free=$pool_places
	declare -gA _pool_names=() _pool_starts=() _pool_logs=() _pool_taken=()
	scratch _pool_directory
	at_exit _pool_stop
}

_pool_stop() {
	((${#_pool_names[@]})) || return 0
	kill -TERM "${!_pool_names[@]}" 2>/dev/null
	wait "${!_pool_names[@]}"
}

# Waits for the end of one job, whichever comes first.
_pool_wait() {
	local pid status=0 name
	wait -n -p pid "${!_pool_names[@]}" || status=$?
	if [[ ! ${pid-} ]]; then
		# Killed while another one's end was told: bash has its status, but no such job.
		for pid in "${!_pool_names[@]}"; do break; done
		status=0
		wait "$pid" || status=$?
	fi
	name=${_pool_names[$pid]}
	unset "_pool_names[$pid]"
	_pool_free=$((_pool_free + _pool_taken[$pid]))
	"$_pool_told" "$name" "$status" "$((SECONDS - _pool_starts[$pid]))" "${_pool_logs[$pid]}"
	rm -f "${_pool_logs[$pid]}"
}

pool_start() {
	local places=1 name seconds log
	[[ $1 != -p ]] || { places=$2 && shift 2; }
	name=$1 seconds=$2
	shift 2
	while ((_pool_free < places)); do
		_pool_wait
	done
	log=$(mktemp "$_pool_directory/XXXXXX")
	timeout --kill-after="$_pool_patience" "$seconds" env --default-signal=INT,QUIT "$@" \
		</dev/null >"$log" 2>&1 &
	_pool_names[$!]=$name
	_pool_logs[$!]=$log
	_pool_starts[$!]=$SECONDS
	_pool_taken[$!]=$places
	_pool_free=$((_pool_free - places))
}

pool_drain() {
	while ((${#_pool_names[@]})); do
		_pool_wait
	done
}
