// SPDX-License-Identifier: Apache-2.0
//
// The limits of a tree, where the kernel keeps them: for all of it together, and for nobody else.
'use strict';

const fs = require('node:fs');
const { assert, call, project, show, stored, test, unit, until } = require('../box/suite/lib');

const MIB = 1 << 20;
const NEVER = { policy: 'POLICY_NEVER' };
const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';
const EATER = '#!/bin/sh\nexec tail /dev/zero\n';
const FORKER = '#!/usr/bin/python3\n' +
	'import os, time\nn = 0\ntry:\n    while n < 100:\n        if os.fork() == 0:\n            time.sleep(1e6)\n' +
	'        n += 1\nexcept BlockingIOError:\n    print("refused", flush=True)\ntime.sleep(1e6)\n';

const create = (indexer_id, main, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': main }), ...indexer },
});
const status = async (id) => (await call('GetIndexer', { name: `indexers/${id}` })).status;
const kernel = ({ uid }, file) => fs.readFileSync(`/sys/fs/cgroup/indexer.slice/indexer-${uid}.slice/${file}`, 'utf8').trim();
const said = (id, words) => stored(id, words, 60_000);
const child = (spawned_by) => ({ spawned_by: `indexers/${spawned_by}` });

test('memory that a tree has together: who of it eats too much ends, and nobody outside', async () => {
	const root = await create('root', SLEEPER, { tree_resources: { memory_max_bytes: 64 * MIB } });
	const apart = await create('apart', SLEEPER);
	assert.equal(kernel(root, 'memory.max'), String(64 * MIB));
	await create('hungry', EATER, { ...child('root'), restart: NEVER });
	const { last_exit } = await until(async () => {
		const now = await status('hungry');
		return now.state === 'STATE_FAILED' && now;
	}, { limit: 90_000 });
	assert.equal(last_exit.reason, 'REASON_OUT_OF_MEMORY');
	for (const { name, status: { main_pid } } of [root, apart])
		assert.equal((await status(name.split('/')[1])).main_pid, main_pid, name);
});

test('tasks that a tree has together', async () => {
	const root = await create('root', SLEEPER, { tree_resources: { tasks_max: 24 } });
	for (const id of ['first', 'second']) {
		await create(id, FORKER, { ...child('root'), resources: { tasks_max: id === 'first' ? 12 : 100 } });
		await said(id, 'refused');
	}
	assert.equal(kernel(root, 'pids.current'), '24');
	assert.equal((await create('apart', SLEEPER)).status.state, 'STATE_RUNNING');
	assert.equal(show(unit('second'), 'NRestarts').NRestarts, '0');
});

test('processor time that a tree has together', async () => {
	const busy = '#!/bin/bash\nwhile :; do :; done\n';
	const root = await create('root', busy, { tree_resources: { cpu_percent: 30 } });
	await create('second', busy, child('root'));
	assert.equal(kernel(root, 'cpu.max'), '30000 100000');
	const stat = () => Object.fromEntries(kernel(root, 'cpu.stat').split('\n').map((line) => line.split(' ')));
	const begin = { now: performance.now() / 1e3, ...stat() };
	const end = await until(() => {
		const at = { now: performance.now() / 1e3, ...stat() };
		return at.usage_usec - begin.usage_usec > 3e6 && at.nr_throttled - begin.nr_throttled > 10 && at;
	}, { limit: 100_000, what: 'it has used three seconds' });
	// As for a single one: see limits.test.js.
	assert.ok((end.usage_usec - begin.usage_usec) / 1e6 < 1.5 * 0.3 * (end.now - begin.now) + 2);
});
