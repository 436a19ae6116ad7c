// SPDX-License-Identifier: Apache-2.0
//
// StreamLogs: levels, where it begins, following, ends; and that journalctl says the same.
'use strict';

const fs = require('node:fs');
const { assert, call, lines, project, refused, run, sh, show, sleep, stored, stream, test, unit, until } = require('./lib');

const SOCKET = '/run/indexerd/indexerd.sock'; // another connection than the default one's

const create = (indexer_id, files, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project(files), ...indexer },
});

const LEVELS = '#!/bin/sh\nfor n in 0 1 2 3 4 5 6 7; do echo "<$n>priority $n"; done\necho plain\n' +
	'exec sleep infinity\n';

const all = (request) => lines({ no_follow: true, ...request }).rest();

test('each priority has its level, and level is a minimum', async () => {
	const { uid } = await create('levels', { 'main.sh': LEVELS });
	await stored('levels', 'plain');
	const records = await all({ parent: 'indexers/levels' });
	assert.deepEqual(records.map((r) => [r.content, r.level]), [
		['priority 0', 'LOG_LEVEL_ERROR'], ['priority 1', 'LOG_LEVEL_ERROR'],
		['priority 2', 'LOG_LEVEL_ERROR'], ['priority 3', 'LOG_LEVEL_ERROR'],
		['priority 4', 'LOG_LEVEL_WARNING'], ['priority 5', 'LOG_LEVEL_INFO'],
		['priority 6', 'LOG_LEVEL_INFO'], ['priority 7', 'LOG_LEVEL_DEBUG'],
		['plain', 'LOG_LEVEL_INFO'],
	]);
	for (const record of records) {
		assert.equal(record.indexer, 'indexers/levels');
		assert.ok(Math.abs(record.time.seconds - Date.now() / 1000) < 60);
	}
	for (const [level, n] of [['TRACE', 9], ['DEBUG', 9], ['INFO', 8], ['WARNING', 5], ['ERROR', 4]])
		assert.equal((await all({ parent: 'indexers/levels', level: `LOG_LEVEL_${level}` })).length, n, level);
	assert.equal(run(`journalctl -q -o cat -p err INDEXER_UID=${uid} | wc -l`), '4');
});

test('tail and since, alone and together', async () => {
	await create('range', {
		'main.sh': '#!/bin/bash\nfor i in 1 2 3 4 5; do echo "<4>early $i"; echo "early $i"; done\n' +
			'until [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\n' +
			'for i in 1 2 3 4 5; do echo "late $i"; done\nexec sleep infinity\n',
	});
	await stored('range', 'early 5');
	const middle = Number(run('sleep 0.01; date +%s%N')) / 1e9;
	fs.writeFileSync('/var/lib/private/indexers/range/go', '');
	await stored('range', 'late 5');
	const since = { seconds: Math.floor(middle), nanos: Math.floor((middle % 1) * 1e9) };
	const parent = 'indexers/range';
	const contents = async (request) => (await all({ parent, ...request })).map((r) => r.content);
	assert.deepEqual(await contents({ tail: 2 }), ['late 4', 'late 5']);
	assert.deepEqual(await contents({ tail: 2, level: 'LOG_LEVEL_WARNING' }), ['early 4', 'early 5']);
	assert.equal((await contents({ tail: 1000 })).length, 15);
	assert.deepEqual(await contents({ since }), ['late 1', 'late 2', 'late 3', 'late 4', 'late 5']);
	assert.deepEqual(await contents({ since, tail: 3 }), ['late 3', 'late 4', 'late 5']);
	assert.equal((await contents({ since, tail: 100 })).length, 5);
	assert.deepEqual(await contents({ since: { seconds: Math.floor(Date.now() / 1000) + 3600 } }), []);
});

test('an endless stream gives what is stored and then each new line, once and in order', async () => {
	await create('endless', {
		'main.sh': '#!/bin/bash\nfor ((i = 0; ; i++)); do echo "n $i"; sleep 0.002; done\n',
	});
	const follower = lines({ parent: 'indexers/endless' });
	const records = await follower.take(3000, 30_000);
	assert.deepEqual(records.map((r) => r.content), records.map((_, i) => `n ${i}`));
	follower.cancel();
});

