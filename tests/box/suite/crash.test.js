// SPDX-License-Identifier: Apache-2.0
//
// kill -9 of the daemon at any moment: what was acknowledged is there, once, and runs undisturbed. And
// what else comes at the worst moment: PID 1 that executes itself anew, everybody at the same ids.
'use strict';

const { assert, call, project, run, served, sh, show, sleep, test, unit, until } = require('./lib');

const SLEEPER = '#!/bin/sh\necho "started"\nexec sleep infinity\n';
const ROUNDS = 12;
const AT_ONCE = 12;

const kill = () => sh('systemctl kill -s KILL --kill-whom=main indexerd.service');

async function list() {
	const indexers = [];
	for (let page_token = ''; ;) {
		const page = await call('ListIndexers', { page_size: 1000, page_token });
		indexers.push(...page.indexers);
		if (!(page_token = page.next_page_token))
			return indexers;
	}
}

test('creates under kill -9: acknowledged ones are there, run, were started once', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const acknowledged = new Map();
	for (let round = 0; round < ROUNDS; round++) {
		const calls = Array.from({ length: AT_ONCE }, (_, i) => `k-${round}-${i}`).map((id) =>
			call('CreateIndexer', {
				indexer_id: id, indexer: { runtime: 'exec', script: 'main.sh', project_source },
			}, { deadline: 10_000 }).then((made) => acknowledged.set(id, made), () => {}));
		// The moment differs from round to round, by design: by time, or by what is acknowledged.
		const before = acknowledged.size;
		if (round % 2)
			await until(() => acknowledged.size > before + (round >> 1), { limit: 9_000 });
		else
			await sleep(round * 40);
		kill();
		await Promise.all(calls);
		await served();
	}
	assert.ok(acknowledged.size > 0, 'some were acknowledged');
	await until(async () => (await list()).every((i) => i.status.state === 'STATE_RUNNING'), { limit: 30_000 });
	const there = new Map((await list()).map((i) => [i.name.split('/')[1], i]));
	for (const [id, made] of acknowledged) {
		assert.equal(there.get(id)?.uid, made.uid, id);
		if (made.status.main_pid)
			assert.equal(there.get(id).status.main_pid, made.status.main_pid, `${id} was touched`);
	}
	for (const [id, indexer] of there) {
		assert.equal(show(unit(id), 'NRestarts').NRestarts, '0');
		const starts = sh(`journalctl -q -o cat INDEXER_UID=${indexer.uid} --grep '^started$' | wc -l`).stdout.trim();
		assert.equal(starts, '1', `${id} started ${starts} times`);
	}
	const units = run('systemctl list-units --plain --no-legend "indexer-k-*.service" | wc -l');
	assert.equal(Number(units), there.size);
	await Promise.all([...there.keys()].map((id) => call('DeleteIndexer', { name: `indexers/${id}` })));
}, { limit: 200_000 });

test('a delete under kill -9 is finished', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	for (let round = 0; round < 6; round++) {
		for (let i = 0; i < 6; i++)
			await call('CreateIndexer', {
				indexer_id: `d-${i}`,
				indexer: { runtime: 'exec', script: 'main.sh', project_source, spawned_by: i ? `indexers/d-${i >> 1}` : '' }
			}).catch((error) => assert.fail(`${round} ${i}: ${error.message}`));
		const gone = call('DeleteIndexer', { name: 'indexers/d-0' }, { deadline: 20_000 }).catch(() => {});
		await sleep(10 + round * 40);
		kill();
		await gone;
		await served();
		await until(async () => {
			const left = await list();
			const begun = left.filter((i) => i.status.state === 'STATE_DELETING');
			return begun.length === 0;
		}, { limit: 30_000, what: 'no tombstone is left' });
		if ((await list()).length > 0) // the kill came before the tombstone: nothing was begun
			await call('DeleteIndexer', { name: 'indexers/d-0' });
		assert.equal(run('systemctl list-units --all --plain --no-legend "indexer-d-*.service" | wc -l'), '0');
		assert.equal(run('ls /var/lib/private/indexers | wc -l'), '0');
	}
});

test('daemon-reexec under creates: each runs, and is started once', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const ids = Array.from({ length: 40 }, (_, i) => `r-${i}`);
	// While the new PID 1 is not on the bus yet, the answer is UNAVAILABLE: call again.
	const create = (indexer_id) => call('CreateIndexer', {
		indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source },
	}).catch(async (error) => {
		assert.equal(error.code, 14, error.message);
		await sleep(200);
		return create(indexer_id);
	});
	const calls = ids.map(create);
	for (let i = 0; i < 4; i++)
		run('systemctl daemon-reexec');
	const made = await Promise.all(calls);
	await until(async () => (await list()).every((i) => i.status.state === 'STATE_RUNNING'), { limit: 30_000 });
	for (const { uid } of made)
		assert.equal(run(`journalctl -q -o cat INDEXER_UID=${uid} --grep '^started$' | wc -l`), '1');
});

test('creates and deletes of the same few ids by many callers at once', async () => {
	const project_source = project({ 'main.sh': SLEEPER });
	const daemon = show('indexerd.service', 'MainPID').MainPID;
	const expected = new Set([4 /* DEADLINE_EXCEEDED */, 5 /* NOT_FOUND */, 10 /* ABORTED */]);
	const unexpected = [];
	const worker = async (seed) => {
		for (let step = 0; step < 12; step++) {
			const id = `storm-${(seed * 7 + step * 5) % 15}`;
			const way = (seed + step) % 3 ? 'CreateIndexer' : 'DeleteIndexer';
			const request = way === 'DeleteIndexer' ? { name: `indexers/${id}` } : {
				indexer_id: id, indexer: { runtime: 'exec', script: 'main.sh', project_source },
			};
			await call(way, request, { deadline: 20_000 }).catch((error) =>
				expected.has(error.code) || unexpected.push(`${way} ${id}: ${error.message}`));
		}
	};
	await Promise.all(Array.from({ length: 50 }, (_, seed) => worker(seed)));
	assert.deepEqual(unexpected, []);
	const settled = await until(async () => {
		const left = (await list()).filter((i) => i.name.startsWith('indexers/storm-'));
		return left.every((i) => i.status.state === 'STATE_RUNNING') && { left };
	}, { limit: 60_000 });
	const units = run('systemctl list-units --plain --no-legend "indexer-storm-*.service" | wc -l');
	assert.equal(Number(units), settled.left.length);
	assert.equal(run('ls /var/lib/private/indexers | wc -l'), String(settled.left.length));
	assert.equal(show('indexerd.service', 'MainPID').MainPID, daemon, 'the daemon is the same');
});
