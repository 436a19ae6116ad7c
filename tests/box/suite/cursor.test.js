// SPDX-License-Identifier: Apache-2.0
//
// StreamLogs with a cursor: it goes on after the record that carried it, over restarts of the client,
// the daemon and journald, and over rotation; and it is refused where it does not belong.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, refused, run, served, show, stored, stream, test } = require('./lib');

const create = (indexer_id, main) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': main }) },
});
const isLine = (record) => record.event === 'LOG_EVENT_UNSPECIFIED';

const all = (request) => stream('StreamLogs', { no_follow: true, ...request }).rest();

test('each record has a cursor of its own, and a stream goes on behind any of them', async () => {
	// Lines of one write are taken in at one moment: they differ in nothing but their number.
	await create('many', '#!/bin/bash\nseq 300\necho "<3>bad"\necho end\nexec sleep infinity\n');
	await stored('many', 'end');
	const records = await all({ parent: 'indexers/many' });
	assert.equal(new Set(records.map((r) => r.cursor)).size, records.length);
	for (const [i, { cursor }] of records.entries()) {
		if (i % 7 && i < records.length - 4)
			continue;
		const rest = await all({ parent: 'indexers/many', cursor });
		assert.deepEqual(rest.map((r) => r.content), records.slice(i + 1).map((r) => r.content), String(i));
	}
	const { cursor } = records[100];
	const errors = await all({ parent: 'indexers/many', cursor, level: 'LOG_LEVEL_ERROR' });
	assert.deepEqual(errors.filter(isLine).map((r) => r.content), ['bad']);
});

test('it outlives the client, the daemon, journald and the journal’s files', async () => {
	await create('long', '#!/bin/bash\nfor ((i = 0; ; i++)); do echo "n $i"; sleep 0.002; done\n');
	const blows = ['true', 'systemctl restart indexerd', 'journalctl -q --rotate',
		'systemctl reset-failed systemd-journald; systemctl restart systemd-journald', 'systemctl kill -s KILL indexerd',
		'systemctl kill -s KILL systemd-journald'];
	let next = 0;
	let cursor = '';
	for (const blow of [...blows, ...blows]) {
		const source = stream('StreamLogs', { parent: 'indexers/long', cursor });
		const records = await source.take(300, 30_000);
		source.cancel();
		for (const record of records) {
			// What a journald that is killed has in its hands is gone, and counted.
			if (record.event === 'LOG_EVENT_LOST')
				next += record.lost;
			else if (isLine(record))
				assert.equal(record.content, `n ${next++}`);
		}
		cursor = records.at(-1).cursor;
		run(blow);
		await served();
	}
	assert.ok(next > 12 * 290, String(next));
});

test('a stream that goes on waits for descriptors; one that begins is told that there are none', async () => {
	await create('scarce', '#!/bin/bash\nseq 3\nexec sleep infinity\n');
	await stored('scarce', '3');
	const parent = 'indexers/scarce';
	const [first] = (await all({ parent })).filter(isLine);
	const pid = show('indexerd.service', 'MainPID').MainPID;
	const limit = (n) => run(`prlimit --pid=${pid} --nofile=${n}:`);
	const before = run(`prlimit --pid=${pid} --nofile --output=SOFT --noheadings`).trim();
	later(() => limit(before));
	limit(fs.readdirSync(`/proc/${pid}/fd`).length);
	const waiting = stream('StreamLogs', { parent, cursor: first.cursor });
	await refused(all({ parent }), 'UNAVAILABLE', /the journal cannot be read: Too many open files/);
	limit(before);
	assert.deepEqual((await waiting.take(2)).map((r) => r.content), ['2', '3']);
	waiting.cancel();
});

test('a cursor of another indexer, or of an earlier one of the name, is refused', async () => {
	const main = '#!/bin/sh\necho here\nexec sleep infinity\n';
	for (const id of ['mine', 'yours']) {
		await create(id, main);
		await stored(id, 'here');
	}
	const { cursor } = (await all({ parent: 'indexers/mine' })).find(isLine);
	const refuse = async (request, words) => {
		const error = await refused(stream('StreamLogs', request).next(), 'INVALID_ARGUMENT', words);
		assert.equal(error.info.BadRequest[0].field_violations[0].field, 'cursor');
		return error.reason;
	};
	assert.equal(await refuse({ parent: 'indexers/yours', cursor }, /another indexer/), 'CURSOR_INVALID');
	await call('DeleteIndexer', { name: 'indexers/mine' });
	await create('mine', main);
	assert.equal(await refuse({ parent: 'indexers/mine', cursor }, /another indexer/), 'CURSOR_INVALID');
	assert.equal(await refuse({ parent: 'indexers/mine', cursor: `${cursor}A` }, /cursor/), 'CURSOR_INVALID');
	assert.equal(await refuse({ parent: 'indexers/mine', cursor, tail: 1 }, /tail/), 'CURSOR_NOT_ALONE');
});
