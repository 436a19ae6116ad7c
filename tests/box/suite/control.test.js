// SPDX-License-Identifier: Apache-2.0
//
// UpdateIndexer, StartIndexer, StopIndexer, RestartIndexer and allow_missing: what they do to the
// process, what stays over restarts of the daemon, and what is refused.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, refused, restart, run, served, sh, show, test, unit, until } =
	require('./lib');

const SLEEPER = '#!/bin/sh\necho "started $GREETING $*"\nexec sleep infinity\n';

const make = async (id, more = {}) => call('CreateIndexer', {
	indexer_id: id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': SLEEPER }), ...more },
});
const get = (id) => call('GetIndexer', { name: `indexers/${id}` });
const control = (what, id) => call(`${what}Indexer`, { name: `indexers/${id}` });
const update = (id, indexer, paths) => call('UpdateIndexer', {
	indexer: { name: `indexers/${id}`, ...indexer }, ...(paths && { update_mask: { paths } }),
});
const journal = (uid) => sh(`journalctl -q -o cat INDEXER_UID=${uid} --grep '^started'`).stdout.trim().split('\n');

test('stop, start, restart', async () => {
	const made = await make('one');
	const stopped = await control('Stop', 'one');
	assert.equal(stopped.status.state, 'STATE_STOPPED');
	assert.equal(stopped.status.main_pid, 0);
	assert.equal(show(unit('one'), 'ActiveState').ActiveState, 'inactive');
	assert.deepEqual((await control('Stop', 'one')).status, stopped.status, 'a second stop changes nothing');

	const started = await control('Start', 'one');
	assert.equal(started.status.state, 'STATE_RUNNING');
	assert.notEqual(started.status.invocation_id, made.status.invocation_id);
	assert.equal(show(unit('one'), 'MainPID').MainPID, String(started.status.main_pid));
	const again = await control('Start', 'one');
	assert.equal(again.status.main_pid, started.status.main_pid, 'a second start changes nothing');

	const restarted = await control('Restart', 'one');
	assert.equal(restarted.status.state, 'STATE_RUNNING');
	assert.notEqual(restarted.status.main_pid, started.status.main_pid);
	assert.equal(restarted.status.restart_count, 0, 'a restart that was asked for is none of systemd’s');
	assert.equal(journal(made.uid).length, 3);
	assert.equal(restarted.uid, made.uid);
	assert.equal(restarted.etag, made.etag, 'none of this changes the definition');
});

test('what is stopped stays so over a restart of the daemon and a daemon-reload', async () => {
	await make('quiet');
	await control('Stop', 'quiet');
	run('systemctl daemon-reload');
	await restart();
	assert.equal((await get('quiet')).status.state, 'STATE_STOPPED');
	assert.equal(show(unit('quiet'), 'MainPID').MainPID, '0');
	assert.equal((await control('Start', 'quiet')).status.state, 'STATE_RUNNING');
});

test('start of what an administrator stopped, and of what has failed', async () => {
	await make('by-hand');
	run(`systemctl stop ${unit('by-hand')}`);
	await until(async () => (await get('by-hand')).status.state === 'STATE_STOPPED');
	assert.equal((await control('Start', 'by-hand')).status.state, 'STATE_RUNNING');

	const project_source = project({ 'main.sh': '#!/bin/sh\n[ -e mended ] || exit 3\nexec sleep infinity\n' });
	const failed = await make('broken', { project_source, restart: { policy: 'POLICY_NEVER' } });
	await until(async () => (await get('broken')).status.state === 'STATE_FAILED');
	fs.writeFileSync(`${project_source}/mended`, '');
	const mended = await control('Start', 'broken');
	assert.equal(mended.status.state, 'STATE_RUNNING');
	assert.equal(mended.uid, failed.uid);
});

test('start of what waits for its next restart does not wait', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\n[ -e mended ] || exit 3\nexec sleep infinity\n' });
	await make('crashing', { project_source });
	await until(async () => (await get('crashing')).status.state === 'STATE_BACKING_OFF');
	fs.writeFileSync(`${project_source}/mended`, '');
	assert.equal((await control('Start', 'crashing')).status.state, 'STATE_RUNNING');
});

