// SPDX-License-Identifier: Apache-2.0
//
// The sandbox, from the inside: a program that runs as an indexer tries what it must not be able to do. The
// same program is run as root beside it, where it must be able to, so that no line of it passes for nothing.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const path = require('node:path');
const { assert, call, later, lines, project, run, sh, show, test, unit, until } = require('./lib');

const PROBE = fs.readFileSync(path.join(__dirname, 'sandbox-probe.py'), 'utf8');
const FROM_NODE = `import { spawnSync } from 'node:child_process';
import os from 'node:os';
if (os.cpus().length === 0 || os.totalmem() === 0)
	console.log('its own server: broken, os.cpus() and os.totalmem() know nothing of it');
spawnSync('/usr/bin/python3', ['probe.py'], { stdio: 'inherit' });
setInterval(() => {}, 1e6);
`;
// Stands for one of a cloud's metadata: all of 127.0.0.0/8 is there without a network.
const DENIED = '127.9.9.9';
const PORT = 7169;
// What the host that the tests run in, itself a container, does not let its root do either.
const CONTAINED = new Set(['a key in the kernel', 'perf', 'bpf', 'control groups', 'the kernel’s settings', 'a device']);

const scripts = { exec: 'probe.py', python: 'probe.py', node: 'main.mjs' };
const create = (indexer_id, indexer) => call('CreateIndexer', { indexer_id, indexer });
const properties = (id) => run(`systemctl show ${unit(id)}`).split('\n').sort();
const figure = (id) => Number(run(`systemd-analyze security --no-pager ${unit(id)}`).match(/exposure level for .*: ([0-9.]+) /)[1]);

function listen(host) {
	const server = net.createServer((socket) => socket.end());
	later(() => server.close());
	return new Promise((resolve, reject) => server.on('error', reject).listen(PORT, host, resolve));
}

// An indexer to be spied upon, and all else that the probe looks for.
async function prepare() {
	const source = project({ 'probe.py': PROBE, 'main.mjs': FROM_NODE,
		victim: '#!/bin/sh\numask 0; echo x >"$STATE_DIRECTORY/secret"; chmod 777 "$STATE_DIRECTORY"\nexec sleep infinity\n' });
	for (const file of ['/home/sandbox-probe', '/root/sandbox-probe', '/tmp/sandbox-probe']) {
		fs.writeFileSync(file, 'x');
		later(() => fs.rmSync(file));
	}
	fs.chmodSync('/root', 0o755); // only the sandbox is in the way
	later(() => fs.chmodSync('/root', 0o700));
	await create('victim', { runtime: 'exec', project_source: source, script: 'victim' });
	await until(() => fs.existsSync('/var/lib/private/indexers/victim/secret'));
	await listen('127.0.0.1');
	const pid = Number(show(unit('victim'), 'MainPID').MainPID);
	const [journal] = run('find /var/log/journal /run/log/journal -name system.journal 2>/dev/null || :').split('\n');
	const environment = { PROBE: JSON.stringify({
		victim: pid, unit: unit('victim'), state: '/var/lib/private/indexers/victim', project: source, journal, scratch: '/srv',
		address: parseInt(fs.readFileSync(`/proc/${pid}/maps`, 'utf8').split('-')[0], 16),
	}) };
	return { source, environment };
}

// What a run of the probe said: { name: 'done' or 'refused, ...' }.
function read(text) {
	const answers = Object.fromEntries(text.map((line) => {
		const at = line.indexOf(': ');
		return [line.slice(0, at), line.slice(at + 2)];
	}));
	const { forbidden, allowed, ...rest } = answers;
	assert.ok(forbidden && allowed, text.join('\n'));
	return { forbidden: forbidden.split(';'), allowed: allowed.split(';'), answers: rest };
}

async function probe(runtime, { source, environment }) {
	const id = `probe-${runtime}`;
	await create(id, { runtime, script: scripts[runtime], project_source: source, environment, restart: { policy: 'POLICY_NEVER' }, args: ['stay'] });
	const followed = lines({ parent: `indexers/${id}` });
	const text = [];
	for (let line; (line = (await followed.next(60_000)).content) !== 'end';)
		text.push(line);
	return { id, ...read(text) };
}

test('what root can do, and an indexer must not', async () => {
	const { source, environment } = await prepare();
	const outside = read(run(`PROBE='${environment.PROBE}' python3 ${source}/probe.py`, { limit: 60_000 }).split('\n').slice(0, -1));
	const able = outside.forbidden.filter((name) => outside.answers[name] === 'done');
	assert.deepEqual(outside.forbidden.filter((name) => !able.includes(name) && !CONTAINED.has(name)), [], JSON.stringify(outside.answers, null, 1));
	for (const runtime of Object.keys(scripts)) {
		const { forbidden, allowed, answers } = await probe(runtime, { source, environment });
		assert.ok(forbidden.length > 40);
		assert.deepEqual(forbidden.filter((name) => !answers[name].startsWith('refused')), [], `${runtime}: ${JSON.stringify(answers, null, 1)}`);
		assert.deepEqual(allowed.filter((name) => answers[name] !== 'done'), [], `${runtime}: ${JSON.stringify(answers, null, 1)}`);
		assert.equal(answers['its own server'], undefined);
		// Python compiles to bytes that it interprets; V8 compiles to the processor's, as a program may do, too.
		assert.match(answers['memory to write and execute'], runtime === 'python' ? /^refused/ : /^done/);
	}
	assert.equal(show('sandbox-probe.service', 'LoadState').LoadState, 'not-found');
	assert.equal(show(unit('victim'), 'NRestarts', 'ActiveState').ActiveState, 'active');
});

