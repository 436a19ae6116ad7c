// SPDX-License-Identifier: Apache-2.0
//
// DELETED of who is below another one: in the journal before the registry forgets the indexer, so that
// a daemon that is killed meanwhile loses none; and once in each stream, though it may have written it twice.
'use strict';

const { assert, call, later, project, run, served, sh, show, sleep, stream, test, until } = require('./lib');

const SILENT = '#!/bin/sh\nexec sleep infinity\n';
const N = 40, ROUNDS = 8;

const creator = (main) => {
	const project_source = project({ 'main.sh': main });
	return (indexer_id, spawned_by = '') => call('CreateIndexer', {
		indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source, spawned_by: spawned_by && `indexers/${spawned_by}` },
	});
};

const id = (record) => record.indexer.slice('indexers/'.length);
const short = (record) => record.event === 'LOG_EVENT_UNSPECIFIED' ? `${id(record)} ${record.content}` :
	`${id(record)} ${record.event.slice('LOG_EVENT_'.length)}`;
const follow = (request) => stream('StreamLogs', { recursive: true, ...request });
const all = (request) => stream('StreamLogs', { recursive: true, no_follow: true, ...request }).rest(30_000);
const shorts = async (request) => (await all(request)).map(short);
const deletions = (records) => records.filter((r) => r.event === 'LOG_EVENT_DELETED').map(id).sort();

async function take(follower, last) {
	const records = [];
	while (records.length === 0 || short(records.at(-1)) !== last)
		records.push(await follower.next());
	return records;
}

// A stream that goes on with its cursor whenever the daemon has gone: its records, and until(condition).
async function resuming(parent) {
	const records = [];
	let source = follow({ parent });
	records.push(await source.next());
	async function next() {
		try {
			records.push(await source.next(60_000));
		} catch (error) {
			assert.ok(['UNAVAILABLE', 'CANCELLED', 'INTERNAL'].includes(error.name), error.message);
			await served();
			source = follow({ parent, cursor: records.at(-1).cursor });
		}
	}
	return { records, until: async (condition) => { while (!condition()) await next(); } };
}

test('a tree that is deleted under kill -9: DELETED of each, once, behind a cursor and from the beginning', async () => {
	const create = creator(SILENT);
	await create('stays');
	const parent = 'indexers/stays';
	const follower = await resuming(parent);
	const want = [], moments = [];
	let usual = 0;
	for (let round = 0; round < ROUNDS; round++) {
		const top = `t${round}`, ids = Array.from({ length: N }, (_, i) => `${top}-${i}`);
		await create(top, 'stays');
		await Promise.all(ids.slice(0, 8).map((one) => create(one, top)));
		await Promise.all(ids.slice(8).map((one, i) => create(one, i % 4 ? top : ids[i % 8])));
		want.push(top, ...ids);
		await follower.until(() => follower.records.filter((r) => r.event === 'LOG_EVENT_STARTED').length === want.length + 1);
		const begun = Date.now(), name = `indexers/${top}`;
		const gone = call('DeleteIndexer', { name }).catch(() => {});
		// The first round shows how long it takes; then the moment is any, or behind any DELETED.
		if (round === 0) {
			await gone;
			usual = Date.now() - begun;
			continue;
		}
		const pid = Number(show('indexerd.service', 'MainPID').MainPID);
		if (round % 2) {
			await sleep(Math.random() * usual);
		} else {
			const before = deletions(follower.records).length, some = Math.ceil(Math.random() * N / 2);
			await follower.until(() => deletions(follower.records).length >= before + some);
		}
		process.kill(pid, 'SIGKILL');
		moments.push(`${Date.now() - begun} of ${usual} ms`);
		await gone;
		await served();
		await call('DeleteIndexer', { name, allow_missing: true }); // where it had not begun
	}
	await create('last', 'stays');
	await follower.until(() => short(follower.records.at(-1)) === 'last STARTED');
	const check = (records, what) => {
		const given = deletions(records);
		const lost = want.filter((name) => !given.includes(name)), twice = given.filter((name, i) => given.indexOf(name) !== i);
		assert.equal(`lost: ${lost}, twice: ${twice}, of ${given.length}`, `lost: , twice: , of ${want.length}`,
			`${what}, killed at ${moments.join(', ')}; lost: ${lost}, twice: ${twice}`);
	};
	check(follower.records, 'behind a cursor');
	check(await all({ parent }), 'from the beginning');
	check(await all({ parent, level: 'LOG_LEVEL_ERROR' }), 'of errors');
	// Where it has one twice, that is said of the second.
	const notices = run('journalctl -q -o json _SYSTEMD_UNIT=indexerd.service MESSAGE_ID=9a8b7dedf07c41709d7194ca1a18a90e')
		.split('\n').map((line) => JSON.parse(line));
	const firsts = notices.filter((notice, i) => notices.findIndex((other) => other.INDEXER_UID === notice.INDEXER_UID) === i);
	assert.deepEqual(firsts.map((notice) => notice.INDEXER_ID).sort(), want.sort());
	assert.ok(notices.every((notice) => firsts.includes(notice) || notice.INDEXER_AGAIN === '1'));
}, { limit: 400_000 });

