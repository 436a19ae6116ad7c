// SPDX-License-Identifier: Apache-2.0
//
// Bad input: each case names the code, the field and the value, and the daemon serves the next call.
'use strict';

const fs = require('node:fs');
const { assert, call, client, grpc, health, later, project, refused, run, Runner, sh, stored, stream, test,
	unit, until } = require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';
const SOURCE = '/srv/bad-input';

fs.mkdirSync(`${SOURCE}/dir`, { recursive: true });
fs.writeFileSync(`${SOURCE}/main.sh`, SLEEPER, { mode: 0o755 });
fs.writeFileSync(`${SOURCE}/plain.txt`, 'x', { mode: 0o644 });
fs.writeFileSync('/srv/outside.sh', SLEEPER, { mode: 0o755 });
for (const [link, target] of [['out.sh', '/srv/outside.sh'], ['outdir', '/srv'], ['loop', 'loop']])
	if (!fs.lstatSync(`${SOURCE}/${link}`, { throwIfNoEntry: false }))
		fs.symlinkSync(target, `${SOURCE}/${link}`);

const good = { runtime: 'exec', project_source: SOURCE, script: 'main.sh' };

async function alive() {
	assert.equal(await health(), 'SERVING');
}

for (const id of ['Capital', 'a/b', '..', 'a%b', '', 'a'.repeat(64), '-a', 'a-', '1a', 'ä', 'a b', 'a_b', 'a.b', 'a\nb'])
	test(`the id ${JSON.stringify(id)} is refused`, async () => {
		const error = await refused(call('CreateIndexer', { indexer_id: id, indexer: good }),
			'INVALID_ARGUMENT', /indexer_id/);
		assert.equal(error.info.BadRequest[0].field_violations[0].field, 'indexer_id');
		assert.equal(error.info.ErrorInfo[0].domain, 'indexerd');
		assert.match(error.reason, /^[A-Z_]+$/);
		await alive();
	});

test('an id of 63 characters is served', async () => {
	const made = await call('CreateIndexer', { indexer_id: 'a'.repeat(63), indexer: good });
	assert.equal(made.status.state, 'STATE_RUNNING');
});

for (const name of ['one', 'indexers/', 'indexers/A', 'indexers/a/b', 'things/a', ''])
	test(`the name ${JSON.stringify(name)} is refused`, async () => {
		await refused(call('GetIndexer', { name }), 'INVALID_ARGUMENT', /name/);
		await refused(call('DeleteIndexer', { name }), 'INVALID_ARGUMENT', /name/);
		await refused(stream('StreamLogs', { parent: name }).next(), 'INVALID_ARGUMENT', /parent/);
	});

