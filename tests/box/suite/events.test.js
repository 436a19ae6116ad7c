// SPDX-License-Identifier: Apache-2.0
//
// The records of StreamLogs that are no lines: STARTED, EXITED, LOST and DELETED, in their place.
'use strict';

const fs = require('node:fs');
const { assert, call, project, run, sh, stored, stream, test, until } = require('./lib');

const create = (indexer_id, main, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': main }), ...indexer },
});

// A record in short: a line's content, or an event with what it says.
const short = (r) => {
	if (r.event === 'LOG_EVENT_UNSPECIFIED')
		return r.content;
	assert.equal(r.level, 'LOG_LEVEL_UNKNOWN');
	assert.ok(r.cursor && r.time.seconds > 0 && r.indexer);
	return r.event.replace('LOG_EVENT_', '') + (r.lost ? ` ${r.lost}` : r.content ? `: ${r.content}` : '');
};

// Without what indexer-exec says of its waits between two runs.
const all = async (request) => (await stream('StreamLogs', { no_follow: true, ...request }).rest())
	.filter((r) => !/^Waiting \d/.test(r.content));
const shorts = async (request) => (await all(request)).map(short);

const NEVER = { restart: { policy: 'POLICY_NEVER' } };

test('an invocation’s beginning and end stand around its lines, with code and reason', async () => {
	for (const [id, last, want] of [
		['zero', 'exit 0', 'exited with code 0'], ['three', 'exit 3', 'exited with code 3'],
		['killed', 'kill -KILL $$', 'killed by SIGKILL'], ['odd', 'exit 78', 'exited with code 78 (configuration)'],
	]) {
		await create(id, `#!/bin/bash\nseq 200\n${last}\n`, NEVER);
		await until(async () => (await shorts({ parent: `indexers/${id}` })).at(-1).startsWith('EXITED'));
		const records = await shorts({ parent: `indexers/${id}` });
		assert.equal(records[0], 'STARTED: started', id);
		assert.deepEqual(records.slice(1, -1), Array.from({ length: 200 }, (_, i) => String(i + 1)), id);
		assert.equal(records.at(-1), `EXITED: ${want}`, id);
	}
});

test('a program that cannot be run has both, too', async () => {
	const source = project({ 'main.sh': '#!/no/such/interpreter\n' });
	await call('CreateIndexer', {
		indexer_id: 'unrun', indexer: { runtime: 'exec', script: 'main.sh', project_source: source, ...NEVER },
	});
	await until(async () => (await shorts({ parent: 'indexers/unrun' })).some((s) => s.startsWith('EXITED')));
	const records = await shorts({ parent: 'indexers/unrun' });
	assert.equal(records[0], 'STARTED: started');
	assert.equal(records.at(-1), 'EXITED: the program cannot be executed');
});

const RESTARTING = '#!/bin/bash\necho "<3>run"\nuntil [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\n' +
	'rm "$STATE_DIRECTORY/go"\nexit 4\n';

test('a follower has them as they happen, whatever its level; stored and live agree', async () => {
	await create('again', RESTARTING);
	const follower = stream('StreamLogs', { parent: 'indexers/again', level: 'LOG_LEVEL_ERROR' });
	const want = ['STARTED: started', 'run'];
	assert.deepEqual((await follower.take(2, 10_000)).map(short), want);
	for (let i = 0; i < 3; i++) {
		fs.writeFileSync('/var/lib/private/indexers/again/go', '');
		want.push('EXITED: exited with code 4', 'STARTED: started', 'run');
		assert.deepEqual((await follower.take(3, 10_000)).map(short), want.slice(-3));
	}
	await call('StopIndexer', { name: 'indexers/again' });
	want.push('EXITED: stopped');
	assert.equal(short(await follower.next()), want.at(-1));
	for (const level of ['LOG_LEVEL_UNKNOWN', 'LOG_LEVEL_ERROR'])
		assert.deepEqual(await shorts({ parent: 'indexers/again', level }), want, level);
	const records = await all({ parent: 'indexers/again' });
	for (const [i, { cursor }] of records.entries())
		for (const level of ['LOG_LEVEL_UNKNOWN', 'LOG_LEVEL_ERROR'])
			assert.deepEqual(await shorts({ parent: 'indexers/again', level, cursor }), want.slice(i + 1), `${i} ${level}`);
	assert.deepEqual(await shorts({ parent: 'indexers/again', tail: 1 }), ['run', 'EXITED: stopped']);
	follower.cancel();
});

