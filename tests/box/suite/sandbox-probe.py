#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
#
# Tries what the sandbox forbids, and a few things that it has to allow. Writes a line for each: its name,
# and "done" or "refused" with the error. What to look for comes in the variable PROBE, as JSON.

import ctypes
import json
import mmap
import os
import socket
import stat
import subprocess
import sys

probe = json.loads(os.environ['PROBE'])
scratch = os.environ.get('STATE_DIRECTORY', probe['scratch'])
libc = ctypes.CDLL(None, use_errno=True)
SYSTEMD = ['org.freedesktop.systemd1', '/org/freedesktop/systemd1', 'org.freedesktop.systemd1.Manager']

PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWNET = 0x20000, 0x10000000, 0x40000000
ADDR_NO_RANDOMIZE = 0x0040000
ADD_KEY, PERF_EVENT_OPEN, BPF = 248, 298, 321
KEY_SPEC_PROCESS_KEYRING = -2


class Iovec(ctypes.Structure):
	_fields_ = [('base', ctypes.c_void_p), ('size', ctypes.c_size_t)]


def check(result):
	if result < 0:
		error = ctypes.get_errno()
		raise OSError(error, os.strerror(error))
	return result


def read(path):
	with open(path, 'rb') as file:
		file.read(1)


def write(path):
	with open(path, 'wb') as file:
		file.write(b'x')
	os.unlink(path)


def connect(path):
	with socket.socket(socket.AF_UNIX) as client:
		client.connect(path)


def command(*words):
	result = subprocess.run(words, capture_output=True, text=True, timeout=20)
	if result.returncode != 0:
		raise OSError(0, result.stderr.strip())


# In a process of its own: it would change this one.
def apart(action):
	reader, writer = os.pipe()
	pid = os.fork()
	if pid == 0:
		try:
			action()
		except OSError as error:
			os.write(writer, f'{error.errno} {error.strerror}'.encode())
		os._exit(0)
	os.close(writer)
	os.waitpid(pid, 0)
	text = os.read(reader, 4096).decode()
	os.close(reader)
	if text:
		number, words = text.split(' ', 1)
		raise OSError(int(number), words)


def seize():
	check(libc.ptrace(PTRACE_SEIZE, probe['victim'], None, None))
	libc.ptrace(PTRACE_DETACH, probe['victim'], None, None)


# Of where its program is, by /proc/PID/maps of a run outside: given by the test.
def memory():
	buffer = ctypes.create_string_buffer(16)
	mine, other = Iovec(ctypes.addressof(buffer), 16), Iovec(probe['address'], 16)
	check(libc.process_vm_readv(probe['victim'], ctypes.byref(mine), 1, ctypes.byref(other), 1, 0))


def mount():
	place = f'{scratch}/place'
	os.mkdir(place)
	try:
		check(libc.mount(b'none', place.encode(), b'tmpfs', 0, None))
		check(libc.umount(place.encode()))
	finally:
		os.rmdir(place)


def set_user_id():
	path = f'{scratch}/set-user-id'
	write_as(path)
	try:
		os.chmod(path, 0o4755)
	finally:
		os.unlink(path)


def write_as(path):
	with open(path, 'wb'):
		pass


def device():
	path = f'{scratch}/device'
	os.mknod(path, stat.S_IFCHR | 0o600, os.makedev(1, 5))
	os.unlink(path)


def bind(address):
	with socket.socket() as server:
		server.bind(address)


def reach(address):
	with socket.create_connection(address, timeout=5):
		pass


def own_tmp():
	with open('/tmp/mine', 'wb'):
		pass
	os.unlink('/tmp/mine')