const refusals = [
	['a NUL in the id', { indexer_id: 'a\0b' }, 'INVALID_ARGUMENT', /indexer_id/],
	['no indexer', { indexer: null }, 'INVALID_ARGUMENT', /indexer/],
	['a file that is for no runtime', { runtime: '', script: 'plain.txt' }, 'INVALID_ARGUMENT', /indexer\.runtime/],
	['an unknown runtime', { runtime: 'cobol' }, 'INVALID_ARGUMENT', /indexer\.runtime.*cobol/],
	['a runtime that is a path', { runtime: '../exec' }, 'INVALID_ARGUMENT', /indexer\.runtime/],
	['no script', { script: '' }, 'INVALID_ARGUMENT', /indexer\.script/],
	['a script outside by ..', { script: '../outside.sh' }, 'INVALID_ARGUMENT', /indexer\.script.*outside/],
	['an absolute script', { script: '/srv/outside.sh' }, 'INVALID_ARGUMENT', /indexer\.script/],
	['a script outside by a link', { script: 'out.sh' }, 'INVALID_ARGUMENT', /indexer\.script.*out\.sh/],
	['a script outside by a linked directory', { script: 'outdir/outside.sh' }, 'INVALID_ARGUMENT', /indexer\.script/],
	['a script that is a loop of links', { script: 'loop' }, 'INVALID_ARGUMENT', /indexer\.script/],
	['a script that is a directory', { script: 'dir' }, 'INVALID_ARGUMENT', /indexer\.script/],
	['a script that is not there', { script: 'none.sh' }, 'INVALID_ARGUMENT', /indexer\.script.*none\.sh/],
	['a script that is not executable', { script: 'plain.txt' }, 'INVALID_ARGUMENT', /indexer\.script/],
	['a project directory outside', { project_dir: '..' }, 'INVALID_ARGUMENT', /indexer\.project_dir/],
	['a project directory outside by a link', { project_dir: 'outdir' }, 'INVALID_ARGUMENT', /indexer\.project_dir/],
	['no source', { project_source: '' }, 'INVALID_ARGUMENT', /indexer\.project_source/],
	['a relative source', { project_source: 'srv' }, 'INVALID_ARGUMENT', /indexer\.project_source/],
	['a source that is not there', { project_source: '/srv/none' }, 'INVALID_ARGUMENT', /indexer\.project_source.*none/],
	['a source in /root', { project_source: '/root' }, 'INVALID_ARGUMENT', /indexer\.project_source/],
	['a source in /tmp', { project_source: '/tmp' }, 'INVALID_ARGUMENT', /indexer\.project_source/],
	['a source over http', { project_source: 'http://localhost/x.git' }, 'INVALID_ARGUMENT', /indexer\.project_source: .*https/],
	['an environment name with =', { environment: { 'A=B': 'x' } }, 'INVALID_ARGUMENT', /indexer\.environment.*A=B/],
	['an empty environment name', { environment: { '': 'x' } }, 'INVALID_ARGUMENT', /indexer\.environment/],
	['an environment name with a blank', { environment: { 'A B': 'x' } }, 'INVALID_ARGUMENT', /indexer\.environment/],
	['a reserved environment name', { environment: { INDEXER_ID: 'x' } }, 'INVALID_ARGUMENT', /INDEXER_ID/],
	['a name that is systemd’s to set', { environment: { RUNTIME_DIRECTORY: 'x' } }, 'INVALID_ARGUMENT', /RUNTIME_DIRECTORY/],
	['a NUL in an environment value', { environment: { A: 'x\0y' } }, 'INVALID_ARGUMENT', /environment/],
	['a NUL in an argument', { args: ['x\0y'] }, 'INVALID_ARGUMENT', /args/],
	['a bad label', { labels: { 'a b': 'x' } }, 'INVALID_ARGUMENT', /indexer\.labels/],
	['an unknown policy', { restart: { policy: 17 } }, 'INVALID_ARGUMENT', /indexer\.restart\.policy/],
	['a back-off below zero', { restart: { initial_backoff: { seconds: -1 } } }, 'INVALID_ARGUMENT', /initial_backoff/],
	['an endless back-off', { restart: { max_backoff: { seconds: '9223372036854775807' } } }, 'INVALID_ARGUMENT', /max_backoff/],
	['a parent that is no name', { spawned_by: 'x' }, 'INVALID_ARGUMENT', /indexer\.spawned_by/],
	['a parent that does not exist', { spawned_by: 'indexers/none' }, 'FAILED_PRECONDITION', /none/],
	['itself as parent', { spawned_by: 'indexers/bad' }, 'FAILED_PRECONDITION', /bad/],
	['100,000 arguments', { args: Array(100_000).fill('') }, 'INVALID_ARGUMENT', /args/],
	['100,000 labels', { labels: Object.fromEntries(Array.from({ length: 20_000 }, (_, i) => [`k${i}`, ''])) }, 'INVALID_ARGUMENT', /labels/],
];

for (const [what, change, code, message] of refusals)
	test(`${what} is refused`, async () => {
		const { indexer_id = 'bad', indexer = { ...good, ...change } } = change;
		await refused(call('CreateIndexer', { indexer_id, indexer }), code, message);
		await refused(call('GetIndexer', { name: 'indexers/bad' }), 'NOT_FOUND');
		await alive();
	});

test('an environment as large as is taken reaches the process, also in one variable, and a byte more is refused', async () => {
	const source = project({ 'main.sh': '#!/bin/sh\necho "${#A} bytes"\nexec sleep infinity\n' });
	const create = (indexer_id, n) => call('CreateIndexer', {
		indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: source, environment: { A: 'x'.repeat(n) } },
	});
	assert.equal((await create('large', 131_069)).status.state, 'STATE_RUNNING');
	await stored('large', '131069 bytes');
	await refused(create('larger', 131_070), 'INVALID_ARGUMENT', /indexer\.environment: 131071 bytes/);
});

