// SPDX-License-Identifier: Apache-2.0
//
// From a program's output to the journal: each log format with a real program, levels that
// journalctl and StreamLogs agree on, odd bytes and endless lines, and that no end loses a line, be
// it the program's or the log helper's.
'use strict';

const fs = require('node:fs');
const { assert, call, lines, project, run, served, sh, show, stream, test, unit, until } = require('./lib');

const NEVER = { policy: 'POLICY_NEVER' };

// Runtimes for a shell script, one for each format.
fs.mkdirSync('/etc/indexerd/runtimes', { recursive: true });
for (const format of ['tracing', 'json', 'logfmt', 'python', 'raw', 'syslog'])
	fs.writeFileSync(`/etc/indexerd/runtimes/test-${format}.conf`,
		`[Runtime]\nDescription=A test\nExec=\${SCRIPT_PATH}\nScript=path\nLogFormat=${format}\n`);

async function create(indexer_id, script, indexer = {}) {
	const { uid } = await call('CreateIndexer', {
		indexer_id,
		indexer: {
			runtime: 'exec', script: 'main', project_source: project({ main: script }), restart: NEVER, ...indexer,
		},
	});
	return uid;
}

// The records of an indexer's lines in the journal, once it has a line that ends so, as objects of
// journalctl.
async function records(uid, last) {
	const read = (output) => sh(`journalctl -q -a -o ${output} INDEXER_UID=${uid} _TRANSPORT=journal`).stdout;
	await until(() => read('cat').includes(`${last}\n`), { limit: 60_000, what: last });
	return read('json').trim().split('\n').map((line) => JSON.parse(line)).filter((r) => r.INDEXER_LINE);
}

const message = (r) => (Array.isArray(r.MESSAGE) ? Buffer.from(r.MESSAGE).toString('latin1') : r.MESSAGE);
const level = (r) => (r.INDEXER_LEVEL === 'trace' ? 'T' : 'EEEEWIID'[r.PRIORITY]);
const levels = (list) => list.map(level).join('');

// A shell script that prints lines on both streams, told apart by their first letter, and ends.
const printer = (lines) => '#!/bin/bash\n' + lines.map((l) =>
	`printf '%s\\n' ${JSON.stringify(l.slice(1)).replace(/^"|"$/g, "'").replace(/\\"/g, '"')}${l[0] === 'E' ? ' >&2' : ''}\n`).join('');

test('each format in a unit of its own: levels, and both streams on their own', async () => {
	run('systemctl reload indexerd.service'); // it knows the runtimes then
	await served();
	for (const [format, lines, want] of [
		['tracing', ['O2024-11-19T11:35:45.1Z  WARN slow', 'O  at x', 'O{"level":"TRACE"}', 'EError: gone', 'E the end'], { O: 'WWT', E: 'EE' }],
		['json', ['O{"level":50}', 'O{"level":"debug"}', 'Oplain', 'E  at x', 'Ethe end'], { O: 'EDI', E: 'EE' }],
		['logfmt', ['Olevel=warn a=b', 'O  c', 'Eplain', 'Epanic: x', 'Ethe end'], { O: 'WW', E: 'IEE' }],
		['python', ['EWARNING:root:x', 'Emore', 'Oplain', 'O2024-11-19 11:35:45,123 - a - DEBUG - b', 'ECRITICAL:root:the end'], { O: 'ID', E: 'WWE' }],
		['syslog', ['O<4>x', 'Ox', 'E<7>y', 'E<3>the end'], { O: 'WI', E: 'DE' }],
		['raw', ['O<4>x', 'EERROR:root:the end'], { O: 'I', E: 'I' }],
	]) {
		const uid = await create(`format-${format}`, printer(lines), { runtime: `test-${format}` });
		const found = await records(uid, 'the end');
		for (const [letter, name] of [['O', 'stdout'], ['E', 'stderr']])
			assert.equal(levels(found.filter((r) => r.INDEXER_STREAM === name)), want[letter], `${format}, ${name}`);
		assert.deepEqual(found.map((r) => Number(r.INDEXER_LINE)), lines.map((_, i) => i + 1));
		assert.deepEqual(found.map((r) => r.INDEXER_FORMAT), lines.map(() => undefined));
	}
});

