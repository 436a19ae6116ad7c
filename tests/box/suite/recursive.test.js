// SPDX-License-Identifier: Apache-2.0
//
// StreamLogs with recursive: an indexer and all below it, also those born later, in the journal's
// order; what each of them has lost; and nothing of anybody else, whatever they write.
'use strict';

const fs = require('node:fs');
const path = require('node:path');
const { assert, call, lines, project, refused, restart, run, sh, stream, test, unit, until } = require('./lib');

// Prints the lines that say() gives it; those that begin with a tab are records that it writes to the
// journal by itself. It stays: whose such a record is, journald learns from the process.
const TOLD = `#!/usr/bin/python3
import os, socket, time
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
source = os.environ["STATE_DIRECTORY"] + "/say"
while True:
    if os.path.exists(source):
        for line in open(source):
            if line[0] == "\\t":
                journal.sendto(line[1:].replace(" ", "\\n").encode(), "/run/systemd/journal/socket")
            else:
                print(line, end="", flush=True)
        os.remove(source)
    time.sleep(0.02)
`;
const native = (...fields) => `\t${fields.join(' ')}`;

const create = (indexer_id, spawned_by = '', main = TOLD) => call('CreateIndexer', {
	indexer_id, indexer: {
		runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': main }),
		spawned_by: spawned_by && `indexers/${spawned_by}`,
	},
});
const remove = (id) => call('DeleteIndexer', { name: `indexers/${id}` });

// Has an indexer write lines and records, and waits until the journal has these.
async function say(id, ...what) {
	const file = `/var/lib/private/indexers/${id}/say`;
	const stored = () => Number(run(`journalctl -q -o cat _SYSTEMD_UNIT=${unit(id)} | wc -l`));
	const before = stored();
	await until(() => fs.existsSync(path.dirname(file)));
	fs.writeFileSync(`${file}.new`, what.map((line) => `${line}\n`).join(''), { mode: 0o644 });
	fs.renameSync(`${file}.new`, file);
	await until(() => stored() >= before + what.length);
}

const short = ({ indexer, event, content, lost, level }) => `${indexer.slice('indexers/'.length)} ` +
	(event === 'LOG_EVENT_UNSPECIFIED' ? `${level.slice('LOG_LEVEL_'.length)} ${content}` :
		`${event.slice('LOG_EVENT_'.length)}${lost ? ` ${lost}` : ''}`);

const all = (request) => stream('StreamLogs', { no_follow: true, recursive: true, ...request }).rest();
const shorts = async (request) => (await all(request)).map(short);

// Takes what a follower gets until it has the record.
async function take(follower, last) {
	const records = [];
	while (records.length === 0 || short(records.at(-1)) !== last)
		records.push(await follower.next());
	return records;
}

const follow = (request) => stream('StreamLogs', { recursive: true, ...request });

