// SPDX-License-Identifier: Apache-2.0
//
// A journal namespace for all indexers: where their lines are, that StreamLogs tells all as before, and
// what becomes of what was there before the namespace was chosen or given up.
'use strict';

const fs = require('node:fs');
const { assert, call, later, project, restart, run, sh, show, stream, test, unit, until } = require('./lib');

const CONFIG = '/etc/indexerd/indexerd.conf.d/namespace.conf';
const NAME = 'pool.2';

async function configure(text) {
	fs.mkdirSync('/etc/indexerd/indexerd.conf.d', { recursive: true });
	fs.writeFileSync(CONFIG, `[Journal]\n${text}\n`);
	await restart();
}

const create = (indexer_id, main, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': main }), ...indexer },
});
// So soon that nothing is said of the wait.
const SOON = { initial_backoff: { nanos: 1e8 }, max_backoff: { nanos: 1e8 } };
const state = (id) => `/var/lib/private/indexers/${id}`;
const lines = (where, what) => sh(`journalctl -q -o cat ${where} ${what}`).stdout;
const inNamespace = (what) => lines(`--namespace=${NAME}`, what);
const inDefault = (what) => lines('', what);

// A record in short: a line's content, or an event with what it says.
const short = (r) => r.event === 'LOG_EVENT_UNSPECIFIED' ? r.content
	: r.event.replace('LOG_EVENT_', '') + (r.lost ? ` ${r.lost}` : `: ${r.content}`);

const all = (request) => stream('StreamLogs', { no_follow: true, ...request }).rest(15_000);
const shorts = async (request) => (await all(request)).map(short);

const LEVELS = '#!/bin/sh\necho "<3>bad"\necho "<4>odd"\necho "<6>good"\nexec sleep infinity\n';

test('lines are in the namespace, at their levels, and none of them in the default journal', async () => {
	await configure(`Namespace=${NAME}`);
	const { uid, status } = await create('there', LEVELS);
	assert.equal(status.state, 'STATE_RUNNING');
	await until(() => inNamespace(`-u ${unit('there')}`).includes('good'));
	assert.equal(inNamespace(`-u ${unit('there')} -p err`), 'bad\n');
	assert.equal(inNamespace(`-u ${unit('there')} -p warning`), 'bad\nodd\n');
	assert.equal(inDefault(`INDEXER_UID=${uid}`), '');
	assert.match(sh(`systemctl status ${unit('there')}`).stdout, /there\[\d+\]: good$/m);
	// PID 1 speaks of the unit where it always does.
	assert.match(inDefault(`UNIT=${unit('there')}`), /Started/);
	// What the manual says, for whoever does not know the name.
	assert.equal(run(`journalctl -q -o cat --namespace=$(systemctl show -P LogNamespace ${unit('there')}) ` +
		`-u ${unit('there')} -p err`), 'bad');
	run('adduser --quiet --disabled-password --gecos "" reader && adduser --quiet reader systemd-journal');
	later(() => run('deluser --quiet reader'));
	assert.equal(run(`runuser -u reader -- journalctl -q -o cat --namespace=${NAME} -u ${unit('there')} -p err`), 'bad');
});

test('what indexer-exec complains about is there, too', async () => {
	await create('unrun', '#!/no/such/interpreter\n', { restart: { policy: 'POLICY_NEVER' } });
	await until(() => inNamespace(`-u ${unit('unrun')} -p err`).includes('interpreter'));
	await until(async () => (await shorts({ parent: 'indexers/unrun' })).length === 3);
	const [first, second, third] = await shorts({ parent: 'indexers/unrun' });
	assert.equal(first, 'STARTED: started');
	assert.match(second, /^cannot execute/);
	assert.equal(third, 'EXITED: the program cannot be executed');
});