test('a crash of Node is an error, whatever it logged before', async () => {
	for (const [id, start, format] of [
		['bare', 'console.log("block 7");', undefined],
		['pino', 'for (let i = 0; i < 4; i++) console.log(JSON.stringify({ level: 30, msg: `block ${i}` }));', 'json'],
	]) {
		const uid = await create(`crash-${id}`, `${start}\nsetTimeout(() => { throw new TypeError('boom'); }, 50);\n`, { runtime: 'node' });
		const found = await records(uid, `Node.js ${process.version}`);
		const errors = found.filter((r) => r.INDEXER_STREAM === 'stderr');
		assert.match(errors.map(message).join('\n'), /main:\d+\n.*throw.*\n *\^\nTypeError: boom\n +at [^]*Node\.js v/);
		assert.equal(levels(errors), 'E'.repeat(errors.length), id);
		assert.match(levels(found.filter((r) => r.INDEXER_STREAM === 'stdout')), /^I+$/);
		assert.equal(found.at(-1).INDEXER_FORMAT, format);
		assert.equal(run(`journalctl -q -o cat -p err INDEXER_UID=${uid} INDEXER_STREAM=stderr | wc -l`), String(errors.length));
	}
});

test('auto says what it has learned, and StreamLogs agrees with the journal', async () => {
	const uid = await create('learns', printer(['Ostarting', 'Otime=1 level=INFO msg=a', 'Otime=2 level=DEBUG-4 msg=b',
		'Otime=3 level=ERROR msg=c', 'Oplain', 'Olevel=warn msg=the end']));
	const found = await records(uid, 'the end');
	assert.equal(levels(found), 'IITEIW');
	assert.deepEqual(found.map((r) => r.INDEXER_FORMAT), [undefined, undefined, undefined, 'logfmt', 'logfmt', 'logfmt']);
	const streamed = await lines({ parent: 'indexers/learns', no_follow: true }).rest();
	assert.deepEqual(streamed.map((r) => r.level), ['INFO', 'INFO', 'TRACE', 'ERROR', 'INFO', 'WARNING'].map((l) => `LOG_LEVEL_${l}`));
});

test('any bytes: NUL, what is no UTF-8, and lines of megabytes, with and without an end', async () => {
	const uid = await create('bytes', '#!/bin/bash\n' +
		'printf "a\\0b\\xff\\xfe\\r\\n\\n\\n"\n' +
		'{ printf "<4>"; head -c 70000 /dev/zero | tr "\\0" x; echo; } >&2\n' +
		'head -c 5000001 /dev/zero | tr "\\0" y; echo\n' +
		'head -c 3000000 /dev/zero | tr "\\0" z; printf "the end"\n');
	const found = await records(uid, 'the end');
	assert.equal(message(found.find((r) => message(r).startsWith('a'))), 'a\0b\xff\xfe');
	const joined = (letter) => found.filter((r) => message(r).startsWith(letter));
	assert.equal(levels(joined('x')), 'WW', 'a piece has its head’s level');
	for (const [letter, size] of [['x', 70_000], ['y', 5_000_001], ['z', 3_000_007]]) {
		assert.equal(joined(letter).reduce((n, r) => n + message(r).length, 0) +
			(letter === 'z' && !message(joined('z').at(-1)).endsWith('the end') ? 7 : 0), size, letter);
		assert.ok(joined(letter).every((r) => message(r).length <= 48 * 1024), letter);
	}
	assert.deepEqual(found.map((r) => Number(r.INDEXER_LINE)), found.map((_, i) => i + 1));
});

