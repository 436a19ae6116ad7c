// SPDX-License-Identifier: Apache-2.0
//
// A real Apibara project of version 2 that keeps its rows, and how far it has come, in a PGlite in its state
// directory. However its process ends, the next one goes on where it was; after a deletion it begins anew.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const { createRequire } = require('node:module');
const { promisify } = require('node:util');
const { assert, call, later, restart, run, served, show, sleep, test, unit, until } = require('./lib');

const PROJECT = '/opt/apibara/project';
const { PGlite } = createRequire(`${PROJECT}/`)('@electric-sql/pglite');

const ID = 'blocks';
const NAME = `indexers/${ID}`;
const STATE = `/var/lib/private/indexers/${ID}`;
const FIRST = 5; // the block at which it begins
const BLOCKS = 20; // so many are done before anything happens

const create = () => call('CreateIndexer', {
	indexer_id: ID,
	indexer: {
		project_source: PROJECT, script: 'blocks',
		environment: {
			NO_COLOR: '1',
			POSTGRES_CONNECTION_STRING: `file:///var/lib/indexers/${ID}/pglite`,
			APIBARA_RUNTIME_CONFIG: JSON.stringify({ streamUrl: 'http://127.0.0.1:7200', startingBlock: FIRST }),
		},
	},
});

function startChain() {
	run('install -m 644 /opt/apibara/stream-server.cjs /srv; systemd-run -q --unit=stream-server -p DynamicUser=yes ' +
		'-p Type=notify -p NotifyAccess=all node /srv/stream-server.cjs --port 7200 --interval 100');
	later(() => run('systemctl stop stream-server; rm /srv/stream-server.cjs'));
}

// The blocks from which the chain was asked, each time that it was.
const asked = () => [...run('journalctl -q -o cat -u stream-server').matchAll(/^stream from block (\d+) /gm)].map((m) => Number(m[1]));

// The blocks that a process of the indexer has begun with, in their order.
const begun = (invocation) => [...run(`journalctl -q -o cat _SYSTEMD_INVOCATION_ID=${invocation} -u ${unit(ID)}`)
	.matchAll(/Transforming block \| orderKey: +(\d+)n/g)].map((m) => Number(m[1]));

const current = async () => (await call('GetIndexer', { name: NAME })).status;

// What is waited for here takes seconds of processor time: Postgres makes a database, or recovers one. To ask
// all the while would make it longer.
const WAIT = { limit: 120_000, event: () => sleep(500) };

// Until the indexer runs, as another process than before, and has done some blocks: its invocation.
const running = (before) => until(async () => {
	const { state, invocation_id } = await current();
	return state === 'STATE_RUNNING' && invocation_id !== before && begun(invocation_id).length > BLOCKS && invocation_id;
}, { ...WAIT, what: `${BLOCKS} blocks of another process than ${before}` });

const counted = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

// Ends the indexer's process, and the next one goes on: it has asked the chain once, for the block after the
// last that is stored. The last one that the old process has begun with may not have been.
async function interrupted(how) {
	const { invocation_id: before } = await current();
	const requests = asked();
	await how();
	const invocation = await running(before);
	const last = begun(before).at(-1);
	const from = asked().at(-1);
	assert.deepEqual(asked(), [...requests, from]);
	assert.ok(from === last || from === last + 1, `asked from ${from}, after ${last}`);
	assert.ok(from > FIRST + BLOCKS);
	const blocks = begun(invocation);
	assert.deepEqual(blocks, counted(from, blocks.at(-1)));
	return invocation;
}

// What is stored, in the order of writing: by a copy, because a PGlite is one process's alone.
async function stored() {
	await call('StopIndexer', { name: NAME });
	const copy = fs.mkdtempSync('/var/tmp/pglite-');
	later(() => fs.rmSync(copy, { recursive: true }));
	fs.cpSync(`${STATE}/pglite`, copy, { recursive: true });
	const database = new PGlite(copy);
	const { rows } = await database.query('SELECT number, invocation FROM blocks ORDER BY id');
	const { rows: [checkpoint] } = await database.query('SELECT order_key FROM airfoil.checkpoints');
	await database.close();
	assert.equal(Number(checkpoint.order_key), rows.at(-1).number);
	return rows;
}

// Every block from the first on, once, by these processes one after the other.
function assertStored(rows, invocations) {
	assert.deepEqual(rows.map((row) => row.number), counted(FIRST, rows.at(-1).number));
	assert.deepEqual(rows.map((row) => row.invocation).filter((invocation, i, all) => invocation !== all[i - 1]), invocations);
}

const daemon = (verb) => promisify(execFile)('systemctl', [verb, 'indexerd.service'], { timeout: 60_000 });

test('it goes on after a restart, and after a crash without the daemon, and begins anew after a deletion', async () => {
	startChain();
	assert.equal((await create()).runtime, 'apibara');
	const first = await running();
	assert.deepEqual(asked(), [FIRST]);

	const second = await interrupted(() => call('RestartIndexer', { name: NAME }));
	const third = await interrupted(async () => {
		await daemon('stop');
		const { MainPID, NRestarts } = show(unit(ID), 'MainPID', 'NRestarts');
		process.kill(MainPID, 'SIGKILL');
		await until(() => show(unit(ID), 'NRestarts').NRestarts > NRestarts && asked().length === 3, WAIT);
		await daemon('start');
		await served();
	});

	// The daemon's own restart is nothing to it.
	const { main_pid } = await current();
	const blocks = begun(third).length;
	await restart();
	await until(() => begun(third).length > blocks, WAIT);
	assert.equal((await current()).main_pid, main_pid);
	assert.equal(asked().length, 3);
	assertStored(await stored(), [first, second, third]);

	await call('DeleteIndexer', { name: NAME });
	assert.ok(!fs.existsSync(STATE));
	await create();
	const anew = await running(third);
	assert.equal(asked().at(-1), FIRST);
	assertStored(await stored(), [anew]);
}, { limit: 400_000 });