test('a slow reader slows only itself', async () => {
	await create('busy', {
		'main.sh': '#!/bin/bash\nseq -f "line %.0f of some bytes to fill what is between two programs" 60000\n' +
			'until [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\necho the end\nexec sleep infinity\n',
	});
	const slow = lines({ parent: 'indexers/busy' });
	await slow.next();
	const quick = lines({ parent: 'indexers/busy' });
	assert.equal((await quick.take(60_000, 30_000)).length, 60_000);
	fs.writeFileSync('/var/lib/private/indexers/busy/go', '');
	assert.equal((await quick.next()).content, 'the end');
	const rest = await slow.take(60_000, 30_000);
	assert.equal(rest.at(-1).content, 'the end');
	assert.equal(rest[0].content.split(' ')[1], '2');
});

// What a reader holds open is not freed: an open descriptor, or a mapping, of a file that was removed.
function removedJournals() {
	const daemon = `/proc/${show('indexerd.service', 'MainPID').MainPID}`;
	const opened = fs.readdirSync(`${daemon}/fd`).map((fd) => {
		try {
			return fs.readlinkSync(`${daemon}/fd/${fd}`);
		} catch {
			return ''; // closed meanwhile
		}
	});
	const mapped = fs.readFileSync(`${daemon}/maps`, 'utf8').split('\n');
	return [...opened, ...mapped].filter((name) => /\/journal\/.* \(deleted\)/.test(name));
}

const LONG = 40_000;
// Numbered lines of half a KB, and one more when the indexer is told to.
const BACKLOG = `#!/bin/bash\nseq -f "%.0f $(printf %0500d 0)" ${LONG}\n` +
	'until [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\necho the end\nexec sleep infinity\n';
const storedAll = (id) =>
	until(() => sh(`journalctl -q -o cat -n 1 -u ${unit(id)} INDEXER_LINE=${LONG}`).stdout, { limit: 60_000 });

// Reads numbered lines up to one of them, and sees that none is missing and none comes twice.
async function takeUpTo(reader, last) {
	while (reader.next <= last) {
		const { content, event } = await reader.source.next(60_000);
		if (event === 'LOG_EVENT_UNSPECIFIED')
			assert.equal(parseInt(content, 10), reader.next++);
	}
}

test('streams that nobody reads cost no memory and no time, and go on where they stood', async () => {
	await create('full', { 'main.sh': BACKLOG });
	await storedAll('full');
	const daemon = `/proc/${show('indexerd.service', 'MainPID').MainPID}`;
	const ticks = () => {
		const fields = fs.readFileSync(`${daemon}/stat`, 'utf8').split(' ');
		return Number(fields[13]) + Number(fields[14]); // of processor time; the name has no blank
	};
	const memory = () =>
		Number(/^RssAnon:\s+(\d+) kB$/m.exec(fs.readFileSync(`${daemon}/status`, 'utf8'))[1]) << 10;
	const quick = async () => {
		const before = ticks();
		const sources = Array.from({ length: 30 }, () =>
			lines({ parent: 'indexers/full', tail: 2000, no_follow: true }, { address: `unix://${SOCKET}` }));
		for (const records of await Promise.all(sources.map((source) => source.take(2000, 60_000))))
			assert.deepEqual(records.map((r) => parseInt(r.content, 10)), records.map((_, i) => LONG - 1999 + i));
		return ticks() - before;
	};
	const alone = await quick();
	const base = memory();
	const readers = Array.from({ length: 16 }, (_, i) => ({
		source: stream('StreamLogs', { parent: 'indexers/full', recursive: i % 2 === 1, no_follow: i % 4 > 1 }),
		next: 1,
	}));
	// A message in flight, the call and the stream are what each may have; its queue would be 2 MB.
	for (const end of [1, 3000, 6000]) {
		await Promise.all(readers.map(async (reader) => {
			reader.source.resume();
			await takeUpTo(reader, end);
			reader.source.pause();
		}));
		await until(() => memory() < base + readers.length * (128 << 10), { limit: 60_000 });
	}
	const beside = await quick();
	assert.ok(beside < 4 * alone, `${beside} ticks of processor time, and ${alone} alone`);
	await Promise.all(readers.map(async (reader, i) => {
		reader.source.resume();
		await takeUpTo(reader, i < 4 ? LONG : 9000);
		reader.source.cancel();
	}));
});