FORBIDDEN = {
	'another’s state': lambda: read(f'{probe["state"]}/secret'),
	'another’s state directory': lambda: os.listdir(probe['state']),
	'a file in another’s state': lambda: write(f'{probe["state"]}/planted'),
	'another’s credential': lambda: read(f'/run/credentials/{probe["unit"]}/spec'),
	'the specs': lambda: os.listdir('/run/indexerd/credentials'),
	'the registry': lambda: read('/var/lib/indexerd/registry.db'),
	'the registry’s directory': lambda: os.listdir('/var/lib/indexerd'),
	'the socket for people': lambda: connect('/run/indexerd/indexerd.sock'),
	'/home': lambda: read('/home/sandbox-probe'),
	'/root': lambda: read('/root/sandbox-probe'),
	'/tmp of the host': lambda: read('/tmp/sandbox-probe'),
	'the journal': lambda: read(probe['journal']),
	'systemd’s own socket': lambda: connect('/run/systemd/private'),
	'a unit of its own by the bus': lambda: command('busctl', 'call', *SYSTEMD, 'StartTransientUnit',
		'ssa(sv)a(sa(sv))', 'sandbox-probe.service', 'replace', '1', 'ExecStart', 'a(sasb)', '1', '/bin/true', '1',
		'/bin/true', 'false', '0'),
	'another unit’s limits by the bus': lambda: command('busctl', 'call', *SYSTEMD, 'SetUnitProperties',
		'sba(sv)', probe['unit'], 'true', '1', 'CPUWeight', 't', '100'),
	'/etc': lambda: write('/etc/sandbox-probe'),
	'/usr': lambda: write('/usr/sandbox-probe'),
	'/var/lib': lambda: write('/var/lib/sandbox-probe'),
	'/run': lambda: write('/run/sandbox-probe'),
	'its project': lambda: write(f'{probe["project"]}/sandbox-probe'),
	'control groups': lambda: open('/sys/fs/cgroup/cgroup.procs', 'w').write('0'),
	'the kernel’s settings': lambda: open('/proc/sys/net/ipv4/ip_forward', 'w').close(),
	'the environment of init': lambda: read('/proc/1/environ'),
	'another’s environment': lambda: read(f'/proc/{probe["victim"]}/environ'),
	'another process': lambda: os.stat(f'/proc/{probe["victim"]}'),
	'ptrace': seize,
	'another’s memory': memory,
	'a signal': lambda: os.kill(probe['victim'], 0),
	'mount': lambda: apart(lambda: (check(libc.unshare(CLONE_NEWNS)), mount())),
	'mount in its own namespace': lambda: apart(mount),
	'a user namespace': lambda: apart(lambda: check(libc.unshare(CLONE_NEWUSER))),
	'a network namespace': lambda: apart(lambda: check(libc.unshare(CLONE_NEWNET))),
	'setuid': lambda: apart(lambda: os.setuid(0)),
	'setgid': lambda: apart(lambda: os.setgid(0)),
	'setgroups': lambda: apart(lambda: os.setgroups([0])),
	'a file with the set-user-id bit': set_user_id,
	'chroot': lambda: apart(lambda: os.chroot('/')),
	'a device': device,
	'a raw socket': lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close(),
	'a packet socket': lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close(),
	'a port below 1024': lambda: bind(('127.0.0.1', 81)),
	'the host’s name': lambda: socket.sethostname(socket.gethostname()),
	'another personality': lambda: apart(lambda: check(libc.personality(ADDR_NO_RANDOMIZE))),
	'a key in the kernel': lambda: check(libc.syscall(ADD_KEY, b'user', b'probe', b'x', 1, KEY_SPEC_PROCESS_KEYRING)),
	'perf': lambda: check(libc.syscall(PERF_EVENT_OPEN, ctypes.create_string_buffer(128), 0, -1, -1, 0)),
	'bpf': lambda: check(libc.syscall(BPF, 0, ctypes.create_string_buffer(
		(1).to_bytes(4, 'little') + (4).to_bytes(4, 'little') * 2 + (1).to_bytes(4, 'little') + bytes(112)), 128)),
}

# Whether that is forbidden depends on the runtime, and on limits of all indexers.
OTHERS = {
	'memory to write and execute': lambda: mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close(),
	'a denied address': lambda: reach(('127.9.9.9', 7169)),
}

ALLOWED = {
	'its own state': lambda: write(f'{scratch}/mine'),
	'its own /tmp': own_tmp,
	'the project': lambda: read(f'{probe["project"]}/probe.py'),
	'the socket for indexers': lambda: connect('/run/indexerd/unit.sock'),
	'a port above 1024': lambda: bind(('127.0.0.1', 7081)),
	'a server': lambda: reach(('127.0.0.1', 7169)),
	'its priority': lambda: apart(lambda: os.nice(1)),
	'its limits': lambda: command('sh', '-c', 'ulimit -n 100'),
}

for name, action in {**FORBIDDEN, **OTHERS, **ALLOWED}.items():
	try:
		action()
		print(f'{name}: done')
	except OSError as error:
		print(f'{name}: refused, {error.strerror or error}')
	except Exception as error:  # it is broken, which is no answer
		print(f'{name}: broken, {error!r}')
print('forbidden: ' + ';'.join(FORBIDDEN))
print('allowed: ' + ';'.join(ALLOWED))
print('end')
sys.stdout.flush()
if 'stay' in sys.argv:
	import signal
	signal.pause()
