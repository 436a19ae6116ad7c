// SPDX-License-Identifier: Apache-2.0
//
// Status, field by field: what a live indexer uses, why a process has ended, and what stays of that
// when the process, the unit or the daemon is gone.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, restart, run, served, sh, show, stored, test, unit, until } = require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';
// Ends at once with the code in its argument; or, with a second one, when it is told to by SIGUSR1, for
// which it is ready when it has said so.
const ENDING = '#!/bin/bash\ntrap "exit $1" USR1\n[ "$2" ] || exit "$1"\necho ready\nwhile :; do sleep 0.05; done\n';
const NEVER = { policy: 'POLICY_NEVER' };

const create = (indexer_id, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': SLEEPER }), ...indexer },
});
const status = async (id) => (await call('GetIndexer', { name: `indexers/${id}` })).status;
const control = async (what, id) => (await call(`${what}Indexer`, { name: `indexers/${id}` })).status;
const seconds = (duration) => Number(duration?.seconds ?? 0) + (duration?.nanos ?? 0) / 1e9;
const reached = (id, state, limit = 20_000) => until(async () => {
	const now = await status(id);
	return now.state === state && now;
}, { limit, what: `${id}: ${state}` });
// What must be the same wherever and whenever it is read.
const kept = ({ last_exit, restart_count, cpu_usage, main_pid, memory_bytes }) =>
	({ last_exit, restart_count, cpu_usage, main_pid, memory_bytes });

// Properties that the unit of one indexer gets beside its own, by an administrator's drop-in.
function dropIn(id, text) {
	const directory = `/etc/systemd/system/${unit(id)}.d`;
	fs.mkdirSync(directory, { recursive: true });
	fs.writeFileSync(`${directory}/test.conf`, `[Service]\n${text}\n`);
	run('systemctl daemon-reload');
	later(() => {
		fs.rmSync(directory, { recursive: true });
		run('systemctl daemon-reload');
	});
}

test('a live indexer: processor time and memory as systemd has them, in Get and in List', async () => {
	const project_source = project({ 'main.sh': '#!/bin/bash\nwhile :; do :; done\n' });
	const made = await create('busy', { project_source, resources: { cpu_percent: 50 } });
	assert.equal(made.status.state, 'STATE_RUNNING');
	assert.ok(seconds(made.status.cpu_usage) > 0, 'there is a figure in the first answer');
	const before = seconds((await status('busy')).cpu_usage);
	const now = await until(async () => {
		const s = await status('busy');
		return seconds(s.cpu_usage) > before + 1 && s;
	});
	const { CPUUsageNSec, MemoryCurrent } = show(unit('busy'), 'CPUUsageNSec', 'MemoryCurrent');
	const usage = Number(CPUUsageNSec) / 1e9;
	assert.ok(Math.abs(usage - seconds(now.cpu_usage)) < 3, `${usage} and ${seconds(now.cpu_usage)}`);
	if (MemoryCurrent === '[not set]') // a kernel or a host without an account of memory
		assert.equal(now.memory_bytes, 0);
	else
		assert.ok(now.memory_bytes > 100_000 && now.memory_bytes < 4 * Number(MemoryCurrent), String(now.memory_bytes));
	const [row] = (await call('ListIndexers', {})).indexers;
	assert.ok(seconds(row.status.cpu_usage) >= seconds(now.cpu_usage));

	const stopped = await control('Stop', 'busy');
	assert.equal(stopped.main_pid, 0);
	assert.equal(stopped.memory_bytes, 0);
	const { cpu_usage } = stopped;
	assert.equal(1e6 * cpu_usage.seconds + Math.floor(cpu_usage.nanos / 1e3),
		Math.floor(Number(show(unit('busy'), 'CPUUsageNSec').CPUUsageNSec) / 1e3));
	assert.equal(stopped.last_exit.reason, 'REASON_SIGNALED');
	assert.equal(stopped.last_exit.signal, 'SIGTERM');
	const started = await control('Start', 'busy');
	assert.ok(seconds(started.cpu_usage) < seconds(stopped.cpu_usage), 'of the new process alone');
});