test('an update of labels does not touch the process', async () => {
	const made = await make('labelled', { labels: { team: 'red', zone: '1' } });
	const updated = await update('labelled', { labels: { team: 'blue' } }, ['labels.team', 'labels.zone']);
	assert.deepEqual(updated.labels, { team: 'blue' });
	assert.equal(updated.status.main_pid, made.status.main_pid);
	assert.match(updated.status.message, /not restarted/);
	assert.notEqual(updated.etag, made.etag);
	assert.ok(updated.update_time.seconds >= made.update_time.seconds);
	assert.equal((await get('labelled')).status.message, '');
	assert.equal(journal(made.uid).length, 1);
	const same = await update('labelled', { labels: { team: 'blue' } }, ['labels']);
	assert.equal(same.etag, updated.etag, 'what changes nothing is no change');
});

test('an update that the process must see restarts it, with the new values', async () => {
	const made = await make('changed', { environment: { GREETING: 'hello' }, args: ['a'] });
	const updated = await update('changed', { environment: { GREETING: 'bye' }, args: ['b', 'c'] }, ['environment', 'args']);
	assert.equal(updated.status.state, 'STATE_RUNNING');
	assert.match(updated.status.message, /was restarted/);
	assert.notEqual(updated.status.main_pid, made.status.main_pid);
	assert.deepEqual(await until(() => journal(made.uid).length === 2 && journal(made.uid)), ['started hello a', 'started bye b c']);
	run(`systemctl kill -s KILL ${unit('changed')}`);
	const lines = await until(() => journal(made.uid).length === 3 && journal(made.uid));
	assert.equal(lines[2], 'started bye b c', 'what systemd restarts has the new values too');
	assert.deepEqual(fs.readdirSync('/run/indexerd/credentials').filter((f) => f.startsWith(made.uid)).length, 1);
});

test('an update without a mask is about the fields that are set', async () => {
	const made = await make('masked', { labels: { a: '1' }, args: ['x'] });
	const updated = await update('masked', { labels: { b: '2' } });
	assert.deepEqual(updated.labels, { b: '2' });
	assert.deepEqual(updated.args, ['x']);
	assert.equal(updated.status.main_pid, made.status.main_pid);
});

test('resources act after an update', async () => {
	await make('limited');
	await update('limited', { resources: { memory_max_bytes: 64 << 20 } }, ['resources.memory_max_bytes']);
	assert.equal(show(unit('limited'), 'MemoryMax').MemoryMax, String(64 << 20));
});

test('an update of what is stopped leaves it stopped; start uses it', async () => {
	const made = await make('later', { args: ['old'] });
	await control('Stop', 'later');
	const updated = await update('later', { args: ['new'] }, ['args']);
	assert.equal(updated.status.state, 'STATE_STOPPED');
	assert.match(updated.status.message, /will be started with the change/);
	await control('Start', 'later');
	assert.deepEqual(await until(() => journal(made.uid).length === 2 && journal(made.uid)), ['started  old', 'started  new']);
});

test('an update mends what has failed', async () => {
	const project_source = project({ 'bad.sh': '#!/bin/sh\nexit 78\n', 'main.sh': SLEEPER });
	await make('mended', { project_source, script: 'bad.sh' });
	await until(async () => (await get('mended')).status.state === 'STATE_FAILED');
	assert.equal((await update('mended', { script: 'main.sh' }, ['script'])).status.state, 'STATE_RUNNING');
});

test('refused updates change nothing, and name the field', async () => {
	const made = await make('strict', { labels: { a: '1' } });
	const rows = [
		[{ labels: {} }, ['label'], 'INVALID_ARGUMENT', /update_mask.*label/],
		[{ restart: { max_backoff: { nanos: 1 } } }, ['restart.max_backoff'], 'INVALID_ARGUMENT', /max_backoff/],
		[{ script: 'none.sh' }, ['script'], 'INVALID_ARGUMENT', /indexer\.script/],
		[{ script: '../x' }, ['script'], 'INVALID_ARGUMENT', /indexer\.script/],
		[{ runtime: 'cobol' }, ['runtime'], 'INVALID_ARGUMENT', /indexer\.runtime/],
		[{ environment: { 'A=B': '' } }, ['environment'], 'INVALID_ARGUMENT', /A=B/],
		[{ environment: { INDEXER_ID: 'x' } }, ['environment.INDEXER_ID'], 'INVALID_ARGUMENT', /INDEXER_ID/],
		[{ spawned_by: 'indexers/other' }, ['spawned_by'], 'INVALID_ARGUMENT', /spawned_by/],
		[{ etag: 'stale', labels: { a: '2' } }, ['labels'], 'ABORTED', /etag/],
	];
	for (const [indexer, paths, code, words] of rows)
		await refused(update('strict', indexer, paths), code, words);
	await refused(call('UpdateIndexer', {}), 'INVALID_ARGUMENT', /indexer is missing/);
	await refused(update('nobody', { labels: {} }, ['labels']), 'NOT_FOUND', /nobody/);
	for (const what of ['Start', 'Stop', 'Restart']) {
		await refused(control(what, 'nobody'), 'NOT_FOUND', /nobody/);
		await refused(call(`${what}Indexer`, { name: 'nobody' }), 'INVALID_ARGUMENT', /name/);
	}
	const now = await get('strict');
	assert.equal(now.etag, made.etag);
	assert.equal(now.status.main_pid, made.status.main_pid);
	assert.equal((await update('strict', { etag: now.etag, labels: { a: '2' } }, ['labels'])).labels.a, '2');
});