test('a stream that nobody reads ends as others do when its indexer is deleted', async () => {
	await create('left', { 'main.sh': BACKLOG });
	await storedAll('left');
	const reader = { source: stream('StreamLogs', { parent: 'indexers/left' }), next: 1 };
	await takeUpTo(reader, 1);
	reader.source.pause();
	const daemon = `/proc/${show('indexerd.service', 'MainPID').MainPID}`;
	// Its reader of the journal is closed: it stands still.
	await until(() => !fs.readFileSync(`${daemon}/maps`, 'utf8').includes('.journal'), { limit: 60_000 });
	const before = Date.now();
	await call('DeleteIndexer', { name: 'indexers/left' });
	await create('next', { 'main.sh': '#!/bin/sh\nexec sleep infinity\n' });
	const after = Date.now();
	reader.source.resume();
	await takeUpTo(reader, LONG);
	let record;
	do
		record = await reader.source.next(60_000);
	while (record.event !== 'LOG_EVENT_DELETED');
	const time = Number(record.time.seconds) * 1000 + record.time.nanos / 1e6;
	assert.ok(time >= before && time <= after, `${time} is not between ${before} and ${after}`);
	assert.equal(await reader.source.next(), null);
});

test('streams read slowly have each line once, though another indexer has the id meanwhile', async () => {
	const last = 3000;
	const numbered = `#!/bin/bash\nseq -f "<3>%.0f $(printf %0500d 0)" ${last}\nexec sleep infinity\n`;
	await create('slow', { 'main.sh': numbered });
	await until(() => sh(`journalctl -q -o cat -n 1 -u ${unit('slow')} INDEXER_LINE=${last}`).stdout, { limit: 60_000 });
	const requests = [{}, { recursive: true }, { level: 'LOG_LEVEL_ERROR' }, { level: 'LOG_LEVEL_ERROR', recursive: true }];
	const readers = Array.from({ length: 32 }, (_, i) => ({
		source: stream('StreamLogs', { parent: 'indexers/slow', ...requests[i % requests.length] }),
		next: 1,
		pace: [300, 900, 1100, 3000][i >> 3], // milliseconds between two looks; who takes too little in a second stalls
	}));
	const end = Date.now() + 9_000;
	await Promise.all(readers.map(async (reader) => {
		while (Date.now() < end) {
			reader.source.resume();
			await takeUpTo(reader, reader.next);
			reader.source.pause();
			await sleep(reader.pace);
		}
	}));
	await call('DeleteIndexer', { name: 'indexers/slow' });
	await create('slow', { 'main.sh': '#!/bin/sh\necho another\nexec sleep infinity\n' });
	await Promise.all(readers.map(async (reader) => {
		reader.source.resume();
		await takeUpTo(reader, last);
		const records = await reader.source.rest(30_000);
		assert.equal(records.at(-1).event, 'LOG_EVENT_DELETED');
		assert.ok(records.every((r) => r.event !== 'LOG_EVENT_UNSPECIFIED'));
	}));
});

test('parked streams hold no file that was removed, and then have each line or its count', async () => {
	await create('parked', { 'main.sh': BACKLOG });
	await storedAll('parked');
	const streams = Array.from({ length: 100 }, () => stream('StreamLogs', { parent: 'indexers/parked' }));
	const followers = streams.map((source) => ({ source, next: 1, lost: 0 }));
	const take = (follower, { event, content, lost }) => {
		if (event === 'LOG_EVENT_LOST') {
			follower.next += lost;
			follower.lost += lost;
		} else if (event === 'LOG_EVENT_UNSPECIFIED' && content !== 'the end') {
			assert.equal(parseInt(content, 10), follower.next++);
		}
		return content;
	};
	await Promise.all(followers.map(async (follower) => {
		take(follower, await follower.source.next(60_000));
		follower.source.pause();
	}));
	run('journalctl -q --rotate --vacuum-files=1');
	await until(() => removedJournals().length === 0, { limit: 5_000 });
	fs.writeFileSync('/var/lib/private/indexers/parked/go', '');
	await Promise.all(followers.map(async (follower) => {
		follower.source.resume();
		while (take(follower, await follower.source.next(60_000)) !== 'the end');
		assert.equal(follower.next, LONG + 1);
	}));
	assert.ok(followers.every(({ lost }) => lost > 0), 'what was removed had not been read');
});

test('the stream ends with OK when the indexer is deleted, after its last line', async () => {
	await create('ends', {
		'main.sh': '#!/bin/bash\ntrap "echo last words; exit 0" TERM\necho up\nwhile :; do sleep 0.05; done\n',
	});
	const follower = lines({ parent: 'indexers/ends' });
	assert.equal((await follower.next()).content, 'up');
	await call('DeleteIndexer', { name: 'indexers/ends' });
	// The shell may add that it was terminated, on stderr.
	const records = (await follower.rest()).map((r) => r.content);
	assert.ok(records.includes('last words'), records.join());
});

