# SPDX-License-Identifier: Apache-2.0
#
# Virtual machines for bash scripts: sourced, it gives a throwaway host with a kernel and a disk of its own,
# which is gone when the script ends however it ends: it dies with the script's process.
#
#	. "$(dirname "$0")/../lib/vm.sh"
#	vm_up mine                      # boots a machine with the package installed; $mine stands for it
#	vm_run "$mine" systemctl status # or vm_run -t SECONDS; exit code, stdin and output are the command's
#	vm_reboot "$mine"               # in order
#	vm_rebooted "$mine"             # the same, where something in it has already begun that
#	vm_cut "$mine"                  # the power fails, and comes back
#
# All but vm_run return when the machine is up. Needs in the environment what ./check prepares:
# the kernel $INDEXERD_VM_KERNEL (tests/vm/kernel), the disk $INDEXERD_VM_DISK (tests/vm/disk), and
# $INDEXERD_VM_ACCEL, vm_accel's word.
#
# The disk has a volatile write cache, as real ones have, kept by nbdkit: what the machine writes is on the
# disk after a flush. A power cut kills the emulator and that cache with all that was not flushed.
# shellcheck shell=bash

_vm_lib=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
. "$_vm_lib/cleanup.sh"
_vm_call=$_vm_lib/../vm/call

# Emulated, on a busy machine, a boot takes a minute, and some seconds more for each indexer that it starts.
_vm_boot_limit=300

declare -gA _vm_emulator=() _vm_cache=()

# vm_accel KERNEL: kvm where it works, else tcg. Where virtualisation is not nested, /dev/kvm may be there
# and hang. Without a disk, the kernel panics within a second or two, and the emulator ends.
vm_accel() {
	if [[ -w /dev/kvm ]] && limit 10 qemu-system-x86_64 -accel kvm -cpu max -m 512 -nodefaults \
		-no-user-config -display none -no-reboot -kernel "$1/vmlinuz" -append 'panic=-1' \
		</dev/null >/dev/null 2>&1; then
		echo kvm
	else
		echo tcg,thread=multi
	fi
}

_vm_boot() {
	local vm=$1 port card=pci-serial-4x
	local -a ports=()
	rm -f "$vm"/port-? "$vm/disk.sock"
	TMPDIR=$vm setpriv --pdeathsig KILL nbdkit --foreground --unix "$vm/disk.sock" \
		--filter=cache file "$vm/disk" cache=writeback </dev/null >>"$vm/log" 2>&1 &
	_vm_cache[$vm]=$!
	wait_for 20 test -S "$vm/disk.sock" || return
	# It boots when somebody has called the first port, and so hears the agent's first word.
	for port in 1 2 3 4; do
		ports+=(-chardev "socket,id=port-$port,path=$vm/port-$port,server=on,wait=$(
			((port == 1)) && echo on || echo off)")
		card+=,chardev$port=port-$port
	done
	setpriv --pdeathsig KILL qemu-system-x86_64 -accel "$INDEXERD_VM_ACCEL" -cpu max -smp 2 -m 1G \
		-nodefaults -no-user-config -display none -no-reboot -serial "file:$vm/console.log" \
		"${ports[@]}" -device "$card" \
		-drive "file=nbd+unix:///?socket=$vm/disk.sock,format=raw,if=none,id=disk" \
		-device virtio-blk-pci,drive=disk \
		-kernel "$INDEXERD_VM_KERNEL/vmlinuz" -initrd "$INDEXERD_VM_KERNEL/initrd" \
		-append 'console=ttyS0 quiet panic=-1 mitigations=off systemd.getty_auto=no' \
		</dev/null >>"$vm/log" 2>&1 &
	_vm_emulator[$vm]=$!
	wait_for 20 test -S "$vm/port-1" && _vm_await "$vm" || {
		cat "$vm/log" "$vm/console.log" | tail -n 60 >&2
		return 1
	}
}

_vm_await() {
	local state=
	limit "$((_vm_boot_limit + 30))" "$_vm_call" "$1" "$_vm_boot_limit" || return
	# Not by $(), in which a signal to this script would have to wait.
	vm_run -t "$_vm_boot_limit" "$1" systemctl is-system-running --wait </dev/null >"$1/state"
	read -r state <"$1/state"
	[[ $state == running || $state == degraded ]] || { echo "the machine is: $state" >&2; return 1; }
}

_vm_off() {
	local vm=$1
	kill -KILL ${_vm_emulator[$vm]-} ${_vm_cache[$vm]-} 2>/dev/null
	wait ${_vm_emulator[$vm]-} ${_vm_cache[$vm]-} 2>/dev/null
	unset "_vm_emulator[$vm]" "_vm_cache[$vm]"
}

vm_up() {
	scratch "$1"
	local vm=${!1}
	at_exit "_vm_off '$vm'"
	limit 60 cp --sparse=always "${INDEXERD_VM_DISK:?}" "$vm/disk" && _vm_boot "$vm"
}

vm_run() {
	local seconds=600
	[[ $1 != -t ]] || { seconds=$2 && shift 2; }
	limit "$((seconds + 30))" "$_vm_call" "$1" "$seconds" "${@:2}"
}

_vm_is_down() { ! kill -0 "${_vm_emulator[$1]}" 2>/dev/null; }

vm_rebooted() {
	wait_for 300 _vm_is_down "$1" || return
	_vm_off "$1"
	_vm_boot "$1"
}

vm_reboot() { vm_run -t 60 "$1" systemctl --no-block reboot </dev/null && vm_rebooted "$1"; }

vm_cut() {
	_vm_off "$1"
	_vm_boot "$1"
}