test('the last line before each kind of end is in the journal', async () => {
	for (const [id, end, act] of [
		['exit', 'exit 3'],
		['segv', 'kill -SEGV $$'],
		['self-kill', 'kill -KILL $$'],
		['stop', 'trap "echo last words; exit 0" TERM; echo ready; while :; do sleep 0.05; done', (name) => call('StopIndexer', { name })],
		['kill', 'printf "last words"; echo; echo ready; exec sleep infinity', (_, id) => run(`systemctl kill -s KILL --kill-who=main ${unit(id)}`)],
	]) {
		const uid = await create(`last-${id}`, '#!/bin/bash\nseq 3000\n' +
			`${act ? '' : 'printf "last words"\n'}${end}\n`);
		if (act) {
			await records(uid, 'ready');
			await act(`indexers/last-${id}`, `last-${id}`);
		}
		const found = (await records(uid, 'last words')).filter((r) => r.INDEXER_STREAM === 'stdout');
		assert.deepEqual(found.slice(0, 3_000).map(message), Array.from({ length: 3_000 }, (_, i) => String(i + 1)), id);
		assert.ok(found.slice(3_000).map(message).includes('last words'), id);
	}
});

// The process of this name in the indexer's unit.
const pidOf = (id, name) => {
	const file = `/sys/fs/cgroup/indexer.slice/${unit(id)}/cgroup.procs`;
	return run(`for p in $(cat ${file}); do [ "$(cat /proc/$p/comm)" != ${name} ] || echo $p; done`);
};

test('a killed helper is started again, loses nothing and says so; the indexer goes on', async () => {
	const uid = await create('helper', '#!/bin/bash\nfor ((i = 1; ; i++)); do echo "n $i"; ((i % 10)) || sleep 0.01; done\n');
	await records(uid, 'n 100');
	const { MainPID } = show(unit('helper'), 'MainPID');
	for (let round = 0; round < 5; round++) {
		const pid = pidOf('helper', 'indexer-log');
		assert.match(pid, /^\d+$/);
		run(`kill -KILL ${pid}`);
		await until(() => {
			const now = pidOf('helper', 'indexer-log');
			return now && now !== pid;
		});
	}
	const before = Number(run(`journalctl -q -o cat -n 1 INDEXER_UID=${uid} INDEXER_STREAM=stdout`).slice(2));
	const found = await records(uid, `n ${before + 500}`);
	assert.equal(show(unit('helper'), 'MainPID').MainPID, MainPID);
	assert.equal(show(unit('helper'), 'NRestarts').NRestarts, '0');

	const said = found.filter((r) => message(r).startsWith('indexer-exec: '));
	assert.equal(said.length, 5);
	assert.match(message(said[0]), /killed by signal 9 .*started again/);
	assert.equal(levels(said), 'EEEEE');
	// Each number is there; what is there twice has the same number of its line.
	const lines = new Map();
	for (const r of found.filter((r) => message(r).startsWith('n '))) {
		if (lines.has(message(r)))
			assert.equal(lines.get(message(r)), r.INDEXER_LINE);
		lines.set(message(r), r.INDEXER_LINE);
	}
	for (let i = 1; i <= before + 500; i++)
		assert.ok(lines.has(`n ${i}`), `n ${i}`);

	// A stream has each of them once.
	const follower = stream('StreamLogs', { parent: 'indexers/helper' });
	const once = [];
	while (once.length < before + 500) {
		const { content, event } = await follower.next();
		if (event === 'LOG_EVENT_UNSPECIFIED' && content.startsWith('n '))
			once.push(content);
		assert.notEqual(event, 'LOG_EVENT_LOST');
	}
	follower.cancel();
	assert.deepEqual(once, once.map((_, i) => `n ${i + 1}`));
});

test('without helper and keeper, what ends by EPIPE is restarted by systemd', async () => {
	const uid = await create('orphan', '#!/bin/bash\nset -e\nfor ((i = 1; ; i++)); do echo "n $i"; sleep 0.05; done\n',
		{ restart: { policy: 'POLICY_ALWAYS' } });
	await records(uid, 'n 3');
	run(`kill -KILL ${pidOf('orphan', 'indexer-keeper')} ${pidOf('orphan', 'indexer-log')}`);
	await until(() => Number(show(unit('orphan'), 'NRestarts').NRestarts) >= 1, { limit: 30_000 });
});
