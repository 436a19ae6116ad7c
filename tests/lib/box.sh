# SPDX-License-Identifier: Apache-2.0
#
# Boxes for bash scripts: sourced, it gives a throwaway host in one line, gone when the script ends
# however it ends. The commands are those of tests/box/box (see its head).
#
#	. "$(dirname "$0")/../../lib/box.sh"
#	box_up mine                     # boots a box; its full name is then in $mine
#	box run "$mine" systemctl status
#
# Options of `box up` may follow the variable: box_up mine -b /srv/data:/data
# Under ./check, $INDEXERD_LAYER is the disk of a host on which the package has been installed:
#	box_up_installed mine
# gives such a host, from that layer or, without it, from the package $INDEXERD_DEB.

_box_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$_box_lib/cleanup.sh"

PATH=$(cd "$_box_lib/../box" && pwd):$PATH

box_up() {
	local -n _box=$1
	local variable=$1
	shift
	_box=${variable//_/-}-$$
	at_exit "box down '$_box'"
	BOX_OWNER=$$ limit 900 box up "$@" "$_box"
}

box_up_installed() {
	local variable=$1
	shift
	if [[ ${INDEXERD_LAYER-} ]]; then
		box_up "$variable" -l "$INDEXERD_LAYER" "$@"
	else
		box_up "$variable" "$@" &&
			box install "${!variable}" "${INDEXERD_DEB:?the path of indexerd_*.deb}"
	fi
}