test('an indexer in another slice, by an administrator’s drop-in, has its figures too', async () => {
	dropIn('moved', 'Slice=system.slice');
	const moved = await create('moved', { project_source: project({ 'main.sh': '#!/bin/bash\nwhile :; do :; done\n' }), resources: { cpu_percent: 20 } });
	assert.equal(show(unit('moved'), 'ControlGroup').ControlGroup, `/system.slice/${unit('moved')}`);
	assert.ok(seconds(moved.status.cpu_usage) > 0);
});

test('an exit code is the program’s own, whatever systemd would mean by it', async () => {
	const project_source = project({ 'main.sh': ENDING });
	const codes = [0, 1, 7, 78, 200, 203, 217, 226, 243, 245, 255];
	const ids = codes.flatMap((code) => [[code, `at-once-${code}`, [String(code)]], [code, `later-${code}`, [String(code), 'later']]]);
	await Promise.all(ids.map(([, id, args]) => create(id, { project_source, args, restart: NEVER })));
	for (const [code, id, args] of ids) {
		if (args.length > 1) {
			await stored(id, 'ready');
			run(`systemctl kill -s USR1 ${unit(id)}`);
		}
		// A unit whose program ends well is unloaded at once, and how it ended is in the journal a moment later.
		const { last_exit, main_pid, state } = await until(async () => {
			const now = await status(id);
			return ['STATE_FAILED', 'STATE_STOPPED'].includes(now.state) && now.message.includes(`exited with code ${code}`) && now;
		}, { what: `${id} has exited with code ${code}` });
		assert.deepEqual([id, last_exit.reason, last_exit.code, last_exit.signal, main_pid],
			[id, code === 78 ? 'REASON_CONFIGURATION' : 'REASON_EXITED', code, '', 0]);
		assert.ok(Math.abs(Date.now() / 1000 - Number(last_exit.time.seconds)) < 60, id);
		assert.equal(state, code === 0 ? 'STATE_STOPPED' : 'STATE_FAILED', id);
	}
});

test('many programs that end at once: none is called a failed start, nor a success a failure', async () => {
	const project_source = project({ 'well.sh': '#!/bin/sh\nexit 0\n', 'badly.sh': '#!/bin/sh\nexit 203\n' });
	const restart = { policy: 'POLICY_ON_FAILURE' };
	for (let round = 0; round < 3; round++) {
		const ids = Array.from({ length: 40 }, (_, i) => [`quick-${round}-${i}`, i % 2 ? 'well.sh' : 'badly.sh']);
		await Promise.all(ids.map(([id, script]) => create(id, { project_source, script, restart })));
		for (const [id, script] of ids) {
			const { last_exit } = await reached(id, script === 'well.sh' ? 'STATE_STOPPED' : 'STATE_FAILED');
			assert.equal(last_exit.reason, 'REASON_EXITED', id);
			assert.equal(show(unit(id), 'NRestarts').NRestarts, '0',
				`${id}: ${sh(`journalctl -q -o short-precise -u ${unit(id)}`).stdout}`);
		}
		await Promise.all(ids.map(([id]) => call('DeleteIndexer', { name: `indexers/${id}` })));
	}
});

