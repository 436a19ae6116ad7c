// SPDX-License-Identifier: Apache-2.0
//
// One life of a host that may lose its power at any moment, told line by line to whoever cuts it:
//
//	node storm.js ROUND
//
// It reads what the life before told, up to `that is all`, and compares it to what is there now: what is
// wrong is told as `wrong: …`. Then it tells what there is and what it is about to do, waits until it reads
// `go`, and creates and deletes all at once. What is answered, is told at once. With `reboot N` before `go`, it
// reboots the host itself after N answers: from outside, the order would come when most is over. With 0, this
// is the first that it does.
//
//	has ID UID         is there, and runs
//	create ID, delete ID   will be asked for, some time after `planned`
//	created ID UID, deleted ID   was answered OK
//	done               all was answered
//
// A line that was on its way as the power failed is missing at the other end, which only makes less certain
// what must be there. So the plan is told, and heard, before anything of it is done.
'use strict';

const { execFile } = require('node:child_process');
const fs = require('node:fs');
const readline = require('node:readline');
const { call, run, served, sh, until, unit } = require('../box/suite/lib');

const SOURCE = '/srv/storm';
// It leaves something in its state directory, as indexers do.
const MAIN = '#!/bin/sh\necho started\nfor i in 1 2 3 4; do echo "$INDEXER_ID" >"$STATE_DIRECTORY/$i"; done\n' +
	'exec sleep infinity\n';
const CREDENTIALS = '/run/indexerd/credentials';
const STATE = '/var/lib/private/indexers';

// Fifty: some that stand alone, and trees of three.
const singles = Array.from({ length: 35 }, (_, i) => `s-${i}`);
const trees = Array.from({ length: 5 }, (_, i) => [`t-${i}`, `t-${i}-a`, `t-${i}-b`]);
const units = [...singles.map((id) => [id]), ...trees];

let reboot_after = Infinity;
let answers = 0;
const reboot = () => execFile('systemctl', ['--no-block', 'reboot']);

const tell = (line) => fs.writeSync(1, `${line}\n`);
function answered(line) {
	tell(line);
	if (++answers === reboot_after)
		reboot();
}
const wrong = (text) => tell(`wrong: ${text}`);
const sorted = (set) => [...set].sort().join(' ');

async function list() {
	const { indexers } = await call('ListIndexers', { page_size: 1000 });
	return new Map(indexers.map((indexer) => [indexer.name.split('/')[1], indexer]));
}

// What must be there, by id, after what was told: { uid }, where it is known; { gone: true }; or { open: true }
// where it was asked for and not answered: then either is right.
function expectation(told) {
	const expected = new Map(units.flat().map((id) => [id, { gone: true }]));
	for (const [word, id, uid] of told.map((line) => line.split(' '))) {
		const before = expected.get(id);
		if (word === 'has' || word === 'created')
			expected.set(id, { uid });
		else if (word === 'create' || word === 'delete')
			expected.set(id, { open: true, uid: before.uid });
		else if (word === 'deleted')
			expected.set(id, { gone: true });
	}
	return expected;
}

function compare(there, expected) {
	for (const [id, { uid, gone, open }] of expected) {
		const indexer = there.get(id);
		if (indexer && gone)
			wrong(`${id} was deleted, and is there`);
		else if (!indexer && !gone && !open)
			wrong(`${id} was there, and is not`);
		else if (indexer && uid && indexer.uid !== uid)
			wrong(`${id} is another one: ${indexer.uid}, was ${uid}`);
	}
	for (const [id, indexer] of there) {
		if (!expected.has(id))
			wrong(`${id} was never asked for`);
		if (indexer.spawned_by && !there.has(indexer.spawned_by.split('/')[1]))
			wrong(`${id} is there without its parent ${indexer.spawned_by}`);
	}
}

