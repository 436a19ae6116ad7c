// SPDX-License-Identifier: Apache-2.0
//
// The state of indexers in a directory and in Debian's Redis: the sink is told where, and what it has written
// is gone with it, whatever happens to the back end meanwhile.
'use strict';

const fs = require('node:fs');
const { assert, call, later, refused, restart, run, served, sh, show, test, unit, until } = require('./lib');
const {
	CREDENTIALS, DROP_IN, SECRET, configure, create, delayed, get, gone, keys, redis, remove, said, sink, startRedis,
	stopRedis, told, unconfigured,
} = require('./sinks');

test('in its directory, without a word of configuration', async () => {
	const made = await create('files');
	assert.equal(told(made), 'env: PERSIST_TO_FS=/var/lib/indexers/files SINK_ID=files STATE_DIRECTORY=/var/lib/indexers/files ');
	assert.ok(fs.existsSync('/var/lib/private/indexers/files/files.state'));
	await remove('files');
	assert.ok(!fs.existsSync('/var/lib/private/indexers/files'));
	const again = await create('files');
	assert.doesNotMatch(said(again), /met an old state/);
	for (const key of ['SINK_ID', 'PERSIST_TO_FS', 'PERSIST_TO_REDIS', 'PERSIST_TO_ETCD']) {
		const error = await refused(call('CreateIndexer', {
			indexer_id: 'own', indexer: { ...sink(), environment: { [key]: 'x' } },
		}), 'INVALID_ARGUMENT', new RegExp(`indexer.environment\\["${key}"\\]`));
		assert.equal(error.reason, 'ENVIRONMENT_RESERVED');
	}
});

test('Redis: by the address with user, password and database, and nobody sees the password', async () => {
	await startRedis();
	redis(`acl setuser sinks on '>${SECRET}' '~apibara:sink:*' +@all -@dangerous`);
	redis('-n 2 set apibara:sink:other kept');
	await configure(['Backend=redis', 'Address=redis://sinks@localhost:6379/2', 'Credential=redis-password'],
		{ 'redis-password': SECRET });
	const made = await create('sink');
	assert.match(told(made), /PERSIST_TO_REDIS=redis:\/\/sinks:s3cret%40%2F%3A@localhost:6379\/2 SINK_ID=sink STATE_DIRECTORY/);
	assert.deepEqual(keys(2), ['apibara:sink:other', 'apibara:sink:sink']);
	const places = [JSON.stringify([made, await get('sink')]), run(`systemctl show ${unit('sink')} indexerd.service`),
		run('journalctl -q -o cat -u indexerd.service -u indexerd-clear@*.service'),
		run('cat /proc/$(systemctl show -P MainPID indexerd.service)/cmdline'),
		run('cat /var/lib/indexerd/registry.db*')];
	for (const text of places)
		assert.doesNotMatch(text, /s3cret/);
	await remove('sink');
	assert.deepEqual(keys(2), ['apibara:sink:other']);
	// It can be used again, and begins anew.
	const again = await create('sink');
	assert.doesNotMatch(said(again), /met an old state/);
	await remove('sink');
	redis('flushall');
	await until(() => !run('systemctl list-units --all --no-legend "indexerd-clear@*"').includes('indexerd-clear'));
});

test('Redis is down: UNAVAILABLE, DELETING with the reason, also after a crash, and finished when it is back', async () => {
	await unconfigured();
	await create('elsewhere');
	await configure(['Backend=redis', 'Address=redis://127.0.0.1:6379']);
	await create('down');
	await create('fine');
	await call('DeleteIndexer', { name: 'indexers/fine' });
	assert.deepEqual(keys(), ['apibara:sink:down']);
	redis('save');
	stopRedis();
	await delayed(remove('down'), /^indexers\/down: its state in redis at redis:\/\/127\.0\.0\.1:6379 cannot be cleared: .*Connection refused/);
	const { status } = await get('down');
	assert.equal(status.state, 'STATE_DELETING');
	assert.match(status.message, /redis at redis:\/\/127\.0\.0\.1:6379 cannot be cleared: .*Connection refused/);
	assert.equal(show(unit('down'), 'MainPID').MainPID, '0');
	assert.equal((await refused(call('CreateIndexer', { indexer_id: 'down', indexer: sink() }), 'ABORTED')).reason, 'BEING_DELETED');
	await delayed(remove('down'), /Connection refused/);
	await remove('elsewhere'); // others are not held up
	run('systemctl kill -s KILL indexerd.service');
	await served();
	await until(async () => (await get('down')).status.message.includes('Connection refused'));
	assert.equal((await get('down')).status.state, 'STATE_DELETING');
	await startRedis();
	assert.deepEqual(keys(), ['apibara:sink:down'], 'it was not lost with the server');
	await gone('down'); // by itself
	assert.deepEqual(keys(), []);
});

test('who deletes again when it is back waits until it is gone', async () => {
	await create('again');
	redis('save');
	stopRedis();
	await delayed(remove('again'));
	await startRedis();
	await remove('again');
	assert.deepEqual(keys(), []);
});

test('a tree: children before parents, and the parent’s call is told of a child', async () => {
	await create('parent');
	await create('child-a', { spawned_by: 'indexers/parent' });
	await create('child-b', { spawned_by: 'indexers/parent' });
	redis('save');
	stopRedis();
	await delayed(remove('parent'), /^indexers\/child-[ab]: its state in redis/);
	assert.equal((await get('parent')).status.message, 'waiting for the indexers that it spawned');
	await startRedis();
	await remove('parent');
	assert.deepEqual(keys(), []);
	await gone('child-a');
});