test('a tree of three levels, with who is born and deleted meanwhile: live, stored, and behind any cursor', async () => {
	await create('outside');
	await create('top');
	const parent = 'indexers/top';
	const follower = follow({ parent });
	await take(follower, 'top STARTED');
	await say('top', 'one', '<4>two');
	await create('left', 'top');
	await create('leaf', 'left');
	await say('leaf', '<3>three');
	await say('outside', 'not here');
	await create('right', 'top');
	await say('right', 'four');
	await say('left', 'five');
	await remove('left');
	await say('right', 'six');
	await create('left', 'top');
	await say('left', 'seven');
	await call('StopIndexer', { name: 'indexers/right' });
	const want = ['top STARTED', 'top INFO one', 'top WARNING two', 'left STARTED', 'leaf STARTED', 'leaf ERROR three',
		'right STARTED', 'right INFO four', 'left INFO five', 'leaf EXITED', 'leaf DELETED', 'left EXITED', 'left DELETED',
		'right INFO six', 'left STARTED', 'left INFO seven', 'right EXITED'];
	// What is deleted at once, child and parent, ends in any order.
	const sorted = (list) => [...list.slice(0, 9), ...list.slice(9, 13).sort(), ...list.slice(13)];
	const live = [want[0], ...(await take(follower, want.at(-1))).map(short)];
	assert.deepEqual(sorted(live), sorted(want));
	assert.ok(live.indexOf('leaf EXITED') < live.indexOf('leaf DELETED') && live.indexOf('leaf DELETED') < live.indexOf('left DELETED'));

	for (const daemon of ['the same', 'another one']) {
		const records = await all({ parent });
		assert.deepEqual(records.map(short), live, daemon);
		for (const [i, { time }] of records.entries())
			assert.ok(i === 0 || time.seconds * 1e9 + time.nanos >= records[i - 1].time.seconds * 1e9 + records[i - 1].time.nanos);
		assert.equal(new Set(records.map((r) => r.cursor)).size, records.length);
		for (const [i, { cursor }] of records.entries()) {
			assert.deepEqual(await shorts({ parent, cursor }), live.slice(i + 1), `${daemon}, behind ${live[i]}`);
			const behind = follow({ parent, cursor });
			if (i + 1 < live.length)
				assert.deepEqual((await behind.take(live.length - i - 1)).map(short), live.slice(i + 1));
			behind.cancel();
		}
		for (const [level, least] of [['ERROR', /^\S+ (?!INFO|WARNING)/], ['WARNING', /^\S+ (?!INFO)/]]) {
			const part = live.filter((r) => least.test(r));
			const some = await all({ parent, level: `LOG_LEVEL_${level}` });
			assert.deepEqual(some.map(short), part, `${daemon}, ${level}`);
			for (const [i, { cursor }] of some.entries())
				assert.deepEqual(await shorts({ parent, level: `LOG_LEVEL_${level}`, cursor }), part.slice(i + 1));
		}
		// A tail is of the lines of all; events do not count.
		assert.deepEqual(await shorts({ parent, tail: 3 }), live.slice(live.indexOf('left INFO five')));
		assert.deepEqual(await shorts({ parent, since: records[8].time }), live.slice(8));
		if (daemon === 'the same') {
			follower.cancel();
			await restart();
		}
	}
	// A part of the tree is a tree; and without recursive there is the one alone.
	assert.deepEqual(await shorts({ parent: 'indexers/left' }), ['left STARTED', 'left INFO seven']);
	assert.deepEqual(await shorts({ parent, recursive: false }), ['top STARTED', 'top INFO one', 'top WARNING two']);
});

test('when the root goes, with all below it, each DELETED comes, the root’s last, and OK', async () => {
	await create('old');
	for (const id of ['a', 'b', 'c'])
		await create(`old-${id}`, 'old');
	await create('old-c-c', 'old-c');
	const followers = ['UNKNOWN', 'ERROR'].map((level) => follow({ parent: 'indexers/old', level: `LOG_LEVEL_${level}` }));
	for (const follower of followers)
		await take(follower, 'old-c-c STARTED');
	await remove('old');
	for (const follower of followers) {
		const rest = (await take(follower, 'old DELETED')).map(short);
		assert.equal(await follower.next(), null);
		const ids = ['old', 'old-a', 'old-b', 'old-c', 'old-c-c'];
		assert.deepEqual([...rest].sort(), ids.flatMap((id) => [`${id} DELETED`, `${id} EXITED`]).sort());
		for (const id of ids)
			assert.ok(rest.indexOf(`${id} EXITED`) < rest.indexOf(`${id} DELETED`), id);
	}
});

