#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# The tests that the Debian package declares, as autopkgtest runs them: each as root in a copy of the
# source package, with the package installed and nothing on stdin. It has failed where its exit code is
# not 0, or where it wrote to stderr.
set -uo pipefail
. "$(dirname "$0")/../../lib/box.sh"
. "$(dirname "$0")/../../lib/tap.sh"
debian=$(cd "$(dirname "$0")/../../../debian" && pwd)

# field NAME: its values, one a line.
field() { sed -n "s/^$1://p" "$debian/tests/control" | tr ',' '\n' | sed 's/ //g; /^$/d'; }

# What is declared otherwise would be something that is not done here.
[[ $(field Tests) && ! $(grep -vE '^(Tests|Restrictions):' "$debian/tests/control") &&
	! $(field Restrictions | grep -vxE 'needs-root|isolation-container') ]]
ok 'the tests ask for root and a host that can be thrown away, no more'

box_up_installed host || tap_bail 'a host boots'
box push "$host" "$debian" /root/source/debian
box run "$host" mkdir /root/tmp
scratch scratch
for test in $(field Tests); do
	box run -t 120 "$host" env -C /root/source AUTOPKGTEST_TMP=/root/tmp "debian/tests/$test" \
		</dev/null >"$scratch/out" 2>"$scratch/err"
	ok "$test succeeds"
	[[ ! -s $scratch/err ]]
	ok "$test says nothing on stderr"
	sed 's/^/# /' "$scratch/out" "$scratch/err"
done
tap_done