test('a wrong password, and none', async () => {
	redis(`config set requirepass '${SECRET}'`);
	later(() => redis(`-a '${SECRET}' --no-auth-warning config set requirepass ''`));
	await configure(['Backend=redis', 'Address=redis://default@127.0.0.1:6379', 'Credential=redis-password'], { 'redis-password': SECRET });
	await create('locked');
	fs.writeFileSync('/etc/indexerd/redis-password', 'wrong\n');
	await restart();
	await delayed(remove('locked'), /AUTH: WRONGPASS/);
	fs.writeFileSync('/etc/indexerd/redis-password', `${SECRET}\n`);
	await restart();
	await remove('locked').catch((error) => assert.equal(error.name, 'NOT_FOUND'));
	await create('locked');
	await configure(['Backend=redis', 'Address=redis://127.0.0.1:6379']);
	fs.rmSync(`${CREDENTIALS}/50-persistence.conf`);
	run('systemctl daemon-reload');
	await restart();
	await delayed(remove('locked'), /its credential redis-password: LoadCredential= of indexerd.service does not name it/);
	await call('CreateIndexer', { indexer_id: 'without', indexer: sink() });
	await delayed(remove('without'), /DEL: NOAUTH/);
	await configure(['Backend=redis', 'Address=redis://127.0.0.1:6379'], { 'redis-password': SECRET });
	await gone('locked');
	redis(`-a '${SECRET}' --no-auth-warning config set requirepass ''`);
	await gone('without');
	assert.deepEqual(keys(), []);
});

test('what it was created with counts, not what the configuration says by then', async () => {
	await configure(['Backend=redis', 'Address=redis://127.0.0.1:6379/4']);
	const moved = await create('moved');
	await configure(['Backend=etcd', 'Address=http://127.0.0.1:2379']);
	await call('UpdateIndexer', {
		indexer: { name: 'indexers/moved', environment: { A: '1' } }, update_mask: { paths: ['environment'] },
	});
	await until(() => said(moved).match(/^env: /mg).length === 2);
	assert.doesNotMatch(said(moved), /PERSIST_TO_ETCD/);
	await until(() => keys(4).includes('apibara:sink:moved'));
	await remove('moved');
	assert.deepEqual(keys(4), []);
});

test('a back end that is gone for good can be abandoned, by its address', async () => {
	await configure(['Backend=redis', 'Address=redis://127.0.0.1:6379/5']);
	await create('left');
	redis('save');
	stopRedis();
	await delayed(remove('left'));
	await configure(['Abandoned=redis://127.0.0.1:6379 redis://127.0.0.1:6379/5']);
	await gone('left');
	assert.match(run('journalctl -q -o cat -u indexerd.service'), /left: its state in redis at redis:\/\/127\.0\.0\.1:6379\/5 is left there, as Abandoned= says/);
	await startRedis();
	assert.deepEqual(keys(5), ['apibara:sink:left']);
	redis('flushall');
});

test('a configuration that cannot be is refused by its line', async () => {
	await unconfigured();
	const cases = [
		[['Backend=mongo'], /50-persistence.conf:2: Backend= wants none, fs, redis or etcd/],
		[['Backend=redis'], /50-persistence.conf:2: Backend=redis wants an Address=/],
		[['Backend=redis', 'Address=rediss://h'], /50-persistence.conf:3: the address of a back end: TLS is not served/],
		[['Backend=redis', `Address=redis://u:${SECRET}@h`], /50-persistence.conf:3: the address of a back end: it has a password/],
		[['Backend=redis', 'Address=http://h'], /50-persistence.conf:3: Address=http:\/\/h is etcd's, and Backend= is redis/],
		[['Address=redis://h'], /50-persistence.conf:2: Address=redis:\/\/h is redis's, and Backend= is fs/],
		[['Credential=a b'], /50-persistence.conf:2: Credential= wants the name of a credential/],
	];
	for (const [lines, message] of cases) {
		fs.writeFileSync(DROP_IN, `[Persistence]\n${lines.join('\n')}\n`);
		const { code, stderr } = sh('indexerd --check');
		assert.equal(code, 1);
		assert.match(stderr, message);
		assert.ok(!stderr.includes(SECRET));
	}
	// A credential that is not passed is found at the start, and indexers go on meanwhile.
	fs.writeFileSync(DROP_IN, '[Persistence]\nBackend=redis\nAddress=redis://h\nCredential=nowhere\n');
	assert.notEqual(sh('systemctl restart indexerd.service', { limit: 60_000 }).code, 0);
	assert.match(run('journalctl -q -o cat -u indexerd.service -n 50'), /Credential=nowhere cannot be read: LoadCredential= of indexerd.service does not name it/);
	await unconfigured();
});

test('the helper’s socket is the daemon’s alone', async () => {
	assert.equal(run('stat -c "%a %U" /run/indexerd/clear.sock'), '600 root');
	await startRedis();
	await configure(['Backend=redis', 'Address=redis://127.0.0.1:6379']);
	await create('helped');
	run('systemctl stop indexerd-clear.socket');
	await delayed(remove('helped'), /indexerd-clear.socket: (Connection refused|No such file or directory)/);
	run('systemctl start indexerd-clear.socket');
	await gone('helped');
	assert.deepEqual(keys(), []);
	await unconfigured();
});