test('StreamLogs: stored and live, events in their place, and each cursor goes on where it was', async () => {
	await create('again', '#!/bin/bash\necho "<3>run"\nuntil [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\n' +
		'rm "$STATE_DIRECTORY/go"\nseq 20\nexit 4\n', { restart: SOON });
	const parent = 'indexers/again';
	const follower = stream('StreamLogs', { parent });
	const want = ['STARTED: started', 'run'];
	assert.deepEqual((await follower.take(2)).map(short), want);
	const numbers = Array.from({ length: 20 }, (_, i) => String(i + 1));
	for (let i = 0; i < 3; i++) {
		fs.writeFileSync(`${state('again')}/go`, '');
		const news = [...numbers, 'EXITED: exited with code 4', 'STARTED: started', 'run'];
		assert.deepEqual((await follower.take(news.length)).map(short), news);
		want.push(...news);
	}
	await call('StopIndexer', { name: parent });
	want.push('EXITED: stopped');
	assert.equal(short(await follower.next()), want.at(-1));
	follower.cancel();
	const records = await all({ parent });
	assert.deepEqual(records.map(short), want);
	const follow = async (cursor, n) => {
		const source = stream('StreamLogs', { parent, cursor });
		const found = (await source.take(n)).map(short);
		source.cancel();
		return found;
	};
	for (const [i, { cursor }] of records.entries()) {
		assert.deepEqual(await shorts({ parent, cursor }), want.slice(i + 1), `stored, from ${i}`);
		assert.deepEqual(await follow(cursor, want.length - i - 1), want.slice(i + 1), `following, from ${i}`);
	}
	const errors = want.filter((s) => !numbers.includes(s));
	assert.deepEqual(await shorts({ parent, level: 'LOG_LEVEL_ERROR' }), errors);
	assert.deepEqual(await shorts({ parent, tail: 2 }), ['20', 'EXITED: exited with code 4', 'STARTED: started', 'run', 'EXITED: stopped']);
});

test('how a process has ended is known, also when the daemon was away', async () => {
	await create('ends', '#!/bin/bash\nuntil [ -e "$STATE_DIRECTORY/go" ]; do sleep 0.05; done\nexit 5\n',
		{ restart: { policy: 'POLICY_NEVER' } });
	run('systemctl stop indexerd.socket indexerd-unit.socket indexerd.service');
	fs.writeFileSync(`${state('ends')}/go`, '');
	await until(() => show(unit('ends'), 'ActiveState').ActiveState !== 'active');
	run('systemctl start indexerd.socket indexerd-unit.socket');
	await restart();
	const { status } = await call('GetIndexer', { name: 'indexers/ends' });
	assert.deepEqual([status.last_exit.reason, status.last_exit.code], ['REASON_EXITED', 5]);
});

test('a deletion ends the stream, behind the last line', async () => {
	await create('gone', '#!/bin/bash\nlast() { for ((i = 1; i <= 500; i++)); do echo "$i"; done; exit 0; }\n' +
		'trap last TERM\necho up\nwhile :; do sleep 0.05; done\n');
	const follower = stream('StreamLogs', { parent: 'indexers/gone' });
	assert.deepEqual((await follower.take(2)).map(short), ['STARTED: started', 'up']);
	await call('DeleteIndexer', { name: 'indexers/gone' });
	const records = (await follower.rest(15_000)).map(short).filter((s) => !/Terminated/.test(s));
	assert.deepEqual(records, [...Array.from({ length: 500 }, (_, i) => String(i + 1)), 'EXITED: stopped', 'DELETED: deleted']);
});

// Two journalds write side by side, one of them busy: what PID 1 says is between the lines where it was
// said, and hides none of them.
test('many indexers that run again and again: all in place, nothing lost, nothing twice', async () => {
	const ids = Array.from({ length: 6 }, (_, i) => `busy-${i}`);
	// As often as is looked at and no more: the slower the host, the dearer each further run would be.
	const main = '#!/bin/bash\necho >>"$STATE_DIRECTORY/runs"\nseq 500\nexit $(($(wc -l <"$STATE_DIRECTORY/runs") <= 6))\n';
	await Promise.all(ids.map((id) => create(id, main, { restart: { policy: 'POLICY_ON_FAILURE', ...SOON } })));
	const followers = ids.map((id) => stream('StreamLogs', { parent: `indexers/${id}` }));
	const run1 = ['STARTED: started', ...Array.from({ length: 500 }, (_, i) => String(i + 1)), 'EXITED: exited with code 1'];
	const want = Array.from({ length: 6 }, () => run1).flat();
	for (const [i, follower] of followers.entries())
		assert.deepEqual((await follower.take(want.length, 100_000)).map(short), want, ids[i]);
	for (const [i, id] of ids.entries()) {
		followers[i].cancel();
		assert.deepEqual((await shorts({ parent: `indexers/${id}` })).slice(0, want.length), want, id);
	}
});

