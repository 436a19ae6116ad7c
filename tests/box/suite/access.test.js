// SPDX-License-Identifier: Apache-2.0
//
// Who may do what on the first socket, and how much.
'use strict';

const { assert, call, health, later, project, refused, restart, run, served, services, sh, stream, test,
	unit, until } = require('./lib');
const { as, configure, misconfigure, user } = require('./people');

const SLEEPER = '#!/bin/sh\necho up\nexec sleep infinity\n';
const LISTS = '[Access]\nUsers=alice root\nGroups=operators\nReadOnlyUsers=bob\nReadOnlyGroups=5151\n';

run('groupadd -f -g 5151 viewers');
const alice = user('alice', ['indexerd']);
const bob = user('bob', ['indexerd', 'operators']);
const carol = user('carol', ['indexerd']);
const dave = user('dave', ['indexerd', 'operators']);
const erin = user('erin', ['indexerd', 'viewers']);

const indexer = (more = {}) =>
	({ runtime: 'exec', script: 'main.sh', project_source: project({ 'main.sh': SLEEPER }), ...more });
const create = (indexer_id, address, more) =>
	call('CreateIndexer', { indexer_id, indexer: indexer(more) }, { address });

const CHANGES = [
	['CreateIndexer', { indexer_id: 'x', indexer: {} }],
	['DeleteIndexer', { name: 'indexers/x' }],
	['UpdateIndexer', { indexer: { name: 'indexers/x' } }],
	['StartIndexer', { name: 'indexers/x' }],
	['StopIndexer', { name: 'indexers/x' }],
	['RestartIndexer', { name: 'indexers/x' }],
];

test('without lists, whoever can connect has full access', async () => {
	await create('free', as(carol));
	await call('DeleteIndexer', { name: 'indexers/free' }, { address: as(carol) });
});

test('users and groups in the lists have full access, and so has root', async () => {
	await configure(LISTS);
	for (const who of [alice, dave, user('root')]) {
		const address = as(who);
		await create('listed', address);
		await call('StopIndexer', { name: 'indexers/listed' }, { address });
		await call('DeleteIndexer', { name: 'indexers/listed' }, { address });
	}
});

test('who may read only is served what reads, and told why not the rest', async () => {
	await configure(LISTS);
	await create('shown', as(alice));
	for (const [who, key] of [[bob, 'ReadOnlyUsers='], [erin, 'ReadOnlyGroups=']]) {
		const address = as(who);
		assert.equal((await call('GetIndexer', { name: 'indexers/shown' }, { address })).name, 'indexers/shown');
		assert.equal((await call('ListIndexers', {}, { address })).indexers.length, 1);
		await stream('StreamLogs', { parent: 'indexers/shown', no_follow: true }, { address }).next();
		assert.equal(await health('', { address }), 'SERVING');
		assert.ok((await services('v1', address)).includes('indexerd.v1.IndexerRunner'));
		for (const [method, request] of CHANGES) {
			const error = await refused(call(method, request, { address }), 'PERMISSION_DENIED',
				new RegExp(`the user ${who.name} \\(uid ${who.uid}\\) may only read, by ${key} in \\[Access\\]`));
			assert.match(error.details, new RegExp(method));
			assert.equal(error.reason, 'READ_ONLY');
		}
	}
});

test('who is in no list is told so, by name, on every call', async () => {
	await configure(LISTS);
	const address = as(carol);
	const words = new RegExp(`the user carol \\(uid ${carol.uid}\\) has no access: neither Users= nor Groups= in \\[Access\\]`);
	for (const [method, request] of [...CHANGES, ['GetIndexer', { name: 'indexers/x' }], ['ListIndexers', {}]]) {
		const error = await refused(call(method, request, { address }), 'PERMISSION_DENIED', words);
		assert.equal(error.reason, 'ACCESS_DENIED');
	}
	await refused(stream('StreamLogs', { parent: 'indexers/x' }, { address }).next(), 'PERMISSION_DENIED', words);
	await refused(health('', { address }), 'PERMISSION_DENIED', words);
	const shown = sh(`runuser -u carol -- indexerctl list`);
	assert.notEqual(shown.code, 0);
	assert.match(shown.stderr, /the user carol .* has no access/);
});

test('lists of readers alone take nothing from the others', async () => {
	await configure('[Access]\nReadOnlyUsers=bob\n');
	await refused(create('x', as(bob)), 'PERMISSION_DENIED', /bob/);
	await create('others', as(carol));
});

test('lists do not touch indexers: who they are is known by their unit', async () => {
	await configure(LISTS);
	await create('factory', as(alice), {
		project_source: project({
			'main.sh': '#!/bin/sh\nindexerctl --address "$INDEXER_RUNNER_ADDRESS" create child --runtime=exec --script=sleep.sh\nexec sleep infinity\n',
			'sleep.sh': SLEEPER,
		}),
	});
	await until(() => call('GetIndexer', { name: 'indexers/child' }).then(() => true, () => false));
});

test('a name that does not exist is refused with its line', async () => {
	later(async () => {
		await restart();
	});
	assert.match(misconfigure('[Access]\nUsers=alice nobody-of-that-name\n'),
		/90-test\.conf:2: there is no user nobody-of-that-name on this server/);
	assert.match(misconfigure('[Access]\nGroups=no-such-group\n'),
		/90-test\.conf:2: there is no group no-such-group/);
});

