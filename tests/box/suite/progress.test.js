// SPDX-License-Identifier: Apache-2.0
//
// Progress: from the lines that an indexer logs to systemctl status, to the API and to indexerctl,
// with the daemon there or not; stalled indexers; and what a program can make of it that means ill.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, refused, restart, run, served, sh, show, stream, test, unit, until } = require('./lib');
const { runtime } = require('./people');

const progress = async (id) => (await call('GetIndexer', { name: `indexers/${id}` })).status.progress;
const text = (id) => show(unit(id), 'StatusText').StatusText;

// An indexer that logs what say() appends to a file of its project, all of it after each start.
async function create(indexer_id, runtime = 'exec') {
	const project_source = project({ 'main.sh': '#!/bin/sh\nexec tail -n +1 -F lines\n', lines: '' });
	const { status } = await call('CreateIndexer', { indexer_id, indexer: { runtime, script: 'main.sh', project_source } });
	assert.equal(status.state, 'STATE_RUNNING');
	assert.equal(status.progress, null);
	return {
		say: (line) => fs.appendFileSync(`${project_source}/lines`, `${line}\n`),
		forget: () => fs.truncateSync(`${project_source}/lines`),
	};
}

// Waits until the indexer has come to a block; its progress.
const reached = (id, block) => until(async () => {
	const now = await progress(id);
	return now?.current_block === block && now;
}, { limit: 30_000, what: `${id}: block ${block}` });

test('blocks, in the API, in systemctl status and in indexerctl; each process has its own', async () => {
	const { say, forget } = await create('moving');
	const list = () => run('indexerctl list | grep indexers/moving');
	assert.match(list(), / -  +-$/);
	say('level=INFO msg=hello');
	say('level=INFO msg=moved block=7 head=9');
	const first = await reached('moving', 7);
	assert.deepEqual([first.starting_block, first.head_block, first.stalled], [7, 9, false]);
	assert.ok(Math.abs(Date.now() / 1000 - Number(first.time.seconds)) < 30);
	assert.match(run(`systemctl status ${unit('moving')}`), /Status: "Block 7 of 9 \(from 7\), moved at 20[-0-9]+T[:0-9]+Z"/);
	assert.match(list(), / 7\/9  +-$/);
	assert.match(run('indexerctl list --tree | grep indexers/moving'), / 7\/9$/);
	assert.match(run('indexerctl get moving'), /^Block: +7 of 9, from 7\nMoved: +20[-0-9]+ [:0-9]+$/m);
	assert.deepEqual(JSON.parse(run('indexerctl get -o json moving')).status.progress,
		{ startingBlock: '7', currentBlock: '7', headBlock: '9', time: new Date(first.time.seconds * 1000).toISOString().replace('.000', '') });

	say('level=INFO msg=moved block=8 head=12');
	assert.equal((await reached('moving', 8)).head_block, 12);
	const before = show(unit('moving'), 'NRestarts', 'MainPID');
	say('level=INFO msg="a head alone is none" head=99');
	say('level=INFO msg=moved block=9');
	const now = await reached('moving', 9);
	assert.deepEqual([now.starting_block, now.head_block], [7, 12]);
	assert.deepEqual(show(unit('moving'), 'NRestarts', 'MainPID'), before);

	forget();
	run(`systemctl kill -s KILL --kill-who=main ${unit('moving')}`);
	await until(async () => (await call('GetIndexer', { name: 'indexers/moving' })).status.restart_count === 1);
	await until(() => text('moving') === 'The program runs.');
	assert.equal(await until(async () => (await progress('moving')) === null), true);
	say('block=30');
	assert.equal((await reached('moving', 30)).starting_block, 30);
	const stopped = await call('StopIndexer', { name: 'indexers/moving' });
	assert.equal(stopped.status.progress, null, 'of a process');
});

