// SPDX-License-Identifier: Apache-2.0
//
// WatchIndexers: the present state, SYNCED, then what changes; filters, slow watchers, many of them,
// and an indexer that watches its own subtree.
'use strict';

const { assert, call, project, refused, run, served, sh, show, stream, test, until } = require('./lib');

const SLEEPER = '#!/bin/sh\nexec sleep infinity\n';
const make = (indexer_id, indexer = {}) => call('CreateIndexer', {
	indexer_id, indexer: { runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': SLEEPER }), ...indexer },
});
const remove = (id) => call('DeleteIndexer', { name: `indexers/${id}` });

const watch = (filter = '') => stream('WatchIndexers', { filter }, { deadline: 110_000 });

const words = ({ event, indexer }) => `${event.replace('WATCH_EVENT_', '')}${indexer ? ` ${indexer.name.split('/')[1]}` : ''}`;

// Reads until an event is there for which `wanted` is true.
async function reach(watching, wanted) {
	for (const seen = []; ;) {
		const event = await watching.next(20_000);
		assert.ok(event, 'the stream goes on');
		seen.push(event);
		if (wanted(event))
			return seen;
	}
}

const synced = (watching) => reach(watching, (e) => e.event === 'WATCH_EVENT_SYNCED');

test('the present state, SYNCED, and then what changes', async () => {
	await make('first', { labels: { a: '1' } });
	const watching = watch();
	assert.deepEqual((await synced(watching)).map(words), ['ADDED first', 'SYNCED']);
	await make('second');
	const born = await reach(watching, (e) => e.indexer.status.state === 'STATE_RUNNING');
	assert.equal(words(born[0]), 'ADDED second');
	assert.ok(born.slice(1).every((e) => words(e) === 'MODIFIED second'));
	const { uid } = born[0].indexer;
	await call('UpdateIndexer', { indexer: { name: 'indexers/second', labels: { b: '2' } }, update_mask: { paths: ['labels'] } });
	assert.deepEqual((await watching.next()).indexer.labels, { b: '2' });
	await remove('second');
	const gone = await reach(watching, (e) => e.event === 'WATCH_EVENT_DELETED');
	assert.equal(gone.at(-1).indexer.uid, uid);
	assert.equal(gone[0].indexer.status.state, 'STATE_DELETING');
});

test('a filter: what enters and leaves it', async () => {
	await make('red', { labels: { team: 'red' } });
	await make('blue', { labels: { team: 'blue' } });
	const watching = watch('labels.team = red');
	const other = watch('status.state = STOPPED');
	assert.deepEqual((await synced(watching)).map(words), ['ADDED red', 'SYNCED']);
	assert.deepEqual((await synced(other)).map(words), ['SYNCED']);
	const paint = (id, team) => call('UpdateIndexer', { indexer: { name: `indexers/${id}`, labels: { team } }, update_mask: { paths: ['labels'] } });
	await paint('blue', 'red');
	assert.equal(words(await watching.next()), 'ADDED blue');
	await paint('red', 'green');
	assert.equal(words(await watching.next()), 'DELETED red');
	await call('StopIndexer', { name: 'indexers/red' });
	assert.equal(words(await other.next()), 'ADDED red');
	await call('StartIndexer', { name: 'indexers/red' });
	assert.equal(words(await reach(other, (e) => e.event === 'WATCH_EVENT_DELETED').then((seen) => seen.at(-1))), 'DELETED red');
	await refused(watch('labels.team = ').next(), 'INVALID_ARGUMENT', /column/);
});

test('another indexer of the same id is another one', async () => {
	const before = await make('twice');
	const watching = watch('name = "indexers/twice"');
	await synced(watching);
	await remove('twice');
	const after = await make('twice');
	const events = await reach(watching, (e) => e.event === 'WATCH_EVENT_ADDED');
	const gone = events.find((e) => e.event === 'WATCH_EVENT_DELETED');
	assert.equal(gone.indexer.uid, before.uid);
	assert.equal(events.at(-1).indexer.uid, after.uid);
});

test('a process that ends by itself is told', async () => {
	await make('crash', { restart: { policy: 'POLICY_NEVER' } });
	const watching = watch();
	await synced(watching);
	run(`kill -9 ${show('indexer-crash.service', 'MainPID').MainPID}`);
	const seen = await reach(watching, (e) => e.indexer.status.state === 'STATE_FAILED');
	assert.equal(seen.at(-1).indexer.status.last_exit.signal, 'SIGKILL');
});

test('a crash is told as what it is: a back-off and a start', async () => {
	await make('crash', { restart: { policy: 'POLICY_ALWAYS' } });
	const watching = watch();
	await synced(watching);
	const pid = Number(show('indexer-crash.service', 'MainPID').MainPID);
	run(`kill -9 ${pid}`);
	const seen = await reach(watching, ({ indexer: { status } }) =>
		status.state === 'STATE_RUNNING' && Number(status.main_pid) !== pid && Number(status.main_pid) > 0);
	const states = seen.map((e) => e.indexer.status.state.replace('STATE_', ''));
	assert.deepEqual(states.filter((s) => !['RUNNING', 'BACKING_OFF', 'STARTING'].includes(s)), [], states.join());
	assert.ok(states.includes('BACKING_OFF'), states.join());
});

test('nothing is told of a daemon-reload or a new PID 1, which change nothing', async () => {
	await Promise.all(Array.from({ length: 12 }, (_, i) => make(`steady-${i}`)));
	const watching = watch();
	await synced(watching);
	for (const command of ['daemon-reload', 'daemon-reload', 'daemon-reload', 'daemon-reexec', 'daemon-reload'])
		run(`systemctl ${command}`);
	await make('last');
	const seen = await reach(watching, (e) => words(e).endsWith(' last') && e.indexer.status.state === 'STATE_RUNNING');
	assert.deepEqual(seen.map(words).filter((w) => !w.endsWith(' last')), []);
});

test('what an indexer uses is told while it changes, and not when it does not', async () => {
	await make('still');
	const watching = watch();
	await synced(watching);
	const project_source = project({ 'main.sh': '#!/bin/sh\nwhile [ ! -e quiet ]; do :; done\nexec sleep infinity\n' });
	await make('burning', { project_source });
	const usage = ({ seconds = 0, nanos = 0 } = {}) => Number(seconds) + nanos / 1e9;
	const seen = await reach(watching, (e) => usage(e.indexer.status.cpu_usage || undefined) > 0.5);
	assert.ok(seen.every((e) => words(e) !== 'MODIFIED still'), 'nothing is told of what sleeps');
});

test('a slow watcher gets the last state of each, and nobody waits for it', async () => {
	await make('busy');
	await make('gone');
	const slow = watch();
	await synced(slow);
	slow.pause();
	for (let i = 0; i < 300; i++)
		await call('UpdateIndexer', {
			indexer: { name: 'indexers/busy', labels: { n: String(i), filling: 'x'.repeat(1000) } }, update_mask: { paths: ['labels'] },
		});
	await remove('gone');
	slow.resume();
	const seen = await reach(slow, (e) => e.event === 'WATCH_EVENT_DELETED');
	const states = seen.filter((e) => words(e) === 'MODIFIED busy').map((e) => Number(e.indexer.labels.n));
	assert.equal(states.at(-1), 299, 'the last state is there');
	assert.deepEqual(states, [...states].sort((a, b) => a - b), 'in order');
});

test('many watchers of one filter: all are told', async () => {
	const watchers = Array.from({ length: 200 }, () => watch('labels.many:*'));
	await Promise.all(watchers.map(synced));
	await make('one', { labels: { many: 'yes' } });
	await Promise.all(watchers.map((w) => reach(w, (e) => e.indexer.status.state === 'STATE_RUNNING')));
	await remove('one');
	await Promise.all(watchers.map((w) => reach(w, (e) => e.event === 'WATCH_EVENT_DELETED')));
});

test('watches are opened and closed while everything changes', async () => {
	const project_source = project({ 'main.sh': '#!/bin/sh\nexit 3\n' });
	await Promise.all(Array.from({ length: 8 }, (_, i) => make(`flapping-${i}`, { project_source })));
	const daemon = show('indexerd.service', 'MainPID').MainPID;
	const long = (n) => `${Array.from({ length: 90 }, (_, i) => `labels.k${i} = "${n}${'y'.repeat(60)}"`).join(' OR ')} OR name = "*"`;
	const end = Date.now() + 6_000;
	const one = async (n) => {
		for (let round = 0; Date.now() < end; round++) {
			const watching = watch(long(n));
			await synced(watching);
			watching.cancel();
		}
	};
	await Promise.all(Array.from({ length: 12 }, (_, n) => one(n)));
	assert.equal(show('indexerd.service', 'MainPID').MainPID, daemon, 'the daemon is the same');
});

test('one caller watches only so many filters at once', async () => {
	const watchers = [];
	// Those of the test before count until the daemon has heard that they are cancelled.
	await until(async () => {
		const watching = watch(`labels.n = "${watchers.length}"`);
		if (await watching.next().then(() => true, () => false))
			watchers.push(watching);
		return watchers.length === 16;
	});
	for (let i = 0; i < 4; i++)
		await refused(watch(`labels.more = "${i}"`).next(), 'RESOURCE_EXHAUSTED', /filters are watched/);
	assert.equal(words(await watch('labels.n = "0"').next()), 'SYNCED', 'one that is watched already counts once');
	watchers.forEach((w) => w.cancel());
	await until(() => watch('labels.other:*').next().then(() => true, () => false));
});

test('the end of the daemon ends the stream with UNAVAILABLE', async () => {
	const watching = watch();
	await synced(watching);
	const end = watching.next(20_000);
	run('systemctl restart indexerd.service');
	await refused(end, 'UNAVAILABLE', /shutting down/);
	await served();
});

test('an indexer watches its subtree only', async () => {
	const source = project({
		'watch.sh': '#!/bin/sh\nexec indexerctl --address "$INDEXER_RUNNER_ADDRESS" watch\n', 'main.sh': SLEEPER,
	});
	const { uid } = await make('watcher', { project_source: source, script: 'watch.sh' });
	await make('stranger');
	await make('child', { spawned_by: 'indexers/watcher' });
	const lines = await until(() => {
		const text = sh(`journalctl -q -o cat INDEXER_UID=${uid}`).stdout;
		return /child.*RUNNING/.test(text) && text;
	});
	assert.ok(!lines.includes('stranger'), lines);
});
