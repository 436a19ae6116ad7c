// SPDX-License-Identifier: Apache-2.0
//
// ListIndexers under filters: what passes, in pages, by the registry's indexes and by the snapshot;
// and where a filter is wrong.
'use strict';

const { assert, call, project, refused, test, until } = require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';

async function list(filter, page_size = 0) {
	const ids = [];
	for (let page_token = ''; ;) {
		const page = await call('ListIndexers', { filter, page_size, page_token });
		ids.push(...page.indexers.map((i) => i.name.split('/')[1]));
		if (!(page_token = page.next_page_token))
			return ids;
	}
}

async function population() {
	const project_source = project({ 'main.sh': SLEEPER, 'once.sh': '#!/bin/sh\nexit 0\n', 'bad.sh': '#!/bin/sh\nexit 78\n' });
	const make = (indexer_id, indexer = {}) =>
		call('CreateIndexer', { indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source, ...indexer } });
	await make('factory', { labels: { team: 'red', kind: 'factory' } });
	for (let i = 0; i < 6; i++)
		await make(`child-${i}`, {
			spawned_by: 'indexers/factory', labels: { team: i % 2 ? 'blue' : 'red', 'a/b': String(i) },
		});
	await make('once', { script: 'once.sh', restart: { policy: 'POLICY_NEVER' }, labels: { team: 'green' } });
	await make('bad', { script: 'bad.sh' });
	const settled = (indexer) => indexer.status.state ===
		({ 'indexers/bad': 'STATE_FAILED', 'indexers/once': 'STATE_STOPPED' }[indexer.name] || 'STATE_RUNNING');
	await until(async () => (await call('ListIndexers', {})).indexers.every(settled));
}

const children = (...n) => n.map((i) => `child-${i}`);
const ROWS = [
	['', ['bad', ...children(0, 1, 2, 3, 4, 5), 'factory', 'once']],
	['labels.team = "red"', [...children(0, 2, 4), 'factory']],
	['labels.team = red AND spawned_by = "indexers/factory"', children(0, 2, 4)],
	['labels.team:*', [...children(0, 1, 2, 3, 4, 5), 'factory', 'once']],
	['labels:team', [...children(0, 1, 2, 3, 4, 5), 'factory', 'once']],
	['labels."a/b" > "3"', children(4, 5)],
	['spawned_by = "indexers/factory"', children(0, 1, 2, 3, 4, 5)],
	['spawned_by = ""', ['bad', 'factory', 'once']],
	['name = "indexers/child-*"', children(0, 1, 2, 3, 4, 5)],
	['NOT name = "indexers/child-*"', ['bad', 'factory', 'once']],
	['-labels:team', ['bad']],
	['labels.team != red', ['bad', ...children(1, 3, 5), 'once']],
	['status.state = FAILED', ['bad']],
	['status.state = STATE_STOPPED OR status.state = FAILED', ['bad', 'once']],
	['status.state = RUNNING AND labels.team = blue', children(1, 3, 5)],
	['script = "once.sh"', ['once']],
	['runtime = exec labels.kind = factory', ['factory']],
	['labels.team = (red OR green) AND NOT spawned_by:*', ['factory', 'once']],
	['create_time > "2020-01-01T00:00:00Z" AND labels.kind:*', ['factory']],
	['create_time < "2020-01-01T00:00:00Z"', []],
	['labels.team = nobody', []],
];

test('what passes, whole and in pages of two', async () => {
	await population();
	for (const [filter, ids] of ROWS) {
		assert.deepEqual(await list(filter), ids, filter);
		assert.deepEqual(await list(filter, 2), ids, `${filter}, in pages`);
	}
});

test('a page token belongs to its filter, however that is spelled', async () => {
	await population();
	const first = await call('ListIndexers', { filter: 'labels.team = "red"', page_size: 2 });
	assert.ok(first.next_page_token);
	const next = await call('ListIndexers', {
		filter: ' ( labels.team="red" ) ', page_size: 2, page_token: first.next_page_token,
	});
	assert.deepEqual(next.indexers.map((i) => i.name), ['indexers/child-4', 'indexers/factory']);
	await refused(call('ListIndexers', { filter: 'labels.team = blue', page_token: first.next_page_token }),
		'INVALID_ARGUMENT', /page_token/);
});

test('a change of labels and of state changes what passes', async () => {
	await population();
	await call('UpdateIndexer', {
		indexer: { name: 'indexers/child-1', labels: { team: 'red' } }, update_mask: { paths: ['labels.team'] },
	});
	assert.deepEqual(await list('labels.team = red'), [...children(0, 1, 2, 4), 'factory']);
	await call('StopIndexer', { name: 'indexers/child-1' });
	assert.deepEqual(await list('labels.team = red AND status.state = STOPPED'), children(1));
});

test('a wrong filter is refused with its column', async () => {
	const rows = [
		['labels.team = ', /column 15/], ['colour = red', /column 1\b.*colour/], ['(script = a', /column/],
		['status.state = WALKING', /column 16.*WALKING/], ['create_time > yesterday', /column 15/],
		['x'.repeat(9000), /8192/], ['f(x)', /function/], ['('.repeat(40) + 'script = a' + ')'.repeat(40), /column 17/],
	];
	for (const [filter, words] of rows)
		await refused(call('ListIndexers', { filter }), 'INVALID_ARGUMENT', words);
	await call('ListIndexers', { filter: Array(100).fill('script = "*zz*"').join(' OR ') });
});
