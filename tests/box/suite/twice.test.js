// SPDX-License-Identifier: Apache-2.0
//
// One id never runs twice at once, also where an old process is slow to die. The program here holds a port,
// as long as it lives; it ignores SIGTERM, and says so where another one holds it already.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, restart, run, served, sh, show, test, unit, until } = require('./lib');

const PORT = 7399;
const PROGRAM = `#!/usr/bin/node
process.on('SIGTERM', () => {});
const server = require('node:net').createServer();
server.on('error', (error) => { console.log('TWICE ' + error.code); process.exit(0); });
server.listen({ port: ${PORT}, host: '127.0.0.1', exclusive: true }, () => console.log('alone ' + process.pid));
`;
// Its child holds the port, in a session of its own, and outlives it.
const PARENT = `#!/bin/sh
setsid ./holder &
exec sleep infinity
`;
// Its children do nothing but have a child each and end, again and again.
const FORKER = `#!/bin/bash
hop() { read -t 0.01 <> <(:); hop & }
for ((i = 0; i < 20; i++)); do hop & done
echo "alone $$"
exec sleep infinity
`;
const RUNTIME = '/etc/indexerd/runtimes/stubborn.conf';
const DROP_IN = '/etc/systemd/system/indexer-.service.d/50-stubborn.conf';

fs.mkdirSync('/etc/indexerd/runtimes', { recursive: true });
fs.writeFileSync(RUNTIME, '[Runtime]\nExec=${SCRIPT_PATH}\n[Service]\nMemoryDenyWriteExecute=no\nTimeoutStopSec=2\n');
run('systemctl reload indexerd.service');

const indexer = (script) => ({ runtime: 'stubborn', script, project_source: project({ holder: PROGRAM, parent: PARENT, forker: FORKER }) });
const name = (id) => `indexers/${id}`;
const said = (id) => run(`journalctl -q -o cat -u ${unit(id)} _TRANSPORT=journal`);
const starts = (id) => (said(id).match(/^alone /mg) ?? []).length;
const alone = (id, n) => until(() => starts(id) >= n, { limit: 60_000, what: `start ${n} of ${id}` });
const pid = (id) => show(unit(id), 'MainPID').MainPID;
const never = (id) => assert.doesNotMatch(said(id), /TWICE/);

function drop_in(lines) {
	fs.mkdirSync('/etc/systemd/system/indexer-.service.d', { recursive: true });
	fs.writeFileSync(DROP_IN, `[Service]\n${lines}\n`);
	run('systemctl daemon-reload');
	later(() => {
		fs.rmSync(DROP_IN);
		run('systemctl daemon-reload');
	});
}

test('restarted, updated, stopped and started, by the API and by systemctl', async () => {
	await call('CreateIndexer', { indexer_id: 'slow', indexer: indexer('holder') });
	await alone('slow', 1);
	await call('RestartIndexer', { name: name('slow') });
	await alone('slow', 2);
	await call('UpdateIndexer', {
		indexer: { name: name('slow'), environment: { A: '1' } }, update_mask: { paths: ['environment'] },
	});
	await alone('slow', 3);
	// Both at once: the start waits for the end of the stop.
	const stopping = call('StopIndexer', { name: name('slow') }).catch(() => {});
	await call('StartIndexer', { name: name('slow') });
	await stopping;
	await alone('slow', 4);
	run(`systemctl restart ${unit('slow')}`);
	await alone('slow', 5);
	run(`systemctl kill -s KILL --kill-who=main ${unit('slow')}`);
	await alone('slow', 6);
	never('slow');
});

test('the daemon is killed while it stops', async () => {
	await call('CreateIndexer', { indexer_id: 'killed', indexer: indexer('holder') });
	await alone('killed', 1);
	const old = pid('killed');
	const restarting = call('RestartIndexer', { name: name('killed') }).catch(() => {});
	await until(() => show(unit('killed'), 'ActiveState').ActiveState === 'deactivating');
	run('systemctl kill -s KILL indexerd.service');
	await restarting;
	await served();
	await alone('killed', 2);
	assert.notEqual(pid('killed'), old);
	await restart();
	never('killed');
	assert.equal(starts('killed'), 2);
});