test('streams of one user are limited, and others have theirs', async () => {
	await configure('[Limits]\nMaxStreamsPerUser=3\n');
	await create('logged', as(alice));
	const open = () => stream('StreamLogs', { parent: 'indexers/logged' }, { address: as(bob) });
	const streams = [open(), open(), open()];
	await Promise.all(streams.map((s) => s.next()));
	const error = await refused(open().next(), 'RESOURCE_EXHAUSTED',
		new RegExp(`the user with uid ${bob.uid} has streams open already, and MaxStreamsPerUser= in indexerd.conf allows 3`));
	assert.equal(error.reason, 'TOO_MANY_STREAMS');
	assert.equal(error.info.QuotaFailure[0].violations[0].subject, `user:${bob.uid}`);
	assert.match(error.info.QuotaFailure[0].violations[0].description, /MaxStreamsPerUser=/);
	assert.ok(error.info.RetryInfo);
	await stream('StreamLogs', { parent: 'indexers/logged' }, { address: as(carol) }).next();
	streams[0].cancel();
	await until(() => open().next().then(() => true, () => false));
});

test('calls of one user are limited, also of one who goes away and comes back meanwhile', async () => {
	await configure('[Limits]\nMaxCallsPerUser=2\n');
	const stubborn = "#!/bin/sh\ntrap '' TERM\nwhile :; do sleep 1; done\n";
	await create('stubborn', undefined, { project_source: project({ 'main.sh': stubborn }) });
	// Each of these is a connection of its own, which is closed while the call goes on in the daemon.
	const asBob = (verb) => sh(`setpriv --reuid=${bob.uid} --regid=${bob.gid} --groups=${bob.groups} ` +
		`indexerctl --timeout=1 ${verb}`);
	assert.equal(asBob('list').code, 0);
	for (let i = 0; i < 2; i++)
		assert.match(asBob('stop stubborn').stderr, /within|deadline/i);
	const { code, stderr } = asBob('list');
	assert.notEqual(code, 0);
	assert.match(stderr, /has calls in flight already, and MaxCallsPerUser= in indexerd.conf allows 2/);
	const error = await refused(call('ListIndexers', {}, { address: as(bob) }), 'RESOURCE_EXHAUSTED', /calls in flight already/);
	assert.equal(error.reason, 'TOO_MANY_CALLS');
	assert.equal(error.info.QuotaFailure[0].violations[0].subject, `user:${bob.uid}`);
	assert.equal((await call('ListIndexers', {}, { address: as(carol) })).indexers.length, 1);
	run(`systemctl kill -s KILL ${unit('stubborn')}`);
	await until(() => asBob('list').code === 0);
});

test('a tree grows only so deep', async () => {
	await configure('[Limits]\nMaxDepth=2\n');
	await create('root-level');
	await create('second', undefined, { spawned_by: 'indexers/root-level' });
	const error = await refused(create('third', undefined, { spawned_by: 'indexers/second' }), 'RESOURCE_EXHAUSTED',
		/indexers\/second is at level 2 of its tree, and MaxDepth= in indexerd\.conf allows 2/);
	assert.equal(error.reason, 'DEPTH_LIMIT');
	assert.equal(error.info.QuotaFailure[0].violations[0].subject, 'indexers/second');
	await create('second', undefined, { spawned_by: 'indexers/root-level' }); // what is there is answered
});

test('an indexer has only so many below it, at all levels, and deleting makes room', async () => {
	await configure('[Limits]\nMaxDescendants=2\n');
	await create('top');
	await create('one', undefined, { spawned_by: 'indexers/top' });
	await create('two', undefined, { spawned_by: 'indexers/one' });
	for (const parent of ['top', 'one', 'two']) {
		const error = await refused(create('three', undefined, { spawned_by: `indexers/${parent}` }), 'RESOURCE_EXHAUSTED',
			/indexers\/top has 2 indexers below it, and MaxDescendants= in indexerd\.conf allows 2/);
		assert.equal(error.reason, 'DESCENDANT_LIMIT');
		assert.equal(error.info.QuotaFailure[0].violations[0].subject, 'indexers/top');
	}
	await create('beside');
	await restart(); // counted anew from the registry
	await refused(create('three', undefined, { spawned_by: 'indexers/top' }), 'RESOURCE_EXHAUSTED');
	await call('DeleteIndexer', { name: 'indexers/two' });
	await create('three', undefined, { spawned_by: 'indexers/one' });
});

test('a user has only so many indexers, with those that its own create; root is not counted', async () => {
	await configure('[Limits]\nMaxIndexersPerUser=2\n');
	await create('of-bob', as(bob), {
		project_source: project({
			'main.sh': '#!/bin/sh\nindexerctl --address "$INDEXER_RUNNER_ADDRESS" create of-its --runtime=exec --script=sleep.sh\nexec sleep infinity\n',
			'sleep.sh': SLEEPER,
		}),
	});
	await until(() => call('GetIndexer', { name: 'indexers/of-its' }).then(() => true, () => false));
	await restart();
	const error = await refused(create('one-more', as(bob)), 'RESOURCE_EXHAUSTED',
		new RegExp(`user:${bob.uid} has 2 indexers.*MaxIndexersPerUser= in indexerd\\.conf allows 2`));
	assert.equal(error.reason, 'USER_INDEXER_LIMIT');
	assert.equal(error.info.QuotaFailure[0].violations[0].subject, `user:${bob.uid}`);
	await create('of-carol', as(carol));
	for (const id of ['of-root-1', 'of-root-2', 'of-root-3'])
		await create(id);
});