test('of a large tree that is deleted at once each exit is told as a stop, to any stream', async () => {
	const N = 80;
	const main = '#!/bin/sh\nexec sleep infinity\n';
	await create('large', '', main);
	await Promise.all(Array.from({ length: N }, (_, i) => create(`large-${i}`, 'large', main)));
	const parent = 'indexers/large';
	const tree = follow({ parent });
	const alone = ['large', 'large-0', `large-${N - 1}`].map((id) => stream('StreamLogs', { parent: `indexers/${id}` }));
	await tree.take(N + 1);
	for (const follower of alone)
		await follower.take(1);
	await remove('large');
	const told = async (follower) => (await follower.rest()).map(({ indexer, event, content }) =>
		`${indexer} ${event.slice('LOG_EVENT_'.length)} ${content}`);
	const ends = (name) => [`${name} EXITED stopped`, `${name} DELETED deleted`];
	const names = [parent, ...Array.from({ length: N }, (_, i) => `indexers/large-${i}`)];
	assert.deepEqual((await told(tree)).sort(), names.flatMap(ends).sort());
	for (const [i, id] of [0, 1, N].entries())
		assert.deepEqual(await told(alone[i]), ends(names[id]));
}, { limit: 240_000 });

test('nobody gets into another one’s tree by what they write', async () => {
	const { uid } = await create('honest');
	const child = await create('honest-child', 'honest');
	const evil = await create('evil');
	const short_lived = await create('short-lived');
	await remove('short-lived');
	const message_id = await until(() => sh(`journalctl -q -o json _SYSTEMD_UNIT=indexerd.service INDEXER_UID=${short_lived.uid}`)
		.stdout.match(/"MESSAGE_ID" ?: ?"([0-9a-f]{32})"/)?.[1]);
	const forgeries = [
		[`INDEXER_TREE=${uid}`],
		[`INDEXER_TREE=${uid}`, `INDEXER_LINEAGE=${uid}/${evil.uid}`],
		[`INDEXER_TREE=${uid}`, `INDEXER_LINEAGE=${uid}`, `INDEXER_UID=${uid}`, 'INDEXER_ID=honest'],
		[`INDEXER_TREE=${uid}`, `INDEXER_LINEAGE=${uid}/${child.uid}`, `INDEXER_UID=${child.uid}`, 'INDEXER_ID=honest-child',
			`MESSAGE_ID=${message_id}`],
		['INDEXER_ID=honest-child', `INDEXER_TREE=${uid}`],
	];
	const follower = follow({ parent: 'indexers/honest' });
	for (const fields of forgeries) {
		run(`printf '%s\\n' MESSAGE=forged ${fields.join(' ')} | logger --journald`); // root, from no indexer
		await say('evil', native('MESSAGE=forged', ...fields));
	}
	await say('evil', 'done');
	await say('honest-child', native('MESSAGE=forged', 'INDEXER_ID=honest'),
		native('MESSAGE=forged', `INDEXER_LINEAGE=${uid}`), 'true');
	const want = ['honest STARTED', 'honest-child STARTED', 'honest-child INFO true'];
	assert.deepEqual((await take(follower, want.at(-1))).map(short), want);
	assert.deepEqual(await shorts({ parent: 'indexers/honest' }), want);
	assert.deepEqual(await shorts({ parent: 'indexers/honest', level: 'LOG_LEVEL_ERROR' }), want.slice(0, 2));
	// They are there, and its own stream shows what is not about somebody else.
	assert.ok(sh(`journalctl -q -o cat INDEXER_TREE=${uid}`).stdout.split('forged').length > forgeries.length);
	assert.deepEqual(await shorts({ parent: 'indexers/evil' }), ['evil STARTED', 'evil INFO forged', 'evil INFO done']);
});

test('a cursor holds for the kind of stream that it is of', async () => {
	await create('kind');
	await say('kind', 'here');
	const parent = 'indexers/kind';
	for (const recursive of [true, false]) {
		const { cursor } = (await all({ parent, recursive })).at(-1);
		const error = await refused(stream('StreamLogs', { parent, cursor, recursive: !recursive }).next(),
			'INVALID_ARGUMENT', /recursive/);
		assert.equal(error.reason, 'CURSOR_INVALID');
		assert.equal(error.info.BadRequest[0].field_violations[0].field, 'cursor');
	}
});

// A program may number lines of its own: so there are gaps wherever they are wanted.
const numbered = (n) => native(`MESSAGE=n${n}`, `INDEXER_LINE=${n}`);