test('an earlier indexer of the same id has other logs', async () => {
	await create('reborn', { 'main.sh': '#!/bin/sh\necho first life\nexec sleep infinity\n' });
	await stored('reborn', 'first life');
	await call('DeleteIndexer', { name: 'indexers/reborn' });
	await create('reborn', { 'main.sh': '#!/bin/sh\necho second life\nexec sleep infinity\n' });
	await stored('reborn', 'second life');
	assert.deepEqual((await all({ parent: 'indexers/reborn' })).map((r) => r.content), ['second life']);
});

test('the last lines before an exit, a crash and a SIGKILL arrive', async () => {
	const restart = { policy: 'POLICY_NEVER' };
	for (const [id, end] of [['exits', 'exit 3'], ['crashes', 'kill -SEGV $$'], ['killed', 'kill -KILL $$']]) {
		await create(id, { 'main.sh': `#!/bin/bash\nseq 2000\nprintf "no newline"\n${end}\n` }, { restart });
		await stored(id, 'no newline');
		assert.equal((await all({ parent: `indexers/${id}` })).length, 2001, id);
	}
});

test('bytes that are no UTF-8, control characters and very long lines survive', async () => {
	await create('odd', {
		'main.sh': '#!/bin/bash\nprintf "a\\xff\\xfeb\\n"\nhead -c 100000 /dev/zero | tr "\\0" x; echo\n' +
			'printf "tab\\there\\n"\necho end\nexec sleep infinity\n',
	});
	await stored('odd', 'end');
	const records = (await all({ parent: 'indexers/odd' })).map((r) => r.content);
	assert.match(records[0], /^a\ufffd+b$/);
	assert.equal(records.slice(1, -2).join('').length, 100_000);
	assert.deepEqual(records.slice(-2), ['tab\there', 'end']);
});

test('stdout and stderr are told apart, in the order they were written in by each', async () => {
	const { uid } = await create('both', {
		'main.sh': '#!/bin/sh\necho out 1\necho err 1 >&2\necho out 2\necho err 2 >&2\nexec sleep infinity\n',
	});
	await stored('both', 'err 2');
	const of = (name) => sh(`journalctl -q -o cat INDEXER_UID=${uid} INDEXER_STREAM=${name}`).stdout;
	assert.equal(of('stdout'), 'out 1\nout 2\n');
	assert.equal(of('stderr'), 'err 1\nerr 2\n');
});

test('an Apibara project’s lines have their levels in the journal itself', async () => {
	const output = ['transfers            | info Transforming block', 'transfers            | warn odd value',
		'transfers            | error no such pool', 'transfers            | debug details'];
	const source = project({
		'.apibara/build/start.mjs': output.map((l) => `console.log(${JSON.stringify(l)});`).join('\n') +
			'\nsetInterval(() => {}, 1000);\n',
	});
	const { uid, status } = await call('CreateIndexer', {
		indexer_id: 'apibara', indexer: { runtime: 'apibara', script: 'transfers', project_source: source },
	});
	assert.equal(status.state, 'STATE_RUNNING');
	const at = (p) => sh(`journalctl -q -o cat INDEXER_UID=${uid} PRIORITY=${p}`).stdout;
	await until(() => at(7));
	assert.match(at(3), /no such pool/);
	assert.match(at(4), /odd value/);
	assert.match(at(6), /Transforming/);
	await refused(call('CreateIndexer', {
		indexer_id: 'option', indexer: { runtime: 'apibara', script: '--help', project_source: source },
	}), 'INVALID_ARGUMENT', /indexer\.script/);
});

test('200 streams at once each have all lines', async () => {
	await create('crowd', {
		'main.sh': '#!/bin/bash\nuntil [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\nseq 500\nexec sleep infinity\n',
	});
	const streams = Array.from({ length: 200 }, () => lines({ parent: 'indexers/crowd' }));
	fs.writeFileSync('/var/lib/private/indexers/crowd/go', '');
	const expected = Array.from({ length: 500 }, (_, i) => String(i + 1));
	for (const records of await Promise.all(streams.map((s) => s.take(500, 60_000))))
		assert.deepEqual(records.map((r) => r.content), expected);
});