test('deleting what is not there: allow_missing', async () => {
	await call('DeleteIndexer', { name: 'indexers/nothing', allow_missing: true });
	await refused(call('DeleteIndexer', { name: 'indexers/nothing' }), 'NOT_FOUND', /nothing/);
	await refused(call('DeleteIndexer', { name: 'Nothing', allow_missing: true }), 'INVALID_ARGUMENT', /name/);
});

test('stops, starts and updates of one indexer by many at once end in what the last one wanted', async () => {
	const made = await make('busy');
	const ways = ['Start', 'Stop', 'Restart'];
	await Promise.all(Array.from({ length: 60 }, (_, i) => i % 4 === 3
		? update('busy', { args: [String(i)] }, ['args']) : control(ways[i % 4], 'busy')));
	await control('Stop', 'busy');
	assert.equal(show(unit('busy'), 'ActiveState').ActiveState, 'inactive');
	const last = await control('Start', 'busy');
	assert.equal(last.status.state, 'STATE_RUNNING');
	assert.equal(last.uid, made.uid);
});

test('kill -9 of the daemon in the middle of a restart: it ends up running, once', async () => {
	const made = await make('killed');
	for (let round = 0; round < 8; round++) {
		const asked = control('Restart', 'killed').catch(() => {});
		if (round % 2)
			await new Promise((done) => setImmediate(done));
		sh('systemctl kill -s KILL --kill-whom=main indexerd.service');
		await asked;
		await served();
		await until(async () => (await get('killed')).status.state === 'STATE_RUNNING', { limit: 20_000 });
		const { MainPID } = show(unit('killed'), 'MainPID');
		assert.equal(String((await get('killed')).status.main_pid), MainPID);
	}
	assert.equal((await get('killed')).uid, made.uid);
});

test('the processor time of what has ended is kept', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\ni=0; while [ $i -lt 300000 ]; do i=$((i + 1)); done\n' });
	await make('worked', { project_source, restart: { policy: 'POLICY_NEVER' } });
	const usage = await until(async () => {
		const { status } = await get('worked');
		return status.state === 'STATE_STOPPED' && status.cpu_usage;
	}, { limit: 30_000 });
	assert.ok(Number(usage.seconds) + usage.nanos / 1e9 > 0.01, JSON.stringify(usage));
	await restart();
	assert.deepEqual((await get('worked')).status.cpu_usage, usage);
});

test('restarts that overtake each other leave nothing behind', async () => {
	const made = await make('hurried');
	await Promise.all(Array.from({ length: 12 }, () => control('Restart', 'hurried')));
	await until(async () => (await get('hurried')).status.state === 'STATE_RUNNING');
	const left = () => fs.readdirSync('/run/indexerd/credentials').filter((f) => f.startsWith(made.uid));
	await until(() => left().length === 1);
	await call('DeleteIndexer', { name: 'indexers/hurried' });
	assert.deepEqual(left(), []);
});

test('a restart whose runtime is gone stays failed, with the reason', async () => {
	const file = '/etc/indexerd/runtimes/passing.conf';
	run(`mkdir -p /etc/indexerd/runtimes && sed 's/^Description=.*/Description=Passing/' /usr/lib/indexerd/runtimes/exec.conf > ${file}`);
	later(() => run(`rm -f ${file} && systemctl reload indexerd.service`));
	run('systemctl reload indexerd.service');
	await make('orphan', { runtime: 'passing' });
	run(`rm ${file} && systemctl reload indexerd.service`);
	assert.equal((await control('Restart', 'orphan')).status.state, 'STATE_FAILED');
	run('systemctl daemon-reload');
	const { status } = await get('orphan');
	assert.equal(status.state, 'STATE_FAILED');
	assert.match(status.message, /passing/);
});
