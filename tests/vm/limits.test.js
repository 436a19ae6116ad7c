// SPDX-License-Identifier: Apache-2.0
//
// The limits of an indexer, where the kernel keeps them: what is too much memory ends it, what is too many
// tasks is refused to it, and processor time beyond its quota is not given.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, run, show, stored, stream, test, unit, until } = require('../box/suite/lib');

const MIB = 1 << 20;
const NEVER = { policy: 'POLICY_NEVER' };
const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';
// Reads without an end into one line.
const EATER = '#!/bin/sh\nexec tail /dev/zero\n';

const create = (indexer_id, main, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': main }), ...indexer },
});
const status = async (id) => (await call('GetIndexer', { name: `indexers/${id}` })).status;
const reached = (id, what, condition, limit = 90_000) => until(async () => {
	const now = await status(id);
	return condition(now) && now;
}, { limit, what: `${id}: ${what}` });
const said = (id, words) => stored(id, words, 60_000);
const seconds = (duration) => Number(duration?.seconds ?? 0) + (duration?.nanos ?? 0) / 1e9;

// What the kernel has of a unit's control group: a file's text, or its `name number` lines.
const kernel = (id, file) =>
	fs.readFileSync(`/sys/fs/cgroup${show(unit(id), 'ControlGroup').ControlGroup}/${file}`, 'utf8').trim();
const counts = (id, file) =>
	Object.fromEntries(kernel(id, file).split('\n').map((line) => line.split(' ')).map(([name, n]) => [name, Number(n)]));

test('more memory than it may have: OUT_OF_MEMORY, in words too, and no restart where none is wanted', async () => {
	const before = await create('bystander', SLEEPER);
	await create('hungry', EATER, { resources: { memory_max_bytes: 48 * MIB }, restart: NEVER });
	const { last_exit, message, main_pid } = await reached('hungry', 'it has failed', (s) => s.state === 'STATE_FAILED');
	assert.deepEqual([last_exit.reason, last_exit.signal, main_pid], ['REASON_OUT_OF_MEMORY', 'SIGKILL', 0]);
	assert.match(message, /out of memory/);
	assert.match(run('journalctl -q -k -b -o cat'), /Memory cgroup out of memory: Killed process/);
	assert.match(run('indexerctl get hungry'), /out of memory/);
	const ended = (await stream('StreamLogs', { parent: 'indexers/hungry', no_follow: true }).rest(30_000))
		.find((record) => record.event === 'LOG_EVENT_EXITED');
	assert.match(ended.content, /out of memory/);
	const after = await status('bystander');
	assert.deepEqual([after.state, after.main_pid], ['STATE_RUNNING', before.status.main_pid], 'nobody else');
});

test('a process of its own that eats too much: the whole of it ends, and is started again by its policy', async () => {
	const made = await create('again', '#!/bin/sh\n[ -e "$STATE_DIRECTORY/fed" ] && exec sleep infinity\n' +
		'touch "$STATE_DIRECTORY/fed"\ntail /dev/zero\nexec sleep infinity\n', { resources: { memory_max_bytes: 48 * MIB } });
	const now = await reached('again', 'it runs anew', (s) => s.state === 'STATE_RUNNING' && s.restart_count === 1);
	assert.equal(now.last_exit.reason, 'REASON_OUT_OF_MEMORY');
	assert.notEqual(now.invocation_id, made.status.invocation_id);
	assert.equal(kernel('again', 'memory.max'), String(48 * MIB));
});

test('memory_bytes is what the kernel accounts for it', async () => {
	const held = 40 * MIB;
	await create('holder', `#!/usr/bin/python3\nimport time\nheld = bytearray(${held})\nprint("held", flush=True)\ntime.sleep(1e6)\n`);
	await said('holder', 'held');
	const { memory_bytes } = await status('holder');
	const account = Number(kernel('holder', 'memory.current'));
	assert.ok(memory_bytes >= held && memory_bytes < 3 * held, String(memory_bytes));
	assert.ok(Math.abs(memory_bytes - account) < held / 4, `${memory_bytes} and ${account}`);
	const rows = (await call('ListIndexers', {})).indexers;
	assert.ok(rows.find((row) => row.name === 'indexers/holder').status.memory_bytes >= held);
});

