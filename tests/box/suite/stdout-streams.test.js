// SPDX-License-Identifier: Apache-2.0
//
// journald takes 4,096 streams of stdout and stderr, and refuses the next one without a word to who
// writes. An indexer needs none, neither while it starts nor while it runs.
'use strict';

const fs = require('node:fs');
const net = require('node:net');
const { assert, call, later, lines, project, run, sh, test, unit, until } = require('./lib');

const SOCKET = '/run/systemd/journal/stdout';
const STREAMS_MAX = 4096;

// Connections that journald has accepted on its stream socket.
const held = () => fs.readFileSync('/proc/net/unix', 'utf8').split('\n')
	.filter((line) => line.endsWith(` ${SOCKET}`) && line.split(/\s+/)[5] === '03').length;

const create = (indexer_id, files, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project(files), ...indexer },
});

const LEVELS = '#!/bin/sh\necho "<3>bad"\necho "<4>odd" >&2\necho good\nexec sleep infinity\n';
const RECORDS = [['bad', 'LOG_LEVEL_ERROR'], ['good', 'LOG_LEVEL_INFO'], ['odd', 'LOG_LEVEL_WARNING']];

async function logs(id, n) {
	const source = lines({ parent: `indexers/${id}` });
	const records = await source.take(n);
	source.cancel();
	return records.map((r) => [r.content, r.level]).sort();
}

// Takes all the streams that journald has left. It shuts down its side of each: that is not their end.
async function exhaust() {
	const sockets = [];
	later(async () => {
		for (const socket of sockets)
			socket.destroy();
		await until(() => held() < STREAMS_MAX / 2, { limit: 60_000 });
	});
	for (let i = 0; i < STREAMS_MAX; i += 64)
		await Promise.all(Array.from({ length: 64 }, () => new Promise((resolve, reject) => {
			const socket = net.connect({ path: SOCKET, allowHalfOpen: true }, resolve);
			socket.on('error', reject);
			sockets.push(socket);
		})));
	await until(() => held() === STREAMS_MAX, { what: 'all are held' });
}

// Lines of a unit that writes to the journal by stdout, as units do. With nobody to read it, the writer may
// fail.
function plain(name) {
	sh(`systemd-run -q --wait --unit=${name} sh -c 'echo "<3>plain line"'`);
	run('journalctl --sync');
	return sh(`journalctl -q -o cat -t sh -u ${name}`).stdout;
}

test('an indexer that runs holds no stream', async () => {
	run('systemd-run -q --unit=holds sleep infinity');
	later(() => run('systemctl stop holds.service'));
	await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => create(id, { 'main.sh': LEVELS })));
	for (const id of ['a', 'b', 'c', 'd', 'e'])
		assert.deepEqual(await logs(id, 3), RECORDS, id);
	// journald notes whose a stream is.
	const holders = run("sed -nE 's/^UNIT=(indexer-.*|holds.service)/\\1/p' /run/systemd/journal/streams/*");
	assert.equal(holders.split('\n').sort().filter((name, i, names) => name !== names[i - 1]).join(), 'holds.service');
});

test('where others hold all streams, lines have their levels all the same', async () => {
	assert.equal(plain('before'), 'plain line\n');
	await exhaust();
	assert.equal(plain('refused'), '');
	await create('full', { 'main.sh': LEVELS });
	assert.deepEqual(await logs('full', 3), RECORDS);
	const at = (priority) => sh(`journalctl -q -o cat -u ${unit('full')} -t full PRIORITY=${priority}`).stdout;
	assert.deepEqual([3, 4, 6].map(at), ['bad\n', 'odd\n', 'good\n']);
});

test('and what indexer-exec has to complain about is in the journal of the unit', async () => {
	await exhaust();
	await create('lost', { 'main.sh': '#!/no/such/interpreter\n' }, { restart: { policy: 'POLICY_NEVER' } });
	const [[content, level]] = await logs('lost', 1);
	assert.match(content, /^cannot execute .*main\.sh: the interpreter that it names does not exist$/);
	assert.equal(level, 'LOG_LEVEL_ERROR');
	assert.equal(run(`journalctl -q -o cat -p err -t lost -u ${unit('lost')}`), content);
});