test('what cannot be started: by indexer-exec’s word, by systemd’s, and without any process', async () => {
	const project_source = project({ 'main.sh': '#!/no/such/interpreter\n', 'fine.sh': SLEEPER });
	const mine = await create('interpreter', { project_source });
	assert.equal(mine.status.last_exit.reason, 'REASON_START_FAILED');
	assert.equal(mine.status.last_exit.code, 203);
	assert.match(mine.status.message, /interpreter/);

	dropIn('namespace', 'BindPaths=/no/such/directory');
	const systemds = await create('namespace', { project_source, script: 'fine.sh', restart: NEVER });
	assert.equal(systemds.status.state, 'STATE_FAILED');
	assert.deepEqual([systemds.status.last_exit.reason, systemds.status.last_exit.code], ['REASON_START_FAILED', 226]);
	assert.match(systemds.status.message, /could not be started.*226/);

	dropIn('no-process', 'EnvironmentFile=/no/such/file');
	const nothing = await create('no-process', { project_source, script: 'fine.sh', restart: NEVER });
	assert.equal(nothing.status.state, 'STATE_FAILED');
	assert.equal(nothing.status.last_exit.reason, 'REASON_START_FAILED');
	assert.ok(Number(nothing.status.last_exit.time.seconds) > 1e9);
	assert.equal(nothing.status.main_pid, 0);
});

test('signals have their names', async () => {
	for (const [signal, name] of [['KILL', 'SIGKILL'], ['SEGV', 'SIGSEGV'], ['TERM', 'SIGTERM'], ['RTMIN+3', 'SIG37']]) {
		const id = `by-${signal.toLowerCase().replace('+', '')}`;
		await create(id, { restart: NEVER });
		run(`systemctl kill --kill-whom=main -s ${signal} ${unit(id)}`);
		const { last_exit } = await until(async () => {
			const now = await status(id);
			return ['STATE_FAILED', 'STATE_STOPPED'].includes(now.state) && now;
		});
		assert.deepEqual([last_exit.reason, last_exit.signal], ['REASON_SIGNALED', name]);
	}
});

test('out of memory, as systemd-oomd does it', async () => {
	await create('hungry', { restart: NEVER });
	// It marks the control group and kills all that is in it; PID 1 sees the mark when a process ends.
	const group = `/sys/fs/cgroup${show(unit('hungry'), 'ControlGroup').ControlGroup}`;
	const setxattr = process.arch === 'arm64' ? 5 : 188; // by perl, as nothing else here has the call
	run(`perl -e 'syscall(${setxattr}, @ARGV[0..2], 1, 0) == 0 or die $!' ${group} user.oomd_ooms 1`);
	run(`echo 1 >${group}/cgroup.kill`);
	const { last_exit, message } = await reached('hungry', 'STATE_FAILED');
	assert.deepEqual([last_exit.reason, last_exit.signal], ['REASON_OUT_OF_MEMORY', 'SIGKILL']);
	assert.match(message, /out of memory/);
});

test('timed out: it runs for too long, or does not stop', async () => {
	dropIn('endless', 'RuntimeMaxSec=1');
	await create('endless', { restart: NEVER });
	const { last_exit } = await reached('endless', 'STATE_FAILED');
	assert.equal(last_exit.reason, 'REASON_TIMED_OUT');

	dropIn('deaf', 'TimeoutStopSec=1');
	const project_source = project({ 'main.sh': '#!/bin/bash\ntrap "" TERM\necho up\nwhile :; do sleep 0.1; done\n' });
	const { uid } = await create('deaf', { project_source });
	await until(() => sh(`journalctl -q -o cat INDEXER_UID=${uid}`).stdout.includes('up'));
	const stopped = await control('Stop', 'deaf');
	assert.equal(stopped.state, 'STATE_STOPPED');
	assert.deepEqual([stopped.last_exit.reason, stopped.last_exit.signal], ['REASON_TIMED_OUT', 'SIGKILL']);
});