// Nothing is left of the others: no unit, no state, no credentials; and each runs, begun once in this boot.
function look(there) {
	const ids = sorted(there.keys());
	const shown = run("systemctl show --all -p Id -p ActiveState -p NRestarts 'indexer-*.service'").split('\n\n').filter(Boolean)
		.map((text) => Object.fromEntries(text.split('\n').map((line) => line.split('='))));
	const active = shown.filter((one) => one.ActiveState === 'active' && one.NRestarts === '0');
	if (sorted(shown.map((one) => one.Id)) !== sorted([...there.keys()].map(unit)) || active.length !== shown.length)
		wrong(`units: ${JSON.stringify(shown)}, of ${ids}`);
	const states = sorted(fs.existsSync(STATE) ? fs.readdirSync(STATE) : []);
	if (states !== ids)
		wrong(`state directories: ${states}, of ${ids}`);
	const uids = sorted([...there.values()].map(({ uid }) => uid));
	const credentials = sorted(fs.readdirSync(CREDENTIALS).map((name) => name.split('.')[0]));
	if (credentials !== uids)
		wrong(`credentials: ${credentials}, of ${uids}`);
	const starts = sh('journalctl -q -b -o json --output-fields=INDEXER_UID MESSAGE=started').stdout.split('\n').filter(Boolean)
		.map((line) => JSON.parse(line).INDEXER_UID).filter(Boolean);
	for (const { name, uid } of there.values())
		if (starts.filter((one) => one === uid).length !== 1)
			wrong(`${name} was started ${starts.filter((one) => one === uid).length} times in this boot`);
	// The daemon has it for itself alone; at rest, a copy is whole.
	const registry = run(`cp /var/lib/indexerd/registry.db* /tmp/ && python3 -c 'import sqlite3
for row in sqlite3.connect("/tmp/registry.db").execute("PRAGMA integrity_check"): print(*row)'; rm -f /tmp/registry.db*`);
	if (registry !== 'ok')
		wrong(`the registry: ${registry}`);
}

async function settled() {
	await served();
	let there;
	await until(async () => {
		there = await list();
		return [...there.values()].every((indexer) => indexer.status.state === 'STATE_RUNNING');
	}, { limit: 300_000, what: 'all run' }).catch(() => {
		for (const { name, status } of there.values())
			if (status.state !== 'STATE_RUNNING')
				wrong(`${name} is ${status.state}: ${status.message}`);
	});
	return there;
}

const create = async (indexer_id, spawned_by) => {
	const { uid } = await call('CreateIndexer', {
		indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: SOURCE, spawned_by },
	}, { deadline: 240_000 });
	answered(`created ${indexer_id} ${uid}`);
};

async function erase(ids) {
	await call('DeleteIndexer', { name: `indexers/${ids[0]}` }, { deadline: 240_000 });
	for (const id of ids)
		answered(`deleted ${id}`);
}

async function make([top, ...children]) {
	await create(top, '');
	for (const child of children)
		await create(child, `indexers/${top}`);
}

// Each fifth stays as it is; of the others, what is there is deleted, and what is not is created.
function plan(there, round) {
	return units.filter((_, i) => round === 0 ? i % 2 : (i + round) % 5).map((ids) => {
		const present = ids.filter((id) => there.has(id));
		for (const id of present.length ? present : ids)
			tell(`${present.length ? 'delete' : 'create'} ${id}`);
		return present.length ? () => erase(present) : () => make(ids);
	});
}

async function main() {
	const input = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
	const upTo = async (last) => {
		const lines = [];
		for (let line; (line = await input.next()).value !== last && !line.done;)
			lines.push(line.value);
		return lines;
	};
	const round = Number(process.argv[2]);
	const expected = expectation(await upTo('that is all'));
	fs.mkdirSync(SOURCE, { recursive: true });
	if (!fs.existsSync(`${SOURCE}/main.sh`)) {
		fs.writeFileSync(`${SOURCE}/main.sh`, MAIN, { mode: 0o755 });
		run(`sync ${SOURCE}/main.sh`);
	}
	const there = await settled();
	compare(there, expected);
	look(there);
	for (const [id, { uid }] of there)
		tell(`has ${id} ${uid}`);
	const acts = plan(there, round);
	tell('planned');
	const [order] = await upTo('go');
	if (order)
		reboot_after = Number(order.split(' ')[1]);
	if (reboot_after === 0)
		reboot();
	// What is not answered is nobody's word; the power fails, or the host goes down, meanwhile.
	await Promise.all(acts.map((act) => act().catch((error) => tell(`# ${error.message}`))));
	tell('done');
	process.exit(0);
}

main().catch((error) => {
	wrong(error.stack.replaceAll('\n', ' '));
	tell('planned');
	process.exit(1);
});