// The bus of this host does not know dynamic users, and ends their connections: so the probe comes no further.
// Where another one does know them, an indexer is allowed what anybody is.
test('the bus lets nobody who is not root do anything about units', async () => {
	const as_nobody = (words) => sh(`setpriv --reuid=nobody --regid=nogroup --clear-groups busctl call org.freedesktop.systemd1 ` +
		`/org/freedesktop/systemd1 org.freedesktop.systemd1.Manager ${words}`);
	assert.equal(as_nobody('GetUnit s indexerd.service').code, 0);
	for (const words of [
		'StartTransientUnit "ssa(sv)a(sa(sv))" sandbox-probe.service replace 1 ExecStart "a(sasb)" 1 /bin/true 1 /bin/true false 0',
		'SetUnitProperties "sba(sv)" indexerd.service true 1 CPUWeight t 100',
		'StopUnit ss indexerd.service replace', 'KillUnit ssi indexerd.service all 9',
	])
		assert.match(as_nobody(words).stderr, /Access denied|authentication required/);
	assert.equal(show('indexerd.service', 'ActiveState').ActiveState, 'active');
});

test('systemd’s own figure is 2.0 at most', async () => {
	const source = project({ 'run': '#!/bin/sh\nexec sleep infinity\n', 'main.mjs': 'setInterval(() => {}, 1e6);\n', 'main.py': 'import time\ntime.sleep(1e6)\n' });
	for (const [runtime, script] of [['exec', 'run'], ['node', 'main.mjs'], ['python', 'main.py']]) {
		await create(runtime, { runtime, script, project_source: source });
		assert.ok(figure(runtime) <= 2.0, `${runtime}: ${figure(runtime)}`);
		console.log(`# systemd-analyze security, ${runtime}: ${figure(runtime)}`);
	}
	// It is able to say more.
	run('systemd-run -q --unit=bare sleep infinity');
	later(() => run('systemctl stop bare.service'));
	assert.ok(Number(run('systemd-analyze security --no-pager bare.service').match(/: ([0-9.]+) /)[1]) > 9);
});

// systemd writes the unit down and reads it again; what it cannot read as it wrote it would be lost.
test('the sandbox is the same after a daemon-reload, and holds for the next process', async () => {
	const { source, environment } = await prepare();
	const { id } = await probe('exec', { source, environment });
	const sandbox = (all) => all.filter((line) => /^(SystemCall|Restrict|Protect|Private|Lock|Memory(Deny|Max)|NoNew|Capab|Ambient|Keyring|Remove|UMask|Dynamic|Limit|Device|Slice|Supplem|State|Runtime)/.test(line));
	const before = sandbox(properties(id));
	assert.ok(before.some((line) => /^SystemCallFilter=.*\bread\b/.test(line)));
	for (const call of ['setuid', 'chroot', 'add_key', 'keyctl', 'ptrace', 'mount', 'bpf'])
		assert.ok(!before.some((line) => line.startsWith('SystemCallFilter=') && line.split(/[= ]/).includes(call)), call);
	run('systemctl daemon-reload');
	assert.deepEqual(sandbox(properties(id)), before);
	await call('UpdateIndexer', { indexer: { name: `indexers/${id}`, restart: { policy: 'POLICY_ALWAYS' } }, update_mask: { paths: ['restart.policy'] } });
	run('systemctl daemon-reload');
	run(`systemctl kill -s KILL ${unit(id)}`);
	const ends = () => run(`journalctl -q -o cat -u ${unit(id)}`).split('\n').filter((line) => line === 'end').length;
	await until(() => ends() >= 3, { limit: 60_000 });
	const said = run(`journalctl -q -o cat -u ${unit(id)}`).split('\n');
	const { forbidden } = read(said.filter((line) => /^(forbidden|allowed): /.test(line)));
	for (const name of forbidden)
		assert.equal(said.filter((line) => line.startsWith(`${name}: refused`)).length, 3, name);
});

test('an address that is denied to all indexers is not reached by one', async () => {
	const { source, environment } = await prepare();
	await listen(DENIED);
	const open = await probe('node', { source, environment });
	assert.equal(open.answers['a denied address'], 'done');

	const directory = '/etc/systemd/system/indexer.slice.d';
	fs.mkdirSync(directory, { recursive: true });
	fs.writeFileSync(`${directory}/50-limits.conf`, `[Slice]\nIPAddressDeny=${DENIED}\n`);
	run('systemctl daemon-reload');
	later(() => run(`rm -r ${directory} && systemctl daemon-reload`));
	// A kernel that lets control groups filter does so for any unit.
	const can = sh(`systemd-run -q --wait -p IPAddressDeny=${DENIED} /bin/bash -c 'exec 3<>/dev/tcp/${DENIED}/${PORT}'`).code !== 0;
	console.log(`# the kernel of this host ${can ? 'filters' : 'does not filter'} addresses by control group`);
	const { answers } = await probe('exec', { source, environment });
	assert.equal(show('indexer.slice', 'IPAddressDeny').IPAddressDeny, `${DENIED}/32`);
	assert.match(answers['a denied address'], can ? /^refused/ : /^done/);
	assert.equal(answers['a server'], 'done');
});