test('what is lost is counted for each, also where a stream goes on behind a cursor of another one', async () => {
	await create('loser');
	const parent = 'indexers/loser';
	const follower = follow({ parent });
	for (const id of ['loser-a', 'loser-b'])
		await create(id, 'loser');
	const want = ['loser STARTED', 'loser-a STARTED', 'loser-b STARTED'];
	const then = async (id, n, ...records) => {
		await say(id, numbered(n));
		want.push(...records.map((r) => `${id} ${r}`));
	};
	await then('loser-a', 1, 'INFO n1');
	await then('loser-b', 4, 'LOST 3', 'INFO n4');
	await then('loser', 1, 'INFO n1');
	await then('loser-a', 2, 'INFO n2');
	await then('loser-b', 5, 'INFO n5');
	await then('loser-a', 9, 'LOST 6', 'INFO n9');
	await then('loser-b', 6, 'INFO n6');
	await then('loser', 3, 'LOST 1', 'INFO n3');
	assert.deepEqual((await take(follower, want.at(-1))).map(short), want);
	const records = await all({ parent });
	assert.deepEqual(records.map(short), want);
	for (const [i, { cursor }] of records.entries()) {
		assert.deepEqual(await shorts({ parent, cursor }), want.slice(i + 1), `behind ${want[i]}`);
		const behind = follow({ parent, cursor });
		if (i + 1 < want.length)
			assert.deepEqual((await behind.take(want.length - i - 1)).map(short), want.slice(i + 1));
		behind.cancel();
	}
	// Before since and tail nothing is known.
	assert.deepEqual(await shorts({ parent, tail: 2 }), ['loser-b INFO n6', 'loser INFO n3']);
});

test('fifty that write at once: each number of each of them once, and in its order', async () => {
	const N = 50, LINES = 2000;
	await create('crowd');
	const parent = 'indexers/crowd';
	const followers = [follow({ parent }), follow({ parent, level: 'LOG_LEVEL_ERROR' })];
	const main = `#!/bin/bash\nwhile [ ! -e /run/crowd-go ]; do sleep 0.05; done\n` +
		`for ((i = 1; i <= ${LINES}; i++)); do ((i % 10)) && echo "$i" || echo "<3>$i"; done\nexec sleep infinity\n`;
	const source = project({ 'main.sh': main });
	await Promise.all(Array.from({ length: N }, (_, i) => call('CreateIndexer', {
		indexer_id: `crowd-${i}`,
		indexer: { runtime: 'exec', script: 'main.sh', project_source: source, spawned_by: i < 10 ? parent : `${parent}-${i % 10}` },
	})).sort());
	const cuts = [];
	async function check(next, step, cut) {
		const last = new Map();
		for (let done = 0; done < N;) {
			const record = await next();
			if (record.event !== 'LOG_EVENT_UNSPECIFIED') {
				assert.equal(record.event, 'LOG_EVENT_STARTED', short(record));
				continue;
			}
			const number = Number(record.content);
			assert.equal(number, (last.get(record.indexer) ?? 0) + step, record.indexer);
			last.set(record.indexer, number);
			done += number === LINES;
			if (cut && number % 500 === 0)
				cuts.push({ cursor: record.cursor, last: new Map(last) });
		}
		assert.equal(last.size, N);
	}
	fs.writeFileSync('/run/crowd-go', '');
	await Promise.all([check(() => followers[0].next(30_000), 1, true), check(() => followers[1].next(30_000), 10)]);
	await check(((source) => () => source.next())(stream('StreamLogs', { parent, recursive: true, no_follow: true })), 1);
	for (const cut of cuts.filter((_, i) => i % 20 === 7)) {
		const left = new Map(cut.last);
		const rest = lines({ parent, recursive: true, no_follow: true, cursor: cut.cursor });
		for (let record; (record = await rest.next()) !== null;) {
			assert.equal(Number(record.content), (left.get(record.indexer) ?? 0) + 1, record.indexer);
			left.set(record.indexer, Number(record.content));
		}
		assert.equal(left.size, N);
		assert.ok([...left.values()].every((n) => n === LINES));
	}
	fs.rmSync('/run/crowd-go');
}, { limit: 240_000 });