// A message that no well-behaved client can make: bytes as they are.
function raw(method, bytes) {
	const Raw = grpc.makeGenericClientConstructor({
		[method]: {
			path: `/indexerd.v1.IndexerRunner/${method}`, requestStream: false, responseStream: false,
			requestSerialize: (b) => b, responseDeserialize: (b) => b,
		},
	}, 'Raw');
	return new Promise((resolve, reject) => {
		const raw = new Raw('unix:/run/indexerd/indexerd.sock', grpc.credentials.createInsecure(), {
			'grpc.max_send_message_length': -1,
		});
		raw[method](bytes, { deadline: Date.now() + 30_000 }, (error, response) => {
			raw.close();
			if (error)
				error.name = grpc.status[error.code];
			error ? reject(error) : resolve(response);
		});
	});
}

test('invalid UTF-8 is refused with the field', async () => {
	await refused(raw('CreateIndexer', Buffer.from([0x0a, 2, 0xff, 0xfe])), 'INVALID_ARGUMENT', /indexer_id/);
	await refused(raw('GetIndexer', Buffer.from([0x0a, 1, 0xc0])), 'INVALID_ARGUMENT', /name/);
	await alive();
});

test('bytes that are no message are refused', async () => {
	await refused(raw('CreateIndexer', Buffer.from('ffffffffffffffff', 'hex')), 'INVALID_ARGUMENT');
	await refused(raw('CreateIndexer', Buffer.from([0x12, 0x7f, 1])), 'INVALID_ARGUMENT');
	await alive();
});

test('nesting of 10,000 levels is refused', async () => {
	let bytes = Buffer.alloc(0);
	for (let i = 0; i < 10_000; i++) {
		const length = [];
		for (let n = bytes.length; ; n >>>= 7) {
			length.push(n > 127 ? (n & 127) | 128 : n);
			if (n <= 127)
				break;
		}
		bytes = Buffer.concat([Buffer.from([0x12, ...length]), bytes]);
	}
	await refused(raw('CreateIndexer', bytes), 'INVALID_ARGUMENT').catch(async (error) => {
		// Field 2 of Indexer is labels, whose entries do not nest: some depth then is an unknown wire.
		if (error.code === 'ERR_ASSERTION')
			throw error;
	});
	await alive();
});

test('a message of 100 MB is refused', async () => {
	await refused(raw('CreateIndexer', Buffer.alloc(100 << 20, 0x0a)), 'RESOURCE_EXHAUSTED', /./);
	await alive();
	const resident = Number(run("sed -nE 's/^VmRSS:\\s+([0-9]+) kB/\\1/p' /proc/$(systemctl show -P MainPID indexerd)/status"));
	assert.ok(resident < 200_000, `${resident} kB resident`);
});

for (const [request, message] of [
	[{ tail: -1 }, /tail/], [{ level: 99 }, /level/], [{ since: { seconds: 1, nanos: -5 } }, /since/],
	[{ since: { seconds: 999999999999 } }, /since/], [{ cursor: 'c' }, /cursor/],
	[{ cursor: 'A'.repeat(100) }, /cursor/], [{ cursor: 'A'.repeat(100_000) }, /cursor/],
	[{ cursor: 'c', tail: 1 }, /cursor.*tail/], [{ cursor: 'c', since: { seconds: 1 } }, /cursor.*since/],
])
	test(`StreamLogs ${JSON.stringify(request)} is refused`, async () => {
		await call('CreateIndexer', { indexer_id: 'logged', indexer: good });
		await refused(stream('StreamLogs', { parent: 'indexers/logged', ...request }).next(),
			'INVALID_ARGUMENT', message);
	});

for (const [request, message] of [
	[{ page_size: -1 }, /page_size/], [{ page_token: 'zz' }, /page_token/], [{ page_token: '00' }, /page_token/],
])
	test(`ListIndexers ${JSON.stringify(request)} is refused`, async () => {
		await refused(call('ListIndexers', request), 'INVALID_ARGUMENT', message);
	});

test('what does not exist is NOT_FOUND with the resource', async () => {
	const error = await refused(call('GetIndexer', { name: 'indexers/nobody' }), 'NOT_FOUND', /indexers\/nobody/);
	assert.equal(error.info.ResourceInfo[0].resource_name, 'indexers/nobody');
	await refused(call('DeleteIndexer', { name: 'indexers/nobody' }), 'NOT_FOUND', /nobody/);
	await refused(stream('StreamLogs', { parent: 'indexers/nobody' }).next(), 'NOT_FOUND', /nobody/);
});