// Writes a record that is the daemon's: journald learns whose a process is from its control group.
const AS_DAEMON = `
import fcntl, os, socket, sys, termios, time
with open(sys.argv[1] + "/cgroup.procs", "w") as procs:
    procs.write(str(os.getpid()))
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
journal.send(sys.stdin.buffer.read())
journal.send(b"")
while any(fcntl.ioctl(journal, termios.TIOCOUTQ, bytes(4))):
    time.sleep(0.001)
`;
const journalctl = (...matches) => sh(`journalctl -q -o json ${matches.join(' ')}`).stdout.split('\n').filter(Boolean).map((line) => JSON.parse(line));
const entry = (fields) => Object.entries(fields).flatMap(([name, values]) => [values].flat().map((value) => `${name}=${value}\n`)).join('');
const asDaemon = (fields) => run(`python3 -c '${AS_DAEMON}' /sys/fs/cgroup${show('indexerd.service', 'ControlGroup').ControlGroup}`,
	{ input: entry(fields) });

test('a DELETED that the journal has several times is given once, wherever a stream begins', async () => {
	const create = creator('#!/bin/bash\ntrap "echo line \\$((++n))" USR1\necho up\nwhile :; do sleep 0.05; done\n');
	const root = await create('twice');
	const parent = 'indexers/twice';
	const follower = follow({ parent });
	await take(follower, 'twice up');
	const want = [];
	let lines = 0;
	const speak = async () => {
		run('systemctl kill --kill-whom=main -s USR1 indexer-twice.service');
		const records = await take(follower, `twice line ${++lines}`);
		want.push(...records);
		return records.map(short);
	};
	const noticeOf = (uid) => {
		const [notice] = journalctl('_SYSTEMD_UNIT=indexerd.service', `INDEXER_UID=${uid}`);
		return Object.fromEntries(Object.entries(notice).filter(([name]) => /^(MESSAGE|MESSAGE_ID|PRIORITY|INDEXER_.*)$/.test(name)));
	};
	const born = [];
	for (const [i, name] of ['a', 'b', 'a'].entries()) { // the second of its name is another one
		born.push((await create(name, 'twice')).uid);
		want.push(...await take(follower, `${name} up`));
		await call('DeleteIndexer', { name: `indexers/${name}` });
		assert.deepEqual(await speak(), [`${name} EXITED`, `${name} DELETED`, `twice line ${lines}`]);
		for (const uid of born)
			asDaemon({ ...noticeOf(uid), INDEXER_AGAIN: 1 });
		if (i === 1)
			asDaemon({ ...noticeOf(born[0]), INDEXER_AGAIN: 1 });
		assert.deepEqual(await speak(), [`twice line ${lines}`]);
	}
	// One that the journal does not have yet is given, though it may be a repetition, and whatever others wrote.
	const uid = 'd'.repeat(32);
	const notice = { ...noticeOf(born[0]), INDEXER_UID: uid, INDEXER_ID: 'c', INDEXER_LINEAGE: `${root.uid}/${uid}`,
		INDEXER_TREE: [root.uid, uid], INDEXER_AGAIN: 1 };
	run('logger --journald', { input: entry(notice) });
	asDaemon(notice);
	asDaemon(notice);
	assert.deepEqual(await speak(), ['c DELETED', `twice line ${lines}`]);
	assert.equal(journalctl(`INDEXER_TREE=${root.uid}`, 'INDEXER_AGAIN=1').length, 10);

	const stored = await all({ parent });
	const texts = want.map(short), offset = stored.length - texts.length;
	assert.deepEqual(stored.map(short).slice(offset), texts);
	for (const [i, { cursor, time }] of want.entries()) {
		assert.deepEqual(await shorts({ parent, cursor }), texts.slice(i + 1), `behind ${i} ${texts[i]}`);
		const live = follow({ parent, cursor });
		if (i + 1 < want.length)
			assert.deepEqual((await live.take(want.length - i - 1)).map(short), texts.slice(i + 1));
		live.cancel();
		const since = (await shorts({ parent, since: time })).filter((text) => text.endsWith('DELETED'));
		assert.deepEqual(since, texts.slice(i).filter((text) => text.endsWith('DELETED')), `since ${i} ${texts[i]}`);
	}
	follower.cancel();
});

test('a journald that takes nothing holds a deletion up for a while and not for ever, and then has it', async () => {
	const create = creator(SILENT);
	await create('held');
	const follower = follow({ parent: 'indexers/held' });
	const ids = ['one', 'two', 'three', 'four'];
	for (const [i, name] of ids.entries()) {
		await create(name, i ? ids[i - 1] : 'held');
		await take(follower, `${name} STARTED`);
	}
	const journald = Number(show('systemd-journald.service', 'MainPID').MainPID);
	later(() => process.kill(journald, 'SIGCONT'));
	process.kill(journald, 'SIGSTOP');
	const begun = Date.now();
	await call('DeleteIndexer', { name: 'indexers/one' });
	const took = Date.now() - begun;
	// Once for the whole tree, though each level is deleted only after the one below it.
	assert.ok(took > 4_000 && took < 12_000, `${took} ms`);
	process.kill(journald, 'SIGCONT');
	const words = /journald does not take the record that indexers\/four is deleted; /;
	await until(() => words.test(sh('journalctl -q -o cat -u indexerd.service').stdout));
	const records = await take(follower, 'one DELETED');
	assert.deepEqual(deletions(records), [...ids].sort());
	// It is waited for again.
	await create('five', 'held');
	await call('DeleteIndexer', { name: 'indexers/five' });
	assert.deepEqual(deletions(await take(follower, 'five DELETED')), ['five']);
	assert.deepEqual(deletions(await all({ parent: 'indexers/held' })), [...ids, 'five'].sort());
});