test('deleted, and created again as soon as it can be', async () => {
	const made = indexer('holder');
	await call('CreateIndexer', { indexer_id: 'again', indexer: made });
	await alone('again', 1);
	const deleting = call('DeleteIndexer', { name: name('again') });
	// A Create before that would be of the one that is there.
	await until(() => show(unit('again'), 'ActiveState').ActiveState === 'deactivating');
	let refusals = 0;
	await until(() => call('CreateIndexer', { indexer_id: 'again', indexer: made }).then(() => true, (error) => {
		assert.equal(error.name, 'ABORTED');
		refusals++;
	}), { limit: 30_000 });
	await deleting;
	assert.ok(refusals > 0, 'none was refused');
	await alone('again', 2);
	never('again');
});

test('its program has ended, and a child of it holds on', async () => {
	await call('CreateIndexer', { indexer_id: 'child', indexer: indexer('parent') });
	await alone('child', 1);
	run(`systemctl kill -s KILL --kill-who=main ${unit('child')}`);
	await alone('child', 2);
	await call('RestartIndexer', { name: name('child') });
	await alone('child', 3);
	never('child');
});

test('an administrator forbids SIGKILL: what systemd leaves behind is ended before another one begins', async () => {
	drop_in('SendSIGKILL=no\nTimeoutStopSec=1');
	await call('CreateIndexer', { indexer_id: 'spared', indexer: indexer('holder') });
	await alone('spared', 1);
	await call('RestartIndexer', { name: name('spared') });
	await alone('spared', 2);
	never('spared');
	await call('DeleteIndexer', { name: name('spared') });
	assert.equal(sh('pgrep -f ^/usr/bin/node.*holder').stdout, '');
});

test('a drop-in spares all but the main process: a child is ended before the next start', async () => {
	drop_in('KillMode=process');
	await call('CreateIndexer', { indexer_id: 'leftover', indexer: indexer('parent') });
	await alone('leftover', 1);
	run(`systemctl kill -s KILL --kill-who=main ${unit('leftover')}`); // systemd itself starts it again
	await alone('leftover', 2);
	await call('RestartIndexer', { name: name('leftover') });
	await alone('leftover', 3);
	never('leftover');
	await call('DeleteIndexer', { name: name('leftover') });
	assert.equal(sh('pgrep -f ^/usr/bin/node.*holder').stdout, '');
});

// Of the processes in a unit, the runs that they are of. Many are gone before they are looked at.
function runsIn(group) {
	const runs = new Set();
	for (let i = 0; i < 50; i++)
		for (const pid of fs.readFileSync(`/sys/fs/cgroup${group}/cgroup.procs`, 'utf8').split('\n').filter(Boolean))
			try {
				const [, invocation] = fs.readFileSync(`/proc/${pid}/environ`, 'utf8').match(/(?:^|\0)INVOCATION_ID=(\w+)/) ?? [];
				if (invocation)
					runs.add(invocation);
			} catch (error) {
				assert.match(error.code, /ENOENT|ESRCH/);
			}
	return [...runs];
}

test('what is spared forks all the while: none of it is there beside the next start', async () => {
	drop_in('KillMode=process');
	await call('CreateIndexer', { indexer_id: 'forking', indexer: indexer('forker') });
	await alone('forking', 1);
	for (let n = 2; n <= 4; n++) {
		run(`systemctl kill -s KILL --kill-who=main ${unit('forking')}`);
		await alone('forking', n);
		const { ControlGroup, InvocationID } = show(unit('forking'), 'ControlGroup', 'InvocationID');
		assert.deepEqual(runsIn(ControlGroup), [InvocationID]);
	}
});