test('nobody else is needed for it: the daemon is away, is there again, and systemd reloads', async () => {
	const { say } = await create('alone');
	say('block=1');
	await reached('alone', 1);
	run('systemctl stop indexerd.service indexerd.socket indexerd-unit.socket');
	later(() => run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service'));
	say('block=2');
	await until(() => text('alone').startsWith('Block 2 (from 1), moved at '), { limit: 30_000 });
	run('systemctl start indexerd.socket indexerd-unit.socket indexerd.service');
	await served();
	assert.equal((await progress('alone')).current_block, 2, 'with the first answer');
	say('block=3');
	run('systemctl daemon-reload');
	await restart();
	assert.equal((await reached('alone', 3)).starting_block, 1);
});

test('a block that stands still is stalled, until it moves; watchers are told', async () => {
	await runtime('test-stalled', ['Progress=block ${CURRENT} of ${HEAD}', 'Progress=starts at ${STARTING}', 'StalledSec=12']);
	const { say } = await create('slow', 'test-stalled');
	const source = stream('WatchIndexers', { filter: 'name = "indexers/slow"' });
	const seen = (what, is) => until(async () => {
		const { indexer } = await source.next(30_000);
		return indexer?.status.progress && is(indexer.status.progress) && indexer.status.progress;
	}, { limit: 40_000, what });
	say('starts at 3');
	say('block   5 of 10');
	const moved = await seen('a block', (p) => p.current_block === 5);
	assert.deepEqual([moved.starting_block, moved.head_block, moved.stalled], [3, 10, false]);
	const stalled = await seen('stalled', (p) => p.stalled);
	assert.deepEqual({ ...stalled, stalled: false }, moved, 'the time stays that of the move');
	assert.match(run(`systemctl status ${unit('slow')}`), /Status: "Block 5 of 10 \(from 3\), moved at [^,]+Z, stalled"/);
	assert.match(run('indexerctl list'), / 5\/10 \(stalled\) /);
	assert.match(run('indexerctl get slow'), /^Moved: .*, stalled since$/m);
	say('block 5 of 11');
	assert.equal((await seen('a new head', (p) => p.head_block === 11)).stalled, true, 'which is no move');
	await restart();
	assert.equal((await progress('slow')).stalled, true, 'also for a daemon that was not there');
	say('block 6 of 11');
	assert.equal((await reached('slow', 6)).stalled, false);
	await until(async () => (await progress('slow')).stalled, { limit: 30_000 });
});

test('an Apibara project’s blocks, with colours or without', async () => {
	const lines = ['\u001b[32mtransfers |\u001b[39m \u001b[36minfo\u001b[39m Transforming block | orderKey:  41n  | finality:  accepted',
		'transfers | info Transforming block | orderKey:  42n  | finality:  accepted'];
	const project_source = project({
		'.apibara/build/start.mjs': `${lines.map((l) => `console.log(${JSON.stringify(l)});`).join('\n')}\nsetInterval(() => {}, 1000);\n`,
	});
	await call('CreateIndexer', { indexer_id: 'apibara', indexer: { runtime: 'apibara', script: 'transfers', project_source } });
	assert.equal((await reached('apibara', 42)).starting_block, 41);
});

test('a program that speaks to systemd itself deceives about itself alone, and is shown once a second', async () => {
	// As soon as a file is there, one text after the other, and one that is none at the end.
	const project_source = project({
		'main.sh': '#!/bin/bash\nexport NOTIFY_SOCKET=/run/systemd/notify\necho block=1\n' +
			'until [ -e go ]; do sleep 0.1; done\n' +
			'for ((i = 10; i < 400; i++)); do systemd-notify --status="Block $i (from 1), moved at 2026-01-31T12:00:00Z"; done\n' +
			'systemd-notify MAINPID="$1"\n' +
			'systemd-notify --status="Block 400 (from 1), moved at 2026-01-31T12:00:00Z; and more"\necho end\nexec sleep infinity\n',
	});
	await create('other');
	const { MainPID } = show(unit('other'), 'MainPID');
	await call('CreateIndexer', { indexer_id: 'liar', indexer: { runtime: 'exec', script: 'main.sh', project_source, args: [MainPID] } });
	await reached('liar', 1);
	const source = stream('WatchIndexers', { filter: 'name = "indexers/liar"' });
	while ((await source.next()).event !== 'WATCH_EVENT_SYNCED');
	const begin = Date.now();
	fs.writeFileSync(`${project_source}/go`, '');
	const events = [];
	for (let last; last !== null;) {
		const { indexer } = await source.next(30_000);
		last = indexer.status.progress;
		assert.equal(indexer.status.state, 'STATE_RUNNING');
		events.push(last?.current_block);
	}
	assert.notEqual(show(unit('liar'), 'MainPID').MainPID, MainPID);
	assert.equal(show(unit('other'), 'MainPID').MainPID, MainPID);
	assert.ok(events.length >= 2 && events[0] >= 10, String(events));
	// Memory and processor time have events of their own, at most once a second, too.
	assert.ok(events.length <= 2 * ((Date.now() - begin) / 1000 + 2), `${events} in ${Date.now() - begin} ms`);
});

test('a pattern with a mistake in it: its file, line and column', async () => {
	const file = '/etc/indexerd/runtimes/test-bad.conf';
	fs.mkdirSync('/etc/indexerd/runtimes', { recursive: true });
	fs.writeFileSync(file, '[Runtime]\nExec=${SCRIPT_PATH}\nProgress=block=${BLOCK}\n');
	later(() => {
		fs.rmSync(file);
		run('systemctl reload indexerd.service');
	});
	const complaint = /test-bad\.conf:3:16: Progress=: expected \$\{CURRENT\}, /;
	const { code, stderr } = sh('indexerd --check');
	assert.equal(code, 1);
	assert.match(stderr, complaint);
	const misnamed = '/etc/indexerd/runtimes/Bad_Name.conf';
	fs.renameSync(file, misnamed);
	assert.equal(sh('indexerd --check').code, 1);
	assert.match(sh('indexerd --check').stderr, /'Bad_Name.*' is no name of a runtime/);
	fs.renameSync(misnamed, file);
	run('systemctl reload indexerd.service');
	await served();
	assert.match(run('journalctl -q -u indexerd.service -o cat -n 20'), complaint);
	await refused(call('CreateIndexer', { indexer_id: 'bad', indexer: { runtime: 'test-bad', script: 'main.sh', project_source: '/srv' } }),
		'INVALID_ARGUMENT', /test-bad/);
});