test('more tasks than it may have: they are refused to it, and it runs on', async () => {
	const made = await create('forks', '#!/usr/bin/python3\n' +
		'import os, time\nn = 0\ntry:\n    while n < 100:\n        if os.fork() == 0:\n            time.sleep(1e6)\n' +
		'        n += 1\nexcept BlockingIOError:\n    print("refused after", n, flush=True)\ntime.sleep(1e6)\n',
	{ resources: { tasks_max: 12 } });
	await said('forks', 'refused after');
	assert.equal(kernel('forks', 'pids.max'), '12');
	assert.equal(kernel('forks', 'pids.current'), '12');
	assert.ok(counts('forks', 'pids.events').max > 0);
	const now = await status('forks');
	assert.deepEqual([now.state, now.restart_count, now.main_pid], ['STATE_RUNNING', 0, made.status.main_pid]);
	assert.equal((await create('beside', SLEEPER)).status.state, 'STATE_RUNNING');
});

test('more processor time than its quota is not given: as the kernel counts it, and as Status says', async () => {
	const percent = 20;
	await create('busy', '#!/bin/bash\nwhile :; do :; done &\nwhile :; do :; done\n', { resources: { cpu_percent: percent } });
	const [quota, period] = kernel('busy', 'cpu.max').split(' ').map(Number);
	assert.equal(100 * quota / period, percent);
	const moment = async () => ({ now: performance.now() / 1e3, usage: seconds((await status('busy')).cpu_usage) });
	const begin = await moment(), throttled = counts('busy', 'cpu.stat').nr_throttled;
	const end = await until(async () => {
		const at = await moment();
		return at.usage > begin.usage + 3 && counts('busy', 'cpu.stat').nr_throttled > throttled + 20 && at;
	}, { limit: 100_000, what: 'it has used three seconds' });
	// What a processor gave in one go, before the quota is looked at, may come on top. Without a quota, its
	// two processes would use three seconds within two.
	const allowed = percent / 100 * (end.now - begin.now);
	assert.ok(end.usage - begin.usage < 1.5 * allowed + 2, `${end.usage - begin.usage} s, of ${allowed} s`);
	const { usage_usec } = counts('busy', 'cpu.stat');
	assert.ok(Math.abs(usage_usec / 1e6 - (await status('busy')).cpu_usage.seconds) < 5);
});

test('a limit that is changed holds from then on', async () => {
	await create('changed', EATER.replace('exec', 'while [ ! -e go ]; do sleep 0.2; done; exec'),
		{ resources: { memory_max_bytes: 256 * MIB, tasks_max: 50 }, restart: NEVER });
	await call('UpdateIndexer', {
		indexer: { name: 'indexers/changed', resources: { memory_max_bytes: 32 * MIB, tasks_max: 50 } },
		update_mask: { paths: ['resources.memory_max_bytes'] },
	});
	const { project_source } = await call('GetIndexer', { name: 'indexers/changed' });
	assert.equal(kernel('changed', 'memory.max'), String(32 * MIB));
	assert.equal(kernel('changed', 'pids.max'), '50');
	fs.writeFileSync(`${project_source}/go`, '');
	const { last_exit } = await reached('changed', 'it has failed', (s) => s.state === 'STATE_FAILED');
	assert.equal(last_exit.reason, 'REASON_OUT_OF_MEMORY');
});

test('what an administrator sets for indexer.slice holds for all of them together', async () => {
	const directory = '/etc/systemd/system/indexer.slice.d';
	fs.mkdirSync(directory, { recursive: true });
	fs.writeFileSync(`${directory}/test.conf`, '[Slice]\nMemoryMax=96M\nIPAddressDeny=127.0.0.9\n');
	run('systemctl daemon-reload');
	later(() => run(`rm -r ${directory} && systemctl daemon-reload`));

	// A datagram, as of a connection nothing would be heard.
	await create('speaks', `#!/usr/bin/python3
import socket, time
for host in "127.0.0.9", "127.0.0.8":
    try:
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b"word", (host, 9))
        print(host, "is sent to", flush=True)
    except OSError as error:
        print(host, type(error).__name__, flush=True)
time.sleep(1e6)
`);
	await said('speaks', '127.0.0.9 PermissionError');
	await said('speaks', '127.0.0.8 is sent to');

	await create('hungry', EATER, { restart: NEVER });
	const { last_exit } = await reached('hungry', 'it has failed', (s) => s.state === 'STATE_FAILED');
	assert.equal(last_exit.reason, 'REASON_OUT_OF_MEMORY');
	assert.equal((await status('speaks')).state, 'STATE_RUNNING');
});