test('a journald of the namespace that ends, as one does that is idle, is started again and misses nothing', async () => {
	await create('idle', '#!/bin/bash\nfor ((i = 1; ; i++)); do echo "$i"; sleep 0.01; done\n');
	const follower = stream('StreamLogs', { parent: 'indexers/idle' });
	const records = (await follower.take(50)).map(short);
	for (let i = 0; i < 3; i++) {
		const pid = show(`systemd-journald@${NAME}.service`, 'MainPID').MainPID;
		run(`kill -TERM ${pid}`);
		await until(() => !['0', pid].includes(show(`systemd-journald@${NAME}.service`, 'MainPID').MainPID));
		records.push(...(await follower.take(50)).map(short));
	}
	assert.deepEqual(records.slice(1), Array.from({ length: 199 }, (_, i) => String(i + 1)));
});

test('its limits are its own: a flood does not push out the log of the system', async () => {
	run(`mkdir -p /etc/systemd/journald@${NAME}.conf.d`);
	later(() => run(`rm -r /etc/systemd/journald@${NAME}.conf.d; systemctl restart systemd-journald@${NAME}.service`));
	fs.writeFileSync(`/etc/systemd/journald@${NAME}.conf.d/size.conf`, '[Journal]\nSystemMaxUse=16M\nSystemMaxFileSize=4M\n');
	run(`systemctl restart systemd-journald@${NAME}.service; logger -t marker of the system`);
	await create('flood', '#!/bin/bash\nseq -f "%.0f $(head -c 200 /dev/urandom | base64 -w 0)" 100000\necho done\nexec sleep infinity\n');
	await until(() => inNamespace(`-u ${unit('flood')} -n 1`).includes('done'), { limit: 60_000 });
	run('journalctl --sync');
	const used = Number(run(`du -sm /var/log/journal/*.${NAME}`).split('\t')[0]);
	assert.ok(used <= 24, `${used} MB`);
	assert.equal(inDefault('-t marker'), 'of the system\n');
	const records = await all({ parent: 'indexers/flood', tail: 1 });
	assert.equal(records.at(-1).content, 'done');
	const [lost] = await all({ parent: 'indexers/flood' }).then((r) => r.filter((x) => x.event === 'LOG_EVENT_LOST'));
	assert.ok(lost.lost > 0, 'what was pushed out of the namespace is told');
});

test('given up while an indexer runs: nothing of it is hidden, and its next start is in the default journal', async () => {
	const { uid } = await create('moves', '#!/bin/bash\nfor ((i = 1; ; i++)); do echo "$i"; sleep 0.05; done\n');
	const parent = 'indexers/moves';
	const [, first] = await stream('StreamLogs', { parent }).take(2);
	assert.equal(first.content, '1');
	await configure('Namespace=');
	assert.equal(show(unit('moves'), 'LogNamespace').LogNamespace, NAME);
	const follower = stream('StreamLogs', { parent, cursor: first.cursor });
	const before = await follower.take(100);
	assert.deepEqual(before.map(short), Array.from({ length: 100 }, (_, i) => String(i + 2)));
	assert.equal(inDefault(`INDEXER_UID=${uid}`), '');
	await call('RestartIndexer', { name: parent });
	assert.equal(show(unit('moves'), 'LogNamespace').LogNamespace, '');
	await until(() => inDefault(`INDEXER_UID=${uid}`).startsWith('1\n2\n'));
	const records = await shorts({ parent });
	const end = records.indexOf('EXITED: stopped');
	assert.ok(end > 100);
	assert.deepEqual(records.slice(end + 1, end + 4), ['STARTED: started', '1', '2']);
	for (let next = ''; next !== 'EXITED: stopped';)
		next = short(await follower.next());
	assert.deepEqual((await follower.take(3)).map(short), ['STARTED: started', '1', '2']);
});

test('a name that systemd would not take is refused by name', () => {
	for (const name of ['a/b', '..', 'a b', '*', 'x'.repeat(65)]) {
		fs.writeFileSync(CONFIG, `[Journal]\nNamespace=${name}\n`);
		const { code, stderr } = sh('indexerd --check');
		assert.equal(code, 1, name);
		assert.match(stderr, /namespace\.conf:2: Namespace= wants a name of at most 64 letters/);
	}
	fs.writeFileSync(CONFIG, `[Journal]\nNamespace=${'x'.repeat(64)}\n`);
	assert.equal(run('indexerd --check'), '');
	fs.rmSync(CONFIG);
});