test('an unknown method is UNIMPLEMENTED', async () => {
	await refused(raw('NoSuchMethod', Buffer.alloc(0)), 'UNIMPLEMENTED', /NoSuchMethod/);
});

test('a missing program does not fail the call: FAILED, START_FAILED, in words', async () => {
	const project_source = project({ 'main.sh': '#!/no/such/interpreter\n' });
	const made = await call('CreateIndexer', { indexer_id: 'missing', indexer: { ...good, project_source } });
	assert.equal(made.status.state, 'STATE_FAILED');
	assert.equal(made.status.last_exit.reason, 'REASON_START_FAILED');
	assert.match(made.status.message, /main\.sh: the interpreter that it names does not exist/);
	assert.match(sh(`systemctl status ${unit('missing')}`).stdout, /203\/EXEC/);
	assert.match(run(`journalctl -q -o cat -p err -u ${unit('missing')}`), /main\.sh: the interpreter/);
	await call('DeleteIndexer', { name: 'indexers/missing' }); // a failed unit, too, is cleared
	assert.ok(!fs.existsSync('/var/lib/private/indexers/missing'));
});

test('a script without an interpreter is told from a missing one', async () => {
	const project_source = project({ 'main.sh': 'echo hello\n' });
	fs.chmodSync(`${project_source}/main.sh`, 0o755);
	const made = await call('CreateIndexer', { indexer_id: 'bare', indexer: { ...good, project_source } });
	assert.equal(made.status.state, 'STATE_FAILED');
	assert.match(made.status.message, /main\.sh: Exec format error: .* first line names its interpreter, such as #!\/bin\/sh/);
});

test('a program that exits at once is created, and backing off', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\necho "I give up"\nexit 3\n' });
	await call('CreateIndexer', { indexer_id: 'quick', indexer: { ...good, project_source } });
	const indexer = await until(async () => {
		const now = await call('GetIndexer', { name: 'indexers/quick' });
		return now.status.state === 'STATE_BACKING_OFF' && now;
	});
	assert.equal(indexer.status.last_exit.code, 3);
	await until(() => sh(`journalctl -q -o cat -u ${unit('quick')}`).stdout.includes('I give up'));
});

test('a parent that is being deleted takes no more children, and a tombstone no Create', async () => {
	const project_source = project({
		'slow.sh': '#!/bin/sh\ntrap "" TERM\necho up\nwhile :; do sleep 0.1; done\n',
	});
	const slow = { ...good, project_source, script: 'slow.sh' };
	await call('CreateIndexer', { indexer_id: 'dying', indexer: slow });
	const gone = call('DeleteIndexer', { name: 'indexers/dying' }, { deadline: 60_000 });
	await until(async () =>
		(await call('GetIndexer', { name: 'indexers/dying' })).status.state === 'STATE_DELETING');
	await refused(call('CreateIndexer', { indexer_id: 'orphan', indexer: { ...good, spawned_by: 'indexers/dying' } }),
		'FAILED_PRECONDITION', /dying/);
	const error = await refused(call('CreateIndexer', { indexer_id: 'dying', indexer: slow }), 'ABORTED', /being deleted/);
	assert.ok(error.info.RetryInfo[0].retry_delay.seconds > 0);
	run(`systemctl kill -s KILL ${unit('dying')}`);
	await gone;
});

test('a Delete that overtakes a Create answers both', async () => {
	for (let round = 0; round < 10; round++) {
		const creates = ['over', 'over-child'].map((id) => call('CreateIndexer', {
			indexer_id: id, indexer: { ...good, spawned_by: id === 'over' ? '' : 'indexers/over' },
		}).then(() => 'made', (error) => error.name));
		const gone = await until(() =>
			call('DeleteIndexer', { name: 'indexers/over' }).then(() => true, (error) => {
				assert.equal(error.name, 'NOT_FOUND');
				return false;
			}));
		assert.ok(gone);
		for (const answer of await Promise.all(creates))
			assert.ok(['made', 'ABORTED', 'FAILED_PRECONDITION'].includes(answer), answer);
	}
	await alive();
});
