// SPDX-License-Identifier: Apache-2.0
//
// The state of indexers in Debian's etcd.
'use strict';

const fs = require('node:fs');
const { assert, call, later, restart, run, served, sh, test } = require('./lib');
const {
	configure, create, delayed, etcdctl, get, gone, remove, said, startEtcd, told, unconfigured,
} = require('./sinks');

test('etcd: the state and the lock, down and back', async () => {
	await unconfigured();
	await startEtcd();
	await configure(['Backend=etcd', 'Address=http://localhost:2379']);
	etcdctl('put sink-2 kept');
	etcdctl('put sinks kept');
	const made = await create('sink');
	assert.match(told(made), /PERSIST_TO_ETCD=http:\/\/localhost:2379 SINK_ID=sink STATE_DIRECTORY/);
	assert.match(etcdctl('get --keys-only --prefix sink'), /^sink\n+sink\/[0-9a-f]+\n+sink-2|^sink\n+sink-2\n+sink\/[0-9a-f]+/);
	await remove('sink');
	assert.deepEqual(etcdctl('get --keys-only --prefix ""').split('\n').filter(Boolean), ['sink-2', 'sinks']);
	assert.doesNotMatch(said(await create('sink')), /met an old state/); // it has the lock at once
	await call('StopIndexer', { name: 'indexers/sink' }); // etcdctl does not end without its etcd
	run('systemctl stop etcd.service', { limit: 60_000 });
	await delayed(remove('sink'), /^indexers\/sink: its state in etcd at http:\/\/localhost:2379 cannot be cleared: DeleteRange: /);
	run('systemctl kill -s KILL indexerd.service');
	await served();
	assert.equal((await get('sink')).status.state, 'STATE_DELETING');
	await startEtcd();
	await gone('sink');
	assert.deepEqual(etcdctl('get --keys-only --prefix ""').split('\n').filter(Boolean), ['sink-2', 'sinks']);
});

test('etcd with users: by a token, and a wrong password', async () => {
	const login = '--user root:toor';
	etcdctl('user add root:toor');
	etcdctl('auth enable');
	later(() => sh(`ETCDCTL_API=3 etcdctl ${login} auth disable; ETCDCTL_API=3 etcdctl user delete root`));
	await configure(['Backend=etcd', 'Address=http://root@127.0.0.1:2379', 'Credential=etcd-password'], { 'etcd-password': 'wrong' });
	const made = await create('user', { environment: { LOGIN: 'ETCDCTL_USER=root:toor' } });
	assert.match(told(made), /PERSIST_TO_ETCD=http:\/\/127\.0\.0\.1:2379 /);
	await delayed(remove('user'), /Authenticate: etcdserver: authentication failed, invalid user ID or password/);
	fs.writeFileSync('/etc/indexerd/etcd-password', 'toor\n');
	await restart();
	await gone('user');
	assert.doesNotMatch(etcdctl('get --keys-only --prefix ""', login), /user/);
});