test('between two restarts, and when it runs again: the last exit, the restarts, the processor time', async () => {
	const project_source = project({
		'main.sh': '#!/bin/bash\n[ ! -e mended ] || exec sleep infinity\nfor ((i = 0; i < 100000; i++)); do :; done\nkill -KILL $$\n',
	});
	const made = await create('again', { project_source });
	const waiting = await until(async () => {
		const now = await status('again');
		return now.state === 'STATE_BACKING_OFF' && seconds(now.cpu_usage) > 0.01 && now;
	});
	assert.deepEqual([waiting.main_pid, waiting.memory_bytes], [0, 0]);
	assert.equal(waiting.last_exit.signal, 'SIGKILL');
	fs.writeFileSync(`${project_source}/mended`, '');
	const running = await until(async () => {
		const now = await status('again');
		return now.state === 'STATE_RUNNING' && show(unit('again'), 'NRestarts').NRestarts === String(now.restart_count) && now;
	});
	assert.ok(running.restart_count >= 1);
	assert.notEqual(running.invocation_id, made.status.invocation_id);
	assert.deepEqual([running.last_exit.reason, running.last_exit.signal], ['REASON_SIGNALED', 'SIGKILL']);
	assert.ok(running.start_time.seconds >= running.last_exit.time.seconds);

	await restart();
	const after = await reached('again', 'STATE_RUNNING');
	assert.deepEqual(after.last_exit, running.last_exit);
	assert.deepEqual(after.start_time, running.start_time);
	assert.equal(after.restart_count, running.restart_count);
});

test('what is known of an end stays when the unit is gone, and when the daemon is another one', async () => {
	const project_source = project({ 'main.sh': '#!/bin/bash\nfor ((i = 0; i < 50000; i++)); do :; done\nexit 7\n' });
	await create('left', { project_source, restart: NEVER });
	const ended = await until(async () => {
		const now = await status('left');
		return now.state === 'STATE_FAILED' && seconds(now.cpu_usage) > 0 && now;
	});
	assert.equal(ended.last_exit.code, 7);
	await control('Stop', 'left'); // or it would be started again as soon as its unit is gone
	assert.deepEqual(kept(await status('left')), kept(ended));
	run('systemctl stop indexerd.service indexerd.socket indexerd-unit.socket');
	later(() => run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service'));
	run(`systemctl reset-failed ${unit('left')}`);
	await until(() => show(unit('left'), 'LoadState').LoadState === 'not-found');
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	assert.deepEqual(kept(await status('left')), kept(ended));
});

test('it ends, or is stopped, while the daemon is away', async () => {
	const project_source = project({ 'main.sh': ENDING });
	await create('ends', { project_source, args: ['0', 'later'], restart: NEVER });
	await create('stops', { project_source, args: ['0', 'later'], restart: NEVER });
	run('systemctl stop indexerd.service indexerd.socket indexerd-unit.socket');
	later(() => run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service'));
	run(`systemctl kill -s USR1 --kill-whom=main ${unit('ends')} && systemctl stop ${unit('stops')}`);
	for (const id of ['ends', 'stops'])
		await until(() => show(unit(id), 'LoadState').LoadState === 'not-found');
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	const ends = await reached('ends', 'STATE_STOPPED');
	assert.deepEqual([ends.last_exit.reason, ends.last_exit.code], ['REASON_EXITED', 0]);
	assert.ok(Math.abs(Date.now() / 1000 - Number(ends.last_exit.time.seconds)) < 60);
	assert.match(ends.message, /while indexerd was away: exited with code 0/);
	const stops = await reached('stops', 'STATE_STOPPED');
	assert.equal(stops.last_exit, null, 'how it ended nobody has seen');
	assert.match(stops.message, /stopped while indexerd was away$/);
});

test('an old failed start does not pass for the present one', async () => {
	const project_source = project({ 'main.sh': '#!/no/such/interpreter\n' });
	assert.equal((await create('mended', { project_source })).status.last_exit.reason, 'REASON_START_FAILED');
	fs.writeFileSync(`${project_source}/main.sh`, SLEEPER);
	const started = await control('Start', 'mended');
	assert.equal(started.state, 'STATE_RUNNING');
	assert.equal(started.message, '');
	run('systemctl stop indexerd.service indexerd.socket indexerd-unit.socket');
	later(() => run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service'));
	run(`systemctl stop ${unit('mended')}`);
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	const stopped = await until(async () => {
		const now = await status('mended');
		return now.state !== 'STATE_STARTING' && now;
	});
	assert.equal(stopped.state, 'STATE_STOPPED');
});