test('an exit is told as a stop also to a stream that begins when the stop is under way', async () => {
	await create('slow', '#!/bin/bash\nexec 2>/dev/null # bash says that its sleep was killed\n' +
		'trap "echo bye; sleep 0.3; exit 0" TERM\necho up\nwhile :; do sleep 0.05; done\n');
	await stored('slow', 'up');
	await call('StopIndexer', { name: 'indexers/slow' });
	const parent = 'indexers/slow', want = ['STARTED: started', 'up', 'bye', 'EXITED: stopped'];
	for (const recursive of [false, true]) {
		const records = await all({ parent, recursive });
		assert.deepEqual(records.map(short), want);
		for (const [i, { cursor }] of records.entries())
			assert.deepEqual(await shorts({ parent, recursive, cursor }), want.slice(i + 1), `behind ${want[i]}`);
		assert.deepEqual(await shorts({ parent, recursive, tail: 1 }), want.slice(2));
	}
});

test('DELETED is the last record, after the last line and EXITED', async () => {
	await create('gone', '#!/bin/bash\necho up\nexec sleep infinity\n');
	await stored('gone', 'up');
	const followers = ['LOG_LEVEL_UNKNOWN', 'LOG_LEVEL_ERROR'].map((level) =>
		stream('StreamLogs', { parent: 'indexers/gone', level }));
	for (const follower of followers)
		assert.equal(short(await follower.next()), 'STARTED: started');
	await call('DeleteIndexer', { name: 'indexers/gone' });
	for (const [i, follower] of followers.entries()) {
		assert.deepEqual((await follower.rest()).map(short), [...(i ? [] : ['up']), 'EXITED: stopped', 'DELETED: deleted']);
	}
});

test('an earlier indexer of the same id has other events, and other processes cannot make any', async () => {
	const main = '#!/bin/sh\necho here\nexec sleep infinity\n';
	await create('reborn', main);
	await stored('reborn', 'here');
	await call('DeleteIndexer', { name: 'indexers/reborn' });
	await create('reborn', main);
	await until(async () => (await shorts({ parent: 'indexers/reborn' })).includes('here'));
	const { status } = await call('GetIndexer', { name: 'indexers/reborn' });
	const forged = ['MESSAGE=forged', 'UNIT=indexer-reborn.service', `INVOCATION_ID=${status.invocation_id}`,
		'MESSAGE_ID=7ad2d189f7e94e70a38c781354912448'].join('\\n');
	run(`printf '${forged}\\n' | logger --journald`);
	await stored('reborn', 'here');
	await until(() => sh('journalctl -q -o cat UNIT=indexer-reborn.service').stdout.includes('forged'));
	assert.deepEqual(await shorts({ parent: 'indexers/reborn' }), ['STARTED: started', 'here']);
});

test('lines that the journal has no more are counted', async () => {
	await create('vacuum', '#!/bin/bash\nfor ((i = 1; ; i++)); do echo "n $i"; ((i % 5)) || echo "<3>e $i"; sleep 0.01; done\n');
	const parent = 'indexers/vacuum';
	const before = await all({ parent, level: 'LOG_LEVEL_UNKNOWN' });
	await until(async () => (await all({ parent })).length > before.length + 100);
	const { cursor } = (await all({ parent })).at(50);
	await until(async () => (await all({ parent })).length > 300);
	run('journalctl -q --rotate; journalctl -q --sync; journalctl -q --rotate; journalctl -q --vacuum-files=1; sleep 0.3; ' +
		'journalctl -q --sync');
	const { uid } = await call('GetIndexer', { name: parent });
	// By its own numbers in the journal: what is first there, of each level that is looked at.
	const first = (field, ...matches) => JSON.parse(run(
		`journalctl -q -o json INDEXER_UID=${uid} ${matches.join(' ')} | head -n 1`))[field];
	for (const [level, number, before] of [
		['LOG_LEVEL_UNKNOWN', first('INDEXER_LINE'), 50],
		['LOG_LEVEL_ERROR', first('INDEXER_ERRORS', 'PRIORITY=3'), Math.floor(50 / 6)], // every sixth line is one
	]) {
		const gone = Number(number) - 1;
		assert.ok(gone > before, number);
		const [lost] = await all({ parent, level });
		assert.equal(short(lost), `LOST ${gone}`, level);
		const [after] = await all({ parent, level, cursor });
		assert.equal(short(after), `LOST ${gone - before}`, level);
		assert.notEqual((await all({ parent, level, cursor: lost.cursor }))[0].event, 'LOG_EVENT_LOST');
	}
	assert.notEqual((await all({ parent, tail: 1000 }))[0].event, 'LOG_EVENT_LOST');
	assert.notEqual((await all({ parent, since: { seconds: 1 } }))[0].event, 'LOG_EVENT_LOST');
});
